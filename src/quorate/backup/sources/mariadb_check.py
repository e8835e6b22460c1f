"""A MariaDB dump is read back: it ends where it should, and has every table and sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from quorate.backup.sources import mariadb_look as look
from quorate.errors import MachineError

HEADS = re.compile(
    rb"^-- (?:Current Database: `(?P<database>(?:[^`]|``)+)`"
    rb"|Dumping data for table `(?P<table>(?:[^`]|``)+)`"
    rb"|(?P<end>Dump completed))$"
)
SEQUENCE = re.compile(rb"^DO SETVAL\(`(?P<name>(?:[^`]|``)+)`, (?P<value>-?\d+), 0\);$")


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What a dump says that it has: tables with their rows, and where sequences are set."""

    tables: frozenset[str]
    sequences: dict[str, str]


def read_back(path: Path) -> Heads:
    """Read a dump for what is in it.

    Raises:
        MachineError: it ends before its end.
    """
    database, ended = "", False
    tables: set[str] = set()
    sequences: dict[str, str] = {}
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                ended = False
            if line.startswith(b"-- ") and (head := HEADS.match(line.rstrip(b"\n"))):
                if head["database"] is not None:
                    database = _name(head["database"])
                elif head["table"] is not None:
                    tables.add(look.part(database, _name(head["table"])))
                ended = head["end"] is not None
            elif line.startswith(b"DO SETVAL(") and (set_to := SEQUENCE.match(line.rstrip(b"\n"))):
                name = look.part(database, _name(set_to["name"]))
                sequences[f"sequence {name}"] = f"1:{set_to['value'].decode()}"
    if not ended:
        raise broken("the dump was cut short: its last line is not there")
    return Heads(tables=frozenset(tables), sequences=sequences)


def databases_in(path: Path) -> frozenset[str]:
    """The databases that a dump has; none where it was not made, as nothing was there.

    Raises:
        MachineError: it ends before its end.
    """
    if not path.exists():
        return frozenset()
    read_back(path)
    with path.open("rb") as file:
        heads = (HEADS.match(line.rstrip(b"\n")) for line in file if line.startswith(b"-- Cur"))
        return frozenset(_name(head["database"]) for head in heads if head)


def _name(quoted: bytes) -> str:
    return quoted.decode().replace("``", "`")


def broken(what: str) -> MachineError:
    """A dump that does not count, and why."""
    return MachineError(
        what,
        cause="mariadb-dump was cut short and did not say so, or the disk lost something",
        todo="look at the disk of the spool, and dump again; this dump does not count",
    )
