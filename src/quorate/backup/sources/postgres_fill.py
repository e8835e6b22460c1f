"""A database filled from a dump: by pg_restore, and by all connections where a table is large.

pg_restore fills a table by one connection, however many it has: the others wait for the largest
one. The rows of such a table are a file of lines, which is cut at lines' ends; each connection
brings a part of it, by the very COPY that the dump has for it, before any index is there.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from quorate.backup.sources.large import large_of
from quorate.backup.sources.postgres_check import END, TABLE_DATA
from quorate.errors import CommandError
from quorate.tools import clock, parallel, part, pg

COPY_END = " FROM stdin;\n"
SCRIPT_END = b"\\.\n"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Rows of a table: those between two bytes of a file, and the SQL before them."""

    file: Path
    begin: int
    end: int
    before: bytes


def fill(
    server: pg.Server,
    database: str,
    programs: pg.Programs,
    directory: Path,
    *,
    anew: bool,
    jobs: int,
    timeout: float,
) -> None:
    """Fill a database from its dump.

    Args:
        database: what it is called on this server.
        anew: make it, with what the dump knows of it; else it is there, and empty.
        timeout: seconds for all of it.

    Raises:
        CommandError: a program failed or did not end in time.
    """
    into = None if anew else database
    listing = pg.listing(programs, directory)
    files = {line: directory / f"{entry}.dat" for line, entry in _tables(listing).items()}
    sizes = {line: path.stat().st_size for line, path in files.items() if path.exists()}
    large = large_of(sizes, jobs)
    if not large:
        pg.restore(server, programs, directory, into=into, jobs=jobs, timeout=timeout)
        return
    deadline = clock.monotonic() + timeout

    def left() -> float:
        return max(1.0, deadline - clock.monotonic())

    def bring(piece: Piece) -> None:
        _bring(server, database, programs, piece, left())

    with tempfile.TemporaryDirectory(prefix="quorate-fill-") as place:
        rest = Path(place) / "rest"
        rest.write_text("\n".join(line for line in listing.splitlines() if line not in large))
        pieces = [
            piece
            for line in large
            for piece in pieces_of(files[line], _copy(programs, directory, line, Path(place)), jobs)
        ]
        first = ("--section=pre-data", "--section=data", f"--use-list={rest}")
        pg.restore(server, programs, directory, into=into, jobs=jobs, timeout=left(), options=first)
        parallel.run(bring, pieces, limit=jobs)
        last = ("--section=post-data",)
        pg.restore(
            server, programs, directory, into=database, jobs=jobs, timeout=left(), options=last
        )


def pieces_of(file: Path, before: bytes, count: int) -> list[Piece]:
    """A table's rows in about equal parts.

    Raises:
        CommandError: the file does not end as pg_dump ends it.
    """
    end = file.stat().st_size - len(END)
    with file.open("rb") as opened:
        opened.seek(max(end, 0))
        if opened.read() != END:
            raise CommandError(
                f"the dump's file {file.name} was cut short", todo="restore another copy"
            )
    cuts = part.cuts(file, end, count)
    return [
        Piece(file=file, begin=begin, end=until, before=before)
        for begin, until in itertools.pairwise(cuts)
    ]


def _tables(listing: str) -> dict[str, str]:
    """The lines of a dump's contents that are a table's rows → their entries' numbers."""
    return {line: match[1] for line in listing.splitlines() if (match := TABLE_DATA.match(line))}


def _copy(programs: pg.Programs, directory: Path, line: str, place: Path) -> bytes:
    """The SQL before a table's rows, by a dump that has none."""
    entry = line.partition(";")[0]
    empty = place / entry
    empty.mkdir()
    # Not a link: pg_restore 17 takes none.
    shutil.copyfile(directory / "toc.dat", empty / "toc.dat")
    (empty / f"{entry}.dat").touch()
    chosen, script = place / f"{entry}.list", place / f"{entry}.sql"
    chosen.write_text(line)
    pg.script_of(programs, empty, chosen, script)
    text = script.read_bytes().decode("utf-8", "surrogateescape")
    before, found, _ = text.rpartition(COPY_END)
    if not found:
        raise CommandError(f"pg_restore says no COPY for the entry {entry}", cause=text[-200:])
    return (before + found).encode("utf-8", "surrogateescape")


def _bring(
    server: pg.Server, database: str, programs: pg.Programs, piece: Piece, timeout: float
) -> None:
    try:
        with part.fed(
            piece.file, piece.begin, piece.end, before=piece.before, after=SCRIPT_END
        ) as stream:
            pg.bring(server, database, stream, programs, timeout=timeout)
    except OSError as error:
        raise CommandError(
            f"the dump's file {piece.file.name} cannot be read", cause=error.strerror or str(error)
        ) from error
