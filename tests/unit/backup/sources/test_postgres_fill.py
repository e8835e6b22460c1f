"""Where the rows of a large table are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.sources.postgres_check import END
from quorate.backup.sources.postgres_fill import pieces_of
from quorate.errors import CommandError


@pytest.mark.parametrize("rows", [b"", b"one\n", b"1\n" * 999, b"x" * 200_000 + b"\n1\n"])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_pieces_are_whole_lines_and_together_all_of_them(
    rows: bytes, count: int, tmp_path: Path
) -> None:
    file = tmp_path / "1.dat"
    file.write_bytes(rows + END)
    pieces = [rows[one.begin : one.end] for one in pieces_of(file, b"COPY", count)]
    assert b"".join(pieces) == rows and len(pieces) <= count
    assert all(piece.endswith(b"\n") for piece in pieces)


def test_a_file_without_its_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "1.dat"
    file.write_bytes(b"1\n")
    with pytest.raises(CommandError, match="cut short"):
        pieces_of(file, b"COPY", 2)
