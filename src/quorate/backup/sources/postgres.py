"""Postgres: dumped in a snapshot, counted and hashed in the very same, restored, compared.

Snapshots belong to one database; those of all databases of a server are taken
one right after the other, before the first is dumped. What is in no database
(roles) is dumped beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from quorate.backup import scratch
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, postgres_check
from quorate.backup.sources import postgres_look as look
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock, parallel, pg
from quorate.tools.passfile import private_file
from quorate.tools.session import Session

ROLES = "roles.sql"
TABLESPACES = "tablespaces.sql"
"""For people: where tablespaces were. A restore puts everything into the default one."""
PREFIX = "database-"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A database, its snapshot while `session` is open, and its tables."""

    name: str
    session: Session
    snapshot: str
    tables: tuple[look.Table, ...]


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A Postgres server as a source, or as an empty one to restore into.

    `jobs`: connections at work at once. `seconds`: the longest that a dump or a
    restore of one database may take. `places`: directories of Postgres' programs;
    None: those installed here.
    """

    server: pg.Server
    jobs: int = 2
    seconds: float = base.DUMP_SECONDS
    places: Sequence[Path] | None = None
    kind: Kind = field(default=Kind.POSTGRES, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Dump every database and the roles; see `base.DumpedSource`.

        Raises:
            MachineError: a right is lacking, a program failed, or the dump is not whole.
        """
        programs = pg.programs_for(self.server, self.places)
        with base.filling(spool), ExitStack() as stack:
            rights = _rights(self.server, programs)
            held = [
                _hold(self.server, name, programs, stack)
                for name in _databases(self.server, programs, rights)
            ]
            for each in held:
                _require_rights(self.server, rights, each, programs)
            parts = _roles(self.server, programs)
            pg.dump_globals(self.server, programs, spool / ROLES, *_ROLES_ONLY)
            pg.dump_globals(self.server, programs, spool / TABLESPACES, "--tablespaces-only")
            for each in held:
                parts |= self._database(each, programs, spool)
                each.session.close()
            made = Manifest(
                kind=self.kind, version=str(pg.version(self.server, programs)), parts=parts
            )
            base.publish(spool, made)
        return made

    def _database(self, held: Held, programs: pg.Programs, spool: Path) -> dict[str, str]:
        """Dump one database, count it, and read the dump back; its parts."""
        into = spool / directory_of(held.name)
        pg.dump(
            self.server,
            held.name,
            programs,
            into,
            snapshot=held.snapshot,
            jobs=self.jobs,
            timeout=self.seconds,
        )
        seen = self._seen(held.name, programs, held.tables, held.snapshot)
        listing = pg.listing(programs, into)
        tables = {
            table.oid: (look.part(held.name, table.schema, table.name), rows)
            for table, (rows, _) in zip(held.tables, seen.rows, strict=True)
        }
        postgres_check.check(into, listing, tables)
        postgres_check.check_large_objects(into, seen.objects, seen.objects_size)
        dumped = _dumped_sequences(programs, into, listing, held.name)
        lacking = {f"sequence {name}" for name in seen.sequences} - set(dumped)
        if lacking:
            raise MachineError(f"the dump does not set {', '.join(sorted(lacking))}")
        return seen.parts | dumped

    def restore(self, directory: Path) -> Restored:
        """Restore a dump into this server, which must be empty; see what came of it.

        The role that connects stays as it is on this server, password and all.

        Raises:
            RefusedError: the server is not empty; nothing was changed.
            MachineError: the dump is not complete, or something failed.
        """
        dumped = base.manifest(directory)
        programs = pg.programs_for(self.server, self.places)
        self._refuse(dumped, programs)
        began = clock.monotonic()
        there = set(_role_names(self.server, programs))
        script = (directory / ROLES).read_text()
        with private_file(without_roles(script, there, self.server.user), ROLES) as path:
            pg.execute(self.server, self.server.database, path, programs)
        for path in sorted(directory.glob(f"{PREFIX}*")):
            pg.restore(self.server, programs, path, jobs=self.jobs, timeout=self.seconds)
        seconds = clock.monotonic() - began
        kept = frozenset({f"role {look.part(self.server.user)}"})
        return Restored(manifest=self.inspect(), seconds=seconds, kept=kept)

    def inspect(self) -> Manifest:
        """What is in this server now. Exact only where nobody writes to it.

        Raises:
            MachineError: it does not answer, or a right is lacking.
        """
        programs = pg.programs_for(self.server, self.places)
        rights = _rights(self.server, programs)
        parts = _roles(self.server, programs)
        for name in _databases(self.server, programs, rights):
            tables = _tables(pg.query(self.server, name, look.TABLES, programs))
            seen = self._seen(name, programs, tables, None)
            parts |= seen.parts | {f"sequence {each}": to for each, to in seen.sequences.items()}
        version = str(pg.version(self.server, programs))
        return Manifest(kind=self.kind, version=version, parts=parts)

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Restore a dump into a scratch server; see `base.DumpedSource`."""
        major = int(base.manifest(directory).version) // 10000
        with scratch.postgres(major, place) as server:
            return Postgres(server=server, jobs=self.jobs, seconds=self.seconds).restore(directory)

    def _refuse(self, dumped: Manifest, programs: pg.Programs) -> None:
        major = pg.version(self.server, programs) // 10000
        if major < int(dumped.version) // 10000:
            raise MachineError(
                f"the dump is of Postgres {int(dumped.version) // 10000}, the server is "
                f"only {major}",
                todo="restore into a server of the same major version, or a newer one",
            )
        for name, _ in pg.query(self.server, self.server.database, look.DATABASES, programs):
            tables = _tables(pg.query(self.server, name, look.TABLES, programs))
            if tables:
                raise RefusedError(
                    f"the server to restore into has tables: {tables[0].quoted} in the database "
                    f"{name}; nothing was changed",
                    todo="restore into an empty server",
                )

    def _seen(
        self,
        database: str,
        programs: pg.Programs,
        tables: Sequence[look.Table],
        snapshot: str | None,
    ) -> Seen:
        """Count and hash everything in a database, several connections at a time."""
        sequences = _sequences(self.server, database, programs)
        begin = look.begin(snapshot)

        def ask(script: str) -> list[Any]:
            return pg.query(
                self.server, database, f"{begin}\n{script}", programs, timeout=self.seconds
            )

        scripts = [
            "\n".join(look.count(number, tables[number]) for number in hand)
            for hand in look.shares([table.size for table in tables], self.jobs)
        ]
        answers = [row for found in parallel.run(ask, scripts, limit=self.jobs) for row in found]
        rows = [(count, total) for _, count, total in sorted(answers)]
        values = "\n".join(look.sequence(n, *each[:2]) for n, each in enumerate(sequences))
        (has_objects,) = ask(look.HAS_LARGE_OBJECTS)
        return Seen(
            database=database,
            tables=tuple(tables),
            rows=tuple(rows),
            sequences={
                look.part(database, *sequences[number][:2]): postgres_check.sequence_state(at, used)
                for number, at, used in ask(values)
            },
            names=tuple(ask(look.NAMES)),
            large=tuple(ask(look.LARGE_OBJECTS)[0]) if has_objects else (0, "0", 0),
        )


_ROLES_ONLY = ("--roles-only", "--quote-all-identifiers")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a database has. `rows`: for each table, its number of rows and sum of hashes."""

    database: str
    tables: tuple[look.Table, ...]
    rows: tuple[tuple[int, str], ...]
    sequences: dict[str, str]
    names: tuple[tuple[str, int, str], ...]
    large: tuple[Any, ...]

    @property
    def objects(self) -> int:
        """How many large objects."""
        return int(self.large[0])

    @property
    def objects_size(self) -> int:
        """The bytes of all large objects."""
        return int(self.large[2])

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
        if self.objects:
            made[f"large objects of {where}"] = f"{self.objects}:{look.digest(self.large[1])}"
        return made


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the role that connects may. `secrets`: read the roles' passwords."""

    role: str
    secrets: bool
    everything: bool
    past_policies: bool


