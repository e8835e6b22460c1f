"""What a MariaDB server has, counted and hashed by sessions whose transactions see the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from quorate.backup.sources import mariadb_look as look
from quorate.backup.sources.large import large_of
from quorate.backup.sources.mariadb_check import Heads, broken
from quorate.backup.sources.postgres_look import shares
from quorate.tools import mariadb, parallel
from quorate.tools.session import Session

RANGES = 4
"""Ranges of a large table for each session: keys are seldom spread evenly."""
MOST = 10_000
"""Statements for one table."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a server has. `rows`: for each table its number of rows and two sums of hashes."""

    tables: tuple[look.Table, ...] = ()
    rows: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    names: tuple[Any, ...] = ()

    @property
    def parts(self) -> dict[str, str]:
        """As a manifest has it, sequences left out: a dump says itself where it sets them."""
        made = {}
        for number, (count, first, second) in self.rows.items():
            table = self.tables[number]
            made[look.part(table.database, table.name)] = f"{count}:{look.digest(first, second)}"
        for kind, place, count, digest in self.names:
            made[f"{kind} of {look.part(place)}"] = f"{count}:{digest}"
        return made

    @property
    def sequences(self) -> list[look.Table]:
        return [table for table in self.tables if table.type == "SEQUENCE"]

    def ask_sequences(self, session: Session) -> dict[str, str]:
        """Where sequences are now."""
        found = {}
        for number, table in enumerate(self.sequences):
            (line,) = session.ask(look.sequence(number, table), timeout=mariadb.ASK_SECONDS)
            name = look.part(table.database, table.name)
            found[f"sequence {name}"] = f"1:{json.loads(line)[1]}"
        return found

    def check(self, heads: Heads) -> None:
        """See that a dump has every table and sequence.

        Raises:
            MachineError: it lacks one.
        """
        names = {look.part(self.tables[n].database, self.tables[n].name) for n in self.rows}
        lacking = names - heads.tables
        lacking |= {f"sequence {look.part(t.database, t.name)}" for t in self.sequences} - set(
            heads.sequences
        )
        if lacking:
            raise broken(f"the dump does not have {', '.join(sorted(lacking)[:3])}")


def see(opened: Sequence[Session], seconds: float) -> Seen:
    """Count and hash everything, in sessions whose transactions see the same."""
    tables = _tables(opened[0])
    pieces = _pieces(opened[0], tables, len(opened), seconds)

    def count(work: tuple[Session, list[int]]) -> list[Any]:
        session, hand = work
        return [
            json.loads(line)
            for rows in (pieces[number] for number in hand)
            for line in session.ask(
                look.count(rows.number, tables[rows.number], rows), timeout=seconds
            )
        ]

    hands = shares([rows.size for rows in pieces], len(opened))
    found = parallel.run(count, list(zip(opened, hands, strict=False)), limit=len(opened))
    names = [json.loads(line) for line in opened[0].ask(look.NAMES, timeout=mariadb.ASK_SECONDS)]
    return Seen(tables=tuple(tables), rows=added(chain(*found)), names=tuple(names))


def added(counted: Iterable[Sequence[int]]) -> dict[int, tuple[int, int, int]]:
    """What was counted of ranges, added up for each table."""
    rows: dict[int, tuple[int, int, int]] = {}
    for number, *sums in counted:
        count, first, second = (
            a + b for a, b in zip(rows.get(number, (0, 0, 0)), sums, strict=True)
        )
        rows[number] = (count, first, second)
    return rows


def _pieces(
    session: Session, tables: Sequence[look.Table], jobs: int, seconds: float
) -> list[look.Range]:
    """All rows of all tables; a large table in ranges, so that no session is left alone with it."""
    sizes = {n: table.size for n, table in enumerate(tables) if table.type != "SEQUENCE"}
    cut = [number for number in large_of(sizes, jobs) if tables[number].key]
    pieces = [look.Range(number=n, size=size) for n, size in sizes.items() if n not in cut]
    for number in cut:
        (line,) = session.ask(look.ends(number, tables[number]), timeout=seconds)
        _, least, greatest = json.loads(line)
        if least is None:
            pieces.append(look.Range(number=number, size=sizes[number]))
        else:
            narrow = -(-(greatest - least + 1) // look.NARROW_KEYS)
            parts = max(RANGES * jobs, narrow if narrow <= MOST else 0)
            pieces += look.ranges(number, sizes[number], least, greatest, parts)
    return pieces


def _tables(session: Session) -> list[look.Table]:
    columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
    primary: dict[tuple[str, str], list[str]] = {}
    for line in session.ask(look.KEYS, timeout=mariadb.ASK_SECONDS):
        database, table, name = json.loads(line)
        primary.setdefault((database, table), []).append(name)
    for line in session.ask(look.COLUMNS, timeout=mariadb.ASK_SECONDS):
        database, table, name, kind = json.loads(line)
        columns.setdefault((database, table), []).append((name, kind))
    return [
        look.Table(
            database=database,
            name=name,
            type=kind,
            engine=engine,
            size=int(size),
            columns=tuple(columns.get((database, name), ())),
            primary=tuple(primary.get((database, name), ())),
        )
        for database, name, kind, engine, size in map(
            json.loads, session.ask(look.TABLES, timeout=mariadb.ASK_SECONDS)
        )
    ]
