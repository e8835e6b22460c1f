"""Reading a Postgres dump back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources import postgres_check as check
from quorate.errors import MachineError

LISTING = """;
; Archive created at 2026-01-01 00:00:00 UTC
;     TOC Entries: 5
;
3361; 0 16385 TABLE DATA public t postgres
3362; 0 16390 TABLE DATA Odd. Schema ta"ble 'x' TABLE DATA postgres
3370; 0 0 SEQUENCE SET public t_id_seq postgres
215; 1259 16385 TABLE public t postgres
"""
ROW = st.text(st.characters(exclude_characters="\n\\", exclude_categories=["Cs"]))


def test_data_files_are_found_by_object_id() -> None:
    assert check.data_files(LISTING) == {16385: "3361.dat", 16390: "3362.dat"}


def test_sequences_are_read_where_the_dump_sets_them() -> None:
    script = (
        'SELECT pg_catalog.setval(\'"public"."t_id_seq"\', 42, true);\n\n'
        'SELECT pg_catalog.setval(\'"Odd. Schema"."it\'\'s a ""q"\', -3, false);\n'
    )
    odd = '"Odd. Schema"."it\'s a ""q"'
    assert check.sequences_in(script) == {"public.t_id_seq": "1:42+", odd: "1:-3"}


@given(st.lists(ROW, max_size=20))
def test_every_row_is_counted(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    path = tmp_path_factory.mktemp("dump") / "1.dat"
    path.write_bytes("".join(f"{row}\n" for row in rows).encode() + check.END)
    assert check.rows(path) == len(rows)


@given(st.lists(ROW, max_size=8), st.data())
def test_no_cut_is_taken_for_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], data: st.DataObject
) -> None:
    whole = "".join(f"{row}\n" for row in rows).encode() + check.END
    path = tmp_path_factory.mktemp("dump") / "1.dat"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(MachineError, match="cut short"):
        check.rows(path)


def test_a_row_that_ends_like_the_end_is_no_end(tmp_path: Path) -> None:
    path = tmp_path / "1.dat"
    path.write_bytes(b"ends in a backslash and a dot\\" + check.END)
    with pytest.raises(MachineError, match="cut short"):
        check.rows(path)


def test_a_large_file_is_read_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.dat"
    path.write_bytes(b"abc\n" * 10 + check.END)
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(check, "CHUNK", size)
        assert check.rows(path) == 10


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({16385: ("app.public.t", 3)}, "2 rows of app.public.t, and the server had 3"),
        ({16390: ("app.odd", 0)}, "3362.dat cannot be read"),
        ({7: ("app.public.lost", 0)}, "no rows of app.public.lost"),
    ],
)
def test_what_is_not_as_counted_is_said(
    tmp_path: Path, counted: dict[int, tuple[str, int]], said: str
) -> None:
    (tmp_path / "3361.dat").write_bytes(b"1\n2\n" + check.END)
    check.check(tmp_path, LISTING, {16385: ("app.public.t", 2)})
    with pytest.raises(MachineError, match=said):
        check.check(tmp_path, LISTING, counted)


def test_large_objects_are_compared_by_number_and_size(tmp_path: Path) -> None:
    (tmp_path / "blob_7.dat").write_bytes(b"12345")
    check.check_large_objects(tmp_path, 1, 5)
    for count, size in ((2, 5), (1, 6), (0, 0)):
        with pytest.raises(MachineError, match="1 large objects of 5 bytes"):
            check.check_large_objects(tmp_path, count, size)