def directory_of(database: str) -> str:
    """The name of the directory that a database's dump lies in."""
    return PREFIX + quote(database, safe="")


def database_in(directory: str) -> str:
    """The database whose dump lies in a directory of this name."""
    return unquote(directory.removeprefix(PREFIX))


def without_roles(script: str, there: set[str], own: str) -> str:
    """The script of roles, without making those that are there; `own` stays as it is. Pure."""
    left_out = {f"CREATE ROLE {look.identifier(name)};" for name in there | {own}}
    altered = f"ALTER ROLE {look.identifier(own)} WITH "
    return "".join(
        line
        for line in script.splitlines(keepends=True)
        if line.rstrip("\n") not in left_out and not line.startswith(altered)
    )


def _databases(server: pg.Server, programs: pg.Programs, rights: Rights) -> Iterator[str]:
    for name, allowed in pg.query(server, server.database, look.DATABASES, programs):
        if not allowed:
            raise _lacks(
                rights.role,
                f"may not connect to the database {name}",
                f"GRANT CONNECT ON DATABASE {look.identifier(name)} TO "
                f"{look.identifier(rights.role)}",
            )
        yield name


def _rights(server: pg.Server, programs: pg.Programs) -> Rights:
    """Raises MachineError where it may not read what a dump of the roles needs."""
    ((role, secrets, everything, past),) = pg.query(server, server.database, look.RIGHTS, programs)
    if not secrets:
        raise _lacks(
            role,
            "may not read the roles' passwords, without which nobody can log in after a restore",
            f"GRANT SELECT ON pg_catalog.pg_authid TO {look.identifier(role)} (in the database "
            f"{server.database})",
        )
    return Rights(role=role, secrets=secrets, everything=everything, past_policies=past)


