"""Postgres: dumped in a snapshot, counted and hashed in the very same, restored, compared.

Snapshots belong to one database; those of all databases of a server are taken
one right after the other, before the first is dumped. What is in no database
(roles) is dumped beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from quorate.backup import scratch
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, postgres_check, postgres_rights
from quorate.backup.sources import postgres_look as look
from quorate.backup.sources.postgres_fill import fill
from quorate.backup.sources.postgres_seen import Held, View, hold, role_names, roles
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock, pg
from quorate.tools.passfile import private_file

ROLES = "roles.sql"
ROLES_ONLY = ("--roles-only", "--quote-all-identifiers")
TABLESPACES = "tablespaces.sql"
"""For people: where tablespaces were. A restore puts everything into the default one."""
PREFIX = "database-"
CLOSED = "the database {} is not in it: nobody can connect to it (ALLOW_CONNECTIONS false)"


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
        server = self.server
        programs = pg.programs_for(server, self.places)
        with base.filling(spool), ExitStack() as stack:
            rights = postgres_rights.ask(server, programs)
            held = [
                hold(server, name, programs, stack)
                for name in postgres_rights.databases(server, rights, programs)
            ]
            for each in held:
                postgres_rights.require(server, rights, each.name, each.tables, programs)
            parts = roles(server, programs)
            pg.dump_globals(
                server, programs, spool / ROLES, "--roles-only", "--quote-all-identifiers"
            )
            pg.dump_globals(server, programs, spool / TABLESPACES, "--tablespaces-only")
            for each in held:
                parts |= self._database(each, programs, spool / directory_of(each.name))
                each.session.close()
            version = str(pg.version(server, programs))
            closed = pg.query(server, server.database, look.CLOSED, programs)
            said = tuple(CLOSED.format(look.part(str(name))) for name in closed)
            made = Manifest(kind=self.kind, version=version, parts=parts, findings=said)
            base.publish(spool, made)
        return made

    def _database(self, held: Held, programs: pg.Programs, into: Path) -> dict[str, str]:
        """Dump one database, count it, and read the dump back; its parts."""
        pg.dump(
            self.server,
            held.name,
            programs,
            into,
            snapshot=held.snapshot,
            jobs=self.jobs,
            timeout=self.seconds,
        )
        view = self._view(held.name, programs, held.snapshot)
        seen = view.see(held.tables, self.jobs)
        listing = pg.listing(programs, into)
        counted = {
            table.oid: (look.part(held.name, table.schema, table.name), rows)
            for table, (rows, _) in zip(held.tables, seen.rows, strict=True)
        }
        postgres_check.check(into, listing, counted)
        postgres_check.check_large_objects(into, seen.large[0], seen.large[2])
        dumped = _dumped_sequences(programs, into, listing, held.name)
        there = {f"sequence {look.part(held.name, *each)}" for each in view.sequences()}
        if there != set(dumped):
            wrong = ", ".join(sorted(there ^ set(dumped)))
            raise MachineError(
                f"the dump and the database do not have the same sequences: {wrong}",
                cause="one was made or dropped just now",
                todo="dump again",
            )
        return seen.parts | dumped

    def restore(self, directory: Path) -> Restored:
        """Restore a dump into this server, which must be empty; see what came of it.

        The role that connects stays as it is on this server, password and all, and so
        do databases that the dump does not have.

        Raises:
            RefusedError: the server is not empty; nothing was changed.
            MachineError: the dump is not complete, or something failed.
        """
        dumped = base.manifest(directory)
        server = self.server
        programs = pg.programs_for(server, self.places)
        there = self._require_empty(dumped, programs)
        began = clock.monotonic()
        script = (directory / ROLES).read_text()
        script = without_roles(script, set(role_names(server, programs)), server.user)
        with private_file(script, ROLES) as path:
            pg.execute(server, server.database, path, programs)
        paths = sorted(directory.glob(f"{PREFIX}*"))
        for path in paths:
            name = database_in(path.name)
            fill(server, name, programs, path, anew=True, jobs=self.jobs, timeout=self.seconds)
        seconds = clock.monotonic() - began
        found = self.inspect()
        kept = {f"role {look.part(server.user)}"}
        for name in there - {database_in(path.name) for path in paths}:
            kept |= {part for part in found.parts if part.endswith(f" of {look.part(name)}")}
        return Restored(manifest=found, seconds=seconds, kept=frozenset(kept))

    def inspect(self) -> Manifest:
        """What is in this server now. Exact only where nobody writes to it.

        Raises:
            MachineError: it does not answer, or a right is lacking.
        """
        programs = pg.programs_for(self.server, self.places)
        rights = postgres_rights.ask(self.server, programs)
        parts = roles(self.server, programs)
        for name in postgres_rights.databases(self.server, rights, programs):
            view = self._view(name, programs, None)
            parts |= view.see(view.tables(), self.jobs).parts | view.sequence_states()
        version = str(pg.version(self.server, programs))
        return Manifest(kind=self.kind, version=version, parts=parts)

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Restore a dump into a scratch server; see `base.DumpedSource`."""
        major = int(base.manifest(directory).version) // 10000
        with scratch.postgres(major, place) as server:
            return Postgres(server=server, jobs=self.jobs, seconds=self.seconds).restore(directory)

    def _view(self, database: str, programs: pg.Programs, snapshot: str | None) -> View:
        return View(
            server=self.server,
            database=database,
            programs=programs,
            snapshot=snapshot,
            seconds=self.seconds,
        )

    def _require_empty(self, dumped: Manifest, programs: pg.Programs) -> set[str]:
        """The databases of this server; refuses one that has tables, or is too old."""
        major = pg.version(self.server, programs) // 10000
        if major < int(dumped.version) // 10000:
            raise MachineError(
                f"the dump is of Postgres {int(dumped.version) // 10000}, the server is "
                f"only {major}",
                todo="restore into a server of the same major version, or a newer one",
            )
        names = set()
        for name, _ in pg.query(self.server, self.server.database, look.DATABASES, programs):
            tables = self._view(name, programs, None).tables()
            if tables:
                raise RefusedError(
                    f"the server to restore into has tables: {tables[0].quoted} in the database "
                    f"{name}; nothing was changed",
                    todo="restore into an empty server",
                )
            names.add(name)
        return names


def directory_of(database: str) -> str:
    """The name of the directory that a database's dump lies in."""
    return PREFIX + quote(database, safe="")


def database_in(directory: str) -> str:
    """The database whose dump lies in a directory of this name."""
    return unquote(directory.removeprefix(PREFIX))


GRANTOR = re.compile(r' GRANTED BY "(?:[^"]|"")*";$')
"""From Postgres 16 on a role can grant in the name of another only if that one may: in a server
whose first superuser has another name, it may not. Whoever restores has granted them then."""


def without_roles(script: str, there: set[str], own: str) -> str:
    """The script of roles, without making those that are there; `own` stays as it is. Pure.

    Who granted a membership is left out.
    """
    left_out = {f"CREATE ROLE {look.identifier(name)};" for name in there | {own}}
    altered = f"ALTER ROLE {look.identifier(own)} WITH "
    return "".join(
        GRANTOR.sub(";", line) if line.startswith('GRANT "') else line
        for line in script.splitlines(keepends=True)
        if line.rstrip("\n") not in left_out and not line.startswith(altered)
    )


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
