"""What a Postgres database has, counted and hashed: in a snapshot that is held, or now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from quorate.backup.sources import postgres_look as look
from quorate.backup.sources.postgres_check import sequence_state
from quorate.tools import parallel, pg
from quorate.tools.session import Session


@dataclass(frozen=True, kw_only=True)
class Held:
    """A database, its snapshot while `session` is open, and its tables."""

    name: str
    session: Session
    snapshot: str
    tables: tuple[look.Table, ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a database has.

    `rows`: for each table, its number of rows and sum of hashes. `names`: kind of
    thing, how many, hash of their names. `large`: of large objects, their number,
    sum of hashes, bytes.
    """

    database: str
    tables: tuple[look.Table, ...]
    rows: tuple[tuple[int, str], ...]
    names: tuple[tuple[str, int, str], ...]
    large: tuple[int, str, int]

    @property
    def parts(self) -> dict[str, str]:
        """As a manifest has it, sequences left out: a dump says itself where it sets them."""
        made = {
            look.part(self.database, table.schema, table.name): f"{count}:{look.digest(total)}"
            for table, (count, total) in zip(self.tables, self.rows, strict=True)
        }
        where = look.part(self.database)
        for kind, count, total in self.names:
            made[f"{kind} of {where}"] = f"{count}:{look.digest(total)}"
        count, total, _ = self.large
        if count:
            made[f"large objects of {where}"] = f"{count}:{look.digest(total)}"
        return made


@dataclass(frozen=True, kw_only=True)
class View:
    """A database as it is looked at: in a snapshot, or (None) as it is now."""

    server: pg.Server
    database: str
    programs: pg.Programs
    snapshot: str | None
    seconds: float

    def ask(self, script: str) -> list[Any]:
        """What a script prints, each line read as JSON."""
        whole = f"{look.begin(self.snapshot)}\n{script}"
        return pg.query(self.server, self.database, whole, self.programs, timeout=self.seconds)

    def tables(self) -> tuple[look.Table, ...]:
        """Its tables."""
        return tuple(
            look.Table(
                oid=oid,
                schema=schema,
                name=name,
                columns=tuple(columns),
                size=size,
                condition=condition or "",
                readable=readable,
                secured=secured,
            )
            for oid, schema, name, columns, size, condition, readable, secured in self.ask(
                look.TABLES
            )
        )

    def see(self, tables: Sequence[look.Table], jobs: int) -> Seen:
        """Count and hash everything, `jobs` connections at a time."""
        scripts = [
            "\n".join(look.count(number, tables[number]) for number in hand)
            for hand in look.shares([table.size for table in tables], jobs)
        ]
        answers = [row for found in parallel.run(self.ask, scripts, limit=jobs) for row in found]
        (has_objects,) = self.ask(look.HAS_LARGE_OBJECTS)
        large = self.ask(look.LARGE_OBJECTS)[0] if has_objects else (0, "0", 0)
        return Seen(
            database=self.database,
            tables=tuple(tables),
            rows=tuple((count, total) for _, count, total in sorted(answers)),
            names=tuple((kind, count, total) for kind, count, total in self.ask(look.NAMES)),
            large=(large[0], large[1], large[2]),
        )

    def sequences(self) -> list[tuple[str, str]]:
        """Schema and name of each sequence."""
        return [(schema, name) for schema, name, _ in self.ask(look.SEQUENCES)]

    def sequence_states(self) -> dict[str, str]:
        """Where each sequence is now, whatever the snapshot: part → state."""
        named = self.sequences()
        script = "\n".join(look.sequence(number, *each) for number, each in enumerate(named))
        return {
            f"sequence {look.part(self.database, *named[number])}": sequence_state(at, called)
            for number, at, called in self.ask(script)
        }


def hold(server: pg.Server, database: str, programs: pg.Programs, stack: ExitStack) -> Held:
    """Take a snapshot of a database, and keep its tables from being rewritten, for the stack."""
    opened = stack.enter_context(pg.session(server, database, programs))
    opened.ask(look.begin(None), timeout=pg.ASK_SECONDS)
    (snapshot,) = opened.ask("SELECT pg_export_snapshot();", timeout=pg.ASK_SECONDS)
    view = View(server=server, database=database, programs=programs, snapshot=snapshot,
                seconds=pg.ASK_SECONDS)  # fmt: skip
    tables = view.tables()
    opened.ask(look.lock(each for each in tables if each.readable), timeout=2 * pg.ASK_SECONDS)
    return Held(name=database, session=opened, snapshot=snapshot, tables=tables)


def roles(server: pg.Server, programs: pg.Programs) -> dict[str, str]:
    """Each role with its attributes, password, memberships and settings: part → state."""
    found = pg.query(server, server.database, f"{look.SETTINGS}\n{look.ROLES}", programs)
    return {f"role {look.part(name)}": f"1:{look.digest(total)}" for name, total in found}


def role_names(server: pg.Server, programs: pg.Programs) -> list[str]:
    """The names of all roles."""
    script = "SELECT to_json(rolname) FROM pg_roles;"
    return [str(name) for name in pg.query(server, server.database, script, programs)]