def _require_rights(server: pg.Server, rights: Rights, held: Held, programs: pg.Programs) -> None:
    """Raises MachineError where something in a database cannot be read."""
    sequences = _sequences(server, held.name, programs)
    names = [table.quoted for table in held.tables if not table.readable]
    names += [look.part(*each[:2]) for each in sequences if not each[2]]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise _lacks(
            rights.role,
            f"may not read {', '.join(names[:3])}{more} in the database {held.name}",
            f"GRANT pg_read_all_data TO {look.identifier(rights.role)} (before Postgres 14: "
            "USAGE on the schemas, SELECT on their tables and sequences)",
        )
    (foreign,) = pg.query(server, held.name, look.FOREIGN_LARGE_OBJECTS, programs)
    if foreign and not rights.everything:
        raise MachineError(
            f"the role {rights.role} may not read {foreign} large objects in the database "
            f"{held.name}; nothing was dumped",
            cause="no role is granted all of them at once",
            todo="dump as a superuser",
        )
    hidden = [t.quoted for t in held.tables if t.secured and not rights.past_policies]
    if hidden:
        raise _lacks(
            rights.role,
            f"sees only some rows of {hidden[0]} in the database {held.name}: row security",
            f"ALTER ROLE {look.identifier(rights.role)} BYPASSRLS",
        )


def _lacks(role: str, what: str, grant: str) -> MachineError:
    return MachineError(
        f"the role {role} {what}; nothing was dumped",
        cause="it was made for less than a backup",
        todo=f"as a superuser: {grant}",
    )


def _hold(server: pg.Server, database: str, programs: pg.Programs, stack: ExitStack) -> Held:
    """Take a snapshot of a database, and keep its tables from being rewritten meanwhile."""
    opened = stack.enter_context(pg.session(server, database, programs))
    opened.ask(look.begin(None), timeout=pg.ASK_SECONDS)
    (snapshot,) = opened.ask("SELECT pg_export_snapshot();", timeout=pg.ASK_SECONDS)
    listed = pg.query(server, database, f"{look.begin(snapshot)}\n{look.TABLES}", programs)
    tables = _tables(listed)
    opened.ask(look.lock(t for t in tables if t.readable), timeout=2 * pg.ASK_SECONDS)
    return Held(name=database, session=opened, snapshot=snapshot, tables=tuple(tables))


def _tables(rows: Sequence[Any]) -> list[look.Table]:
    return [
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
        for oid, schema, name, columns, size, condition, readable, secured in rows
    ]


def _sequences(server: pg.Server, database: str, programs: pg.Programs) -> list[Any]:
    return pg.query(server, database, look.SEQUENCES, programs)


def _roles(server: pg.Server, programs: pg.Programs) -> dict[str, str]:
    found = pg.query(server, server.database, f"{look.SETTINGS}\n{look.ROLES}", programs)
    return {f"role {look.part(name)}": f"1:{look.digest(total)}" for name, total in found}


def _role_names(server: pg.Server, programs: pg.Programs) -> list[str]:
    script = "SELECT to_json(rolname) FROM pg_roles;"
    return pg.query(server, server.database, script, programs)


def _dumped_sequences(
    programs: pg.Programs, directory: Path, listing: str, database: str
) -> dict[str, str]:
    """Where the dump sets its sequences: they move on regardless of snapshots."""
    entries = postgres_check.SEQUENCE_SET.findall(listing)
    if not entries:
        return {}
    with (
        private_file("\n".join(entries), "list") as chosen,
        private_file("", "script") as script,
    ):
        pg.script_of(programs, directory, chosen, script)
        found = postgres_check.sequences_in(script.read_text())
    where = look.part(database)
    return {f"sequence {where}.{name}": state for name, state in found.items()}
