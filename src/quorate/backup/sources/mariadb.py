"""MariaDB: dumped in one transaction, counted in others that see the same, restored, compared.

Commits are held back for a moment (BACKUP STAGE BLOCK_COMMIT), in which the
dump and the sessions that count begin their transactions: all of them, over all
databases, see one state. Nothing is held while rows are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base
from quorate.backup.sources import mariadb_look as look
from quorate.backup.sources.mariadb_check import read_back
from quorate.backup.sources.mariadb_fill import fill
from quorate.backup.sources.mariadb_seen import Seen, see
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock, mariadb
from quorate.tools.passfile import private_file

DUMP = "dump.sql"
USERS = "users.sql"
BEGIN_SECONDS = 15.0
"""How long commits may be held back until everything has begun."""


@dataclass(frozen=True, kw_only=True)
class MariaDB:
    """A MariaDB server as a source, or as an empty one to restore into.

    `jobs`: connections that count, or fill, at once. `seconds`: the longest that a dump or
    a restore may take. `place`: the directory of MariaDB's programs; None: those
    installed here.
    """

    server: mariadb.Server
    jobs: int = 2
    seconds: float = base.DUMP_SECONDS
    place: Path | None = None
    kind: Kind = field(default=Kind.MARIADB, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Dump every database, and the accounts; see `base.DumpedSource`.

        Raises:
            MachineError: a right is lacking, a program failed, or the dump is not whole.
        """
        programs = mariadb.installed(self.place)
        version = mariadb.version(self.server, programs)
        mariadb.require(programs, version)
        with base.filling(spool):
            accounts = self._accounts(programs)
            mariadb.dump_users(self.server, programs, spool / USERS)
            databases = mariadb.query(self.server, look.DATABASES, programs)
            if databases:
                seen = self._dump(databases, programs, spool)
                heads = read_back(spool / DUMP)
                seen.check(heads)
                parts = seen.parts | heads.sequences
            else:
                seen, parts = Seen(), {}
            made = Manifest(
                kind=self.kind,
                version=version,
                parts=parts | accounts,
                findings=look.findings(seen.tables),
            )
            base.publish(spool, made)
        return made

    def _dump(self, databases: Sequence[str], programs: mariadb.Programs, spool: Path) -> Seen:
        with ExitStack() as stack:
            opened = [
                stack.enter_context(mariadb.session(self.server, "a counting session", programs))
                for _ in range(max(1, self.jobs))
            ]
            for each in opened:
                each.ask(look.SETTINGS, timeout=mariadb.ASK_SECONDS)
            with self._commits_held(programs):
                for each in opened:
                    each.ask(look.BEGIN, timeout=BEGIN_SECONDS)
                dumping = stack.enter_context(
                    mariadb.dumping(self.server, databases, programs, spool / DUMP)
                )
                dumping.wait_begun(BEGIN_SECONDS)
            seen = see(opened, self.seconds)
            dumping.finish(self.seconds)
        return seen

    @contextmanager
    def _commits_held(self, programs: mariadb.Programs) -> Iterator[None]:
        """No commit goes through in the block; all do if this process dies."""
        with mariadb.session(self.server, "the session that holds commits", programs) as s:
            s.ask(look.SETTINGS, timeout=mariadb.ASK_SECONDS)
            s.ask(look.HOLD_COMMITS, timeout=mariadb.ASK_SECONDS)
            yield
            s.ask(look.RELEASE, timeout=mariadb.ASK_SECONDS)

    def restore(self, directory: Path) -> Restored:
        """Restore a dump into this server, which must be empty; see what came of it.

        Accounts that this server has already keep their passwords.

        Raises:
            RefusedError: the server is not empty; nothing was changed.
            MachineError: the dump is not complete, or something failed.
        """
        dumped = base.manifest(directory)
        programs = mariadb.installed(self.place)
        self._refuse(dumped, programs)
        began = clock.monotonic()
        kept = frozenset(self._accounts(programs))
        everybody = mariadb.query(self.server, look.EVERYBODY, programs)
        there = [(str(user), str(host)) for user, host in everybody]
        script = look.without_accounts((directory / USERS).read_text(), there)
        accounts, single = look.parted(script)
        self._run(accounts, programs)
        if (directory / DUMP).exists():
            fill(
                self.server,
                programs,
                directory / DUMP,
                read_back(directory / DUMP),
                lambda: self._run(single, programs, force=True),
                jobs=self.jobs,
                timeout=self.seconds,
            )
        else:
            self._run(single, programs, force=True)
        seconds = clock.monotonic() - began
        return Restored(manifest=self.inspect(), seconds=seconds, kept=kept)

    def _run(self, script: str, programs: mariadb.Programs, *, force: bool = False) -> None:
        """Run a script of accounts; `force`: what is not taken a comparison will tell."""
        with private_file(script, USERS) as path:
            mariadb.execute(self.server, path, programs, timeout=self.seconds, force=force)

    def clear(self, directory: Path, *, others: bool = False) -> None:
        """Drop the databases that a dump has, so that it can be restored in their place.

        Args:
            others: databases that the dump does not have are dropped, too.

        Raises:
            RefusedError: there are tables in others, too; nothing was changed.
            MachineError: the dump is not whole, or a right is lacking.
        """
        base.manifest(directory)
        programs = mariadb.installed(self.place)
        dump = directory / DUMP
        dumped = read_back(dump).databases if dump.exists() else frozenset[str]()
        there = mariadb.query(self.server, look.TABLES, programs)
        more = sorted({str(row[0]) for row in there} - dumped)
        if more and not others:
            raise RefusedError(
                f"the server has databases that the copy does not have: {', '.join(more)}; "
                "nothing was changed",
                todo="move them elsewhere first, or restore into an empty server",
            )
        present = set(mariadb.query(self.server, look.DATABASES, programs))
        gone = present if others else dumped & present
        drops = [f"DROP DATABASE {look.identifier(name)};" for name in sorted(gone)]
        mariadb.lines(self.server, "\n".join([look.NO_KEYS, *drops]), programs)

    def inspect(self) -> Manifest:
        """What is in this server now. Exact only where nobody writes to it.

        Raises:
            MachineError: it does not answer, or a right is lacking.
        """
        programs = mariadb.installed(self.place)
        with ExitStack() as stack:
            opened = [
                stack.enter_context(mariadb.session(self.server, "a counting session", programs))
                for _ in range(max(1, self.jobs))
            ]
            for each in opened:
                each.ask(look.SETTINGS, timeout=mariadb.ASK_SECONDS)
            seen = see(opened, self.seconds)
            sequences = seen.ask_sequences(opened[0])
        parts = seen.parts | sequences | self._accounts(programs)
        version = mariadb.version(self.server, programs)
        return Manifest(kind=self.kind, version=version, parts=parts)

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Restore a dump into a scratch server; see `base.DumpedSource`."""
        base.manifest(directory)
        with scratch.mariadb(place) as server:
            return MariaDB(server=server, jobs=self.jobs, seconds=self.seconds).restore(directory)

    def _refuse(self, dumped: Manifest, programs: mariadb.Programs) -> None:
        version = mariadb.version(self.server, programs)
        if mariadb.series_in(version) < mariadb.series_in(dumped.version):
            raise MachineError(
                f"the dump is of MariaDB {dumped.version}, the server is only {version}",
                todo="restore into a server of the same series, or a newer one",
            )
        there = mariadb.query(self.server, look.TABLES, programs)
        if there:
            raise RefusedError(
                f"the server to restore into has tables: {look.part(*there[0][:2])}; nothing was "
                "changed",
                todo="restore into an empty server",
            )

    def _accounts(self, programs: mariadb.Programs) -> dict[str, str]:
        """Accounts and roles: how they log in, and what they were granted."""
        parts = {}
        there = {tuple(row) for row in mariadb.query(self.server, look.THINGS, programs)}
        for user, host, is_role, login in mariadb.query(self.server, look.ACCOUNTS, programs):
            script = look.grants(user, host, role=bool(is_role))
            # Grants are no JSON: QUIET prints them as they are, a line each.
            said = look.lasting(mariadb.lines(self.server, script, programs), there)
            name = "role " + look.part(user) if is_role else "account " + look.part(user, host)
            parts[name] = f"{len(said)}:{look.hashed([login, *sorted(said)])}"
        return parts
