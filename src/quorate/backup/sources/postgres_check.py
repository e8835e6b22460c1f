"""A Postgres dump is read back: every table's file is there, whole, with as many rows as counted.

`pg_restore --list` reads only the table of contents; a data file that was cut
short is found by its end and its lines. One row is one line of COPY's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from quorate.backup.sources.postgres_look import part
from quorate.errors import MachineError

END = b"\\.\n\n\n"
"""The end of every data file of a dump in directory format."""
CHUNK = 1 << 20
TABLE_DATA = re.compile(r"^(\d+); \d+ (\d+) TABLE DATA ", re.MULTILINE)
SEQUENCE_SET = re.compile(r"^\d+; \d+ \d+ SEQUENCE SET .*$", re.MULTILINE)
SETVAL = re.compile(r"^SELECT pg_catalog\.setval\('((?:[^']|'')+)', (-?\d+), (true|false)\);$",
                    re.MULTILINE)  # fmt: skip
QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def data_files(listing: str) -> dict[int, str]:
    """Object id of a table → the file of its rows, from what `pg_restore --list` prints."""
    return {int(oid): f"{entry}.dat" for entry, oid in TABLE_DATA.findall(listing)}


def sequences_in(script: str) -> dict[str, str]:
    """Part → `1:VALUE` of each sequence that a dump sets, with `+` where it was given out."""
    found = {}
    for name, value, called in SETVAL.findall(script):
        names = [each.replace('""', '"') for each in QUOTED.findall(name.replace("''", "'"))]
        found[part(*names)] = sequence_state(value, called == "true")
    return found


def sequence_state(value: str, called: bool) -> str:
    """A sequence's state as a manifest has it."""
    return f"1:{value}{'+' if called else ''}"


def rows(path: Path) -> int:
    """How many rows a data file has.

    Raises:
        MachineError: it is missing, or ends before its end.
    """
    lines, tail = 0, b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                lines += chunk.count(b"\n")
                tail = (tail + chunk)[-len(END) - 1 :]
    except OSError as error:
        raise _broken(f"the dump's file {path.name} cannot be read: {error.strerror}") from error
    # What ends in the mark of the end after something else than a line's end is a row.
    if not tail.endswith(END) or tail[: -len(END)] not in (b"", b"\n"):
        raise _broken(f"the dump's file {path.name} was cut short")
    return lines - END.count(b"\n")


def check(directory: Path, listing: str, counted: Mapping[int, tuple[str, int]]) -> None:
    """See that a dump has exactly the rows that were counted in its snapshot.

    Args:
        counted: object id of each table → its name, and its number of rows.

    Raises:
        MachineError: it has not.
    """
    files = data_files(listing)
    for oid, (name, count) in counted.items():
        if oid not in files:
            raise _broken(f"the dump has no rows of {name}")
        found = rows(directory / files[oid])
        if found != count:
            raise _broken(f"the dump has {found} rows of {name}, and the server had {count}")


def check_large_objects(directory: Path, count: int, size: int) -> None:
    """See that a dump has all large objects, whole.

    Args:
        count, size: how many there are, and their bytes together.

    Raises:
        MachineError: it has not.
    """
    files = [path for path in directory.glob("blob_*.dat")]
    found = sum(path.stat().st_size for path in files)
    if (len(files), found) != (count, size):
        raise _broken(
            f"the dump has {len(files)} large objects of {found} bytes, and the server had "
            f"{count} of {size}"
        )


def _broken(what: str) -> MachineError:
    return MachineError(
        what,
        cause="pg_dump was cut short and did not say so, or the disk lost something",
        todo="look at the disk of the spool, and dump again; this dump does not count",
    )
