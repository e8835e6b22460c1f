"""A server filled from a dump: a statement after the other, and by all connections where a table is
large.

The dump is one script, which one connection runs. The rows of a large table are cut at statements'
ends, and each connection brings a part, with the settings that the script begins with; what comes
after them in the script, triggers among it, waits for all parts. Views come last, when their owners
may what they were granted on single tables and routines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from quorate.backup.sources.mariadb_check import Heads, Rows
from quorate.errors import CommandError
from quorate.tools import clock, mariadb, parallel, part

LARGE_BYTES = 16 * 2**20
"""Tables come one after the other; the rows of a smaller one are there before connections are."""
STATEMENT_END = b";\n"
"""In no value: mariadb-dump writes the end of a line in one as `\\n`."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Statements between two bytes of a script; `database`: that they are for, as SQL takes it."""

    begin: int
    end: int
    database: bytes = b""


def fill(
    server: mariadb.Server,
    programs: mariadb.Programs,
    script: Path,
    heads: Heads,
    grants: Callable[[], None],
    *,
    jobs: int,
    timeout: float,
) -> None:
    """Run a dump.

    Args:
        heads: what was read of it.
        grants: grants what needs its tables and routines to be there.
        timeout: seconds for all of it.

    Raises:
        CommandError: a statement failed, or it did not end in time.
    """
    deadline = clock.monotonic() + timeout
    before = b""

    def bring(piece: Piece) -> None:
        left = max(1.0, deadline - clock.monotonic())
        head = before + b"USE " + piece.database + b";\n" if piece.database else b""
        with part.fed(script, piece.begin, piece.end, before=head) as stream:
            mariadb.bring(server, stream, programs, timeout=left)

    try:
        stages = stages_of(script, heads, jobs)
        with script.open("rb") as file:
            before = file.read(heads.before)
        for stage in stages:
            parallel.run(bring, stage, limit=jobs)
        grants()
        if (views := views_of(script, heads)) is not None:
            bring(views)
    except OSError as error:
        raise CommandError(
            f"the dump's file {script.name} cannot be read", cause=error.strerror or str(error)
        ) from error


def stages_of(script: Path, heads: Heads, jobs: int) -> list[Sequence[Piece]]:
    """What is brought after what, views left out; the pieces of one stage at once.

    Each byte at most once.
    """
    sizes = {rows: rows.end - rows.begin for rows in heads.rows}
    stages: list[Sequence[Piece]] = []
    at, database = 0, b""
    large = [rows for rows, size in sizes.items() if jobs > 1 and size >= LARGE_BYTES]
    for rows in sorted(large, key=lambda one: one.first):
        stages.append([Piece(begin=at, end=rows.first, database=database)])
        stages.append(pieces_of(script, rows, jobs))
        at, database = rows.last, rows.quoted
    end = script.stat().st_size if heads.views is None else heads.views[0]
    stages.append([Piece(begin=at, end=end, database=database)])
    return stages


def views_of(script: Path, heads: Heads) -> Piece | None:
    """What makes the views; None: there are none."""
    if heads.views is None:
        return None
    begin, database = heads.views
    return Piece(begin=begin, end=script.stat().st_size, database=database)


def pieces_of(script: Path, rows: Rows, count: int) -> list[Piece]:
    """A table's rows in about equal parts, whole statements each."""
    cuts = part.cuts(script, rows.end, count, STATEMENT_END, begin=rows.begin)
    return [Piece(begin=a, end=b, database=rows.quoted) for a, b in pairwise(cuts)]
