"""A MariaDB dump is read back: it ends where it should, and has every table and sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from quorate.backup.sources import mariadb_look as look
from quorate.errors import MachineError

HEADS = re.compile(
    rb"^-- (?:Current Database: `(?P<database>(?:[^`]|``)+)`"
    rb"|Dumping data for table `(?P<table>(?:[^`]|``)+)`"
    rb"|(?P<end>Dump completed))$"
)
SEQUENCE = re.compile(rb"^DO SETVAL\(`(?P<name>(?:[^`]|``)+)`, (?P<value>-?\d+), 0\);$")


VIEW = b"-- Final view structure for view `"
"""Before each view, and all views after all else: until then they are without what they show."""
BODY = b"DELIMITER "
BODY_END = b"DELIMITER ;\n"
STRUCTURE = b"-- Table structure for table `"
ENGINE = b") ENGINE=InnoDB"
INSERT = b"INSERT INTO `"
UNLOCK = b"UNLOCK TABLES;"
COMMITS = (b"COMMIT;", b"SET AUTOCOMMIT")
"""After the rows of a table, where they are brought in one transaction."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where a dump has the rows of a table of InnoDB, in bytes from its beginning.

    `quoted`: the table's database as SQL takes it. All that is about the rows is between `first`
    and `last`, the statements that bring them between `begin` and `end`.
    """

    quoted: bytes
    first: int
    begin: int
    end: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What a dump says that it has: tables with their rows, and where sequences are set.

    `before`: the length of what is said before the first database, which holds for all of it.
    `views`: where the first view is made, and in which database, as SQL takes it; None: there are
    none.
    """

    tables: frozenset[str]
    sequences: dict[str, str]
    databases: frozenset[str] = frozenset()
    rows: tuple[Rows, ...] = ()
    before: int = 0
    views: tuple[int, bytes] | None = None


def read_back(path: Path) -> Heads:
    """Read a dump for what is in it.

    Raises:
        MachineError: it ends before its end.
    """
    state = path.stat()
    return _heads_of(path, state.st_size, state.st_mtime_ns)


# A restore in place asks before it drops what is there, and again before it fills: 2 s for 1 GiB.
@lru_cache(maxsize=1)
def _heads_of(path: Path, size: int, changed: int) -> Heads:
    del size, changed
    reader = _Reader()
    with path.open("rb") as file:
        for line in file:
            # Most lines are rows, and end what was an end.
            if line.startswith(b"("):
                reader.rows(line)
            else:
                reader.line(line)
    if not reader.ended:
        raise broken("the dump was cut short: its last line is not there")
    return Heads(
        databases=frozenset(reader.databases),
        tables=frozenset(reader.tables),
        sequences=reader.sequences,
        rows=tuple(reader.found),
        before=reader.before,
        views=reader.views,
    )


class _Reader:
    """What has been read of a dump so far."""

    def __init__(self) -> None:
        self.at = self.before = 0
        self.ended = False
        self.quoted = b""
        self.databases: set[str] = set()
        self.tables: set[str] = set()
        self.sequences: dict[str, str] = {}
        self.found: list[Rows] = []
        self.views: tuple[int, bytes] | None = None
        self._in_body = False
        self._transactional = False
        self._first = self._begin = self._end = -1

    def rows(self, line: bytes) -> None:
        self.ended = False
        self.at += len(line)

    def line(self, line: bytes) -> None:
        if line.strip():
            self.ended = False
        if line.startswith(b"-- "):
            self._comment(line.rstrip(b"\n"))
        elif line.startswith(BODY):
            self._in_body = line != BODY_END
        elif line.startswith(ENGINE):
            self._transactional = True
        elif line.startswith(b"DO SETVAL(") and (set_to := SEQUENCE.match(line.rstrip(b"\n"))):
            name = look.part(_name(self.quoted[1:-1]), _name(set_to["name"]))
            self.sequences[f"sequence {name}"] = f"1:{set_to['value'].decode()}"
        elif self._first >= 0:
            self._statement(line)
        elif self.found and line.startswith(COMMITS) and self.found[-1].last == self.at:
            self.found[-1] = replace(self.found[-1], last=self.at + len(line))
        self.at += len(line)

    def _comment(self, line: bytes) -> None:
        if line.startswith(STRUCTURE):
            self._transactional, self._first = False, -1
        elif line.startswith(VIEW) and self.views is None and not self._in_body:
            self.views = self.at, self.quoted
        if (head := HEADS.match(line)) is None:
            return
        if head["database"] is not None:
            self.before = self.before or self.at
            self.quoted = b"`" + head["database"] + b"`"
            self.databases.add(_name(head["database"]))
            self._first = -1
        elif head["table"] is not None:
            self.tables.add(look.part(_name(self.quoted[1:-1]), _name(head["table"])))
            self._first = self.at if self._transactional else -1
            self._begin = self._end = -1
        self.ended = head["end"] is not None

    def _statement(self, line: bytes) -> None:
        """One of those around a table's rows."""
        if line.startswith(INSERT):
            self._begin = self.at if self._begin < 0 else self._begin
        elif self._begin >= 0 and self._end < 0:
            self._end = self.at
        if line.startswith(UNLOCK):
            if self._begin >= 0:
                rows = Rows(
                    quoted=self.quoted,
                    first=self._first,
                    begin=self._begin,
                    end=self._end,
                    last=self.at + len(line),
                )
                self.found.append(rows)
            self._first = -1


def _name(quoted: bytes) -> str:
    return quoted.decode().replace("``", "`")


def broken(what: str) -> MachineError:
    """A dump that does not count, and why."""
    return MachineError(
        what,
        cause="mariadb-dump was cut short and did not say so, or the disk lost something",
        todo="look at the disk of the spool, and dump again; this dump does not count",
    )
