"""Parts of files: cut behind marks, and fed into a pipe with something around them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.tools import part


@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b""))), st.integers(1, 9)
)
def test_cuts_lie_behind_marks(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes],
                               count: int) -> None:  # fmt: skip
    text = b"".join(line + b"\n" for line in lines)
    file = tmp_path_factory.mktemp("cut") / "file"
    file.write_bytes(text + b"more")
    cuts = part.cuts(file, len(text), count)
    assert cuts[0] == 0 and cuts[-1] == len(text) and len(cuts) <= count + 1
    assert all(text[begin:end].endswith(b"\n") for begin, end in pairwise(cuts))


@given(st.text("ab;\n", max_size=60), st.integers(0, 9), st.integers(1, 9))
def test_cuts_lie_behind_marks_of_two_bytes(
    tmp_path_factory: pytest.TempPathFactory, inner: str, begin: int, count: int
) -> None:
    text = b"x" * begin + inner.encode() + b";\n"
    file = tmp_path_factory.mktemp("cut") / "file"
    file.write_bytes(text + b"more;\n")
    cuts = part.cuts(file, len(text), count, b";\n", begin=begin)
    assert cuts[0] == begin and cuts[-1] == len(text) and len(cuts) <= count + 1
    assert all(text[first:last].endswith(b";\n") for first, last in pairwise(cuts))


@pytest.mark.parametrize("shift", [-2, -1, 0, 1])
def test_a_mark_may_lie_between_two_blocks(shift: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    half = 3 << 16
    cut = half + (1 << 16) + shift
    text = (b"x" * (cut - 2) + b";\n").ljust(2 * half, b"y")
    file.write_bytes(text)
    assert part.cuts(file, len(text), 2, b";\n") == [0, cut, len(text)]


def test_a_part_comes_with_what_is_around_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789" * 100_000)
    with part.fed(file, 5, 999_995, before=b"<", after=b">") as pipe:
        found = b"".join(iter(lambda: pipe.read(1 << 16), b""))
    assert found == b"<" + (b"0123456789" * 100_000)[5:999_995] + b">"


def test_who_reads_no_further_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(10**6))
    with part.fed(file, 0, 10**6) as pipe:
        assert pipe.read(1) == b"\0"


@pytest.mark.parametrize("missing", [True, False])
def test_a_file_that_is_too_short_is_one(missing: bool, tmp_path: Path) -> None:
    file = tmp_path / "file"
    if not missing:
        file.write_bytes(b"123")
    with (
        pytest.raises(OSError, match=r"ends before byte 9|No such file"),
        part.fed(file, 0, 9) as pipe,
    ):
        while pipe.read(9):
            pass
