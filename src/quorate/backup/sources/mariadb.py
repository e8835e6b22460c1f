"""MariaDB: dumped in one transaction, counted in others that see the same, restored, compared.

Commits are held back for a moment (BACKUP STAGE BLOCK_COMMIT), in which the
dump and the sessions that count begin their transactions: all of them, over all
databases, see one state. Nothing is held while rows are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.backup import scratch
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base
from quorate.backup.sources import mariadb_look as look
from quorate.backup.sources.postgres_look import shares
from quorate.errors import MachineError, RefusedError
from quorate.tools import clock, mariadb, parallel
from quorate.tools.passfile import private_file
from quorate.tools.session import Session

DUMP = "dump.sql"
USERS = "users.sql"
BEGIN_SECONDS = 15.0
"""How long commits may be held back until everything has begun."""
HEADS = re.compile(
    rb"^-- (?:Current Database: `(?P<database>(?:[^`]|``)+)`"
    rb"|Dumping data for table `(?P<table>(?:[^`]|``)+)`"
    rb"|(?P<end>Dump completed))$"
)
SEQUENCE = re.compile(rb"^DO SETVAL\(`(?P<name>(?:[^`]|``)+)`, (?P<value>-?\d+), 0\);$")


@dataclass(frozen=True, kw_only=True)
class MariaDB:
    """A MariaDB server as a source, or as an empty one to restore into.

    `jobs`: connections that count at once. `seconds`: the longest that a dump or
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
            seen = _seen(opened, self.seconds)
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
        there = [tuple(each) for each in mariadb.query(self.server, look.EVERYBODY, programs)]
        script = look.without_accounts((directory / USERS).read_text(), there)
        with private_file(script, USERS) as path:
            mariadb.execute(self.server, path, programs, timeout=self.seconds)
        if (directory / DUMP).exists():
            mariadb.execute(self.server, directory / DUMP, programs, timeout=self.seconds)
        seconds = clock.monotonic() - began
        return Restored(manifest=self.inspect(), seconds=seconds, kept=kept)

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
            seen = _seen(opened, self.seconds)
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
        for user, host, is_role, login in mariadb.query(self.server, look.ACCOUNTS, programs):
            script = look.grants(user, host, role=bool(is_role))
            # Grants are no JSON: QUIET prints them as they are, a line each.
            said = mariadb.lines(self.server, script, programs)
            name = "role " + look.part(user) if is_role else "account " + look.part(user, host)
            parts[name] = f"{len(said)}:{look.hashed([login, *sorted(said)])}"
        return parts


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
            raise _broken(f"the dump does not have {', '.join(sorted(lacking)[:3])}")


def _seen(opened: Sequence[Session], seconds: float) -> Seen:
    """Count and hash everything, in sessions whose transactions see the same."""
    tables = _tables(opened[0])
    counted = [table for table in tables if table.type != "SEQUENCE"]
    numbers = {table: number for number, table in enumerate(tables)}

    def count(work: tuple[Session, list[int]]) -> list[Any]:
        session, hand = work
        return [
            json.loads(line)
            for number in hand
            for line in session.ask(
                look.count(numbers[counted[number]], counted[number]), timeout=seconds
            )
        ]

    hands = shares([table.size for table in counted], len(opened))
    found = parallel.run(count, list(zip(opened, hands, strict=False)), limit=len(opened))
    rows = {n: (count, first, second) for each in found for n, count, first, second in each}
    names = [json.loads(line) for line in opened[0].ask(look.NAMES, timeout=mariadb.ASK_SECONDS)]
    return Seen(tables=tuple(tables), rows=rows, names=tuple(names))


def _tables(session: Session) -> list[look.Table]:
    columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
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
        )
        for database, name, kind, engine, size in map(
            json.loads, session.ask(look.TABLES, timeout=mariadb.ASK_SECONDS)
        )
    ]


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
        raise _broken("the dump was cut short: its last line is not there")
    return Heads(tables=frozenset(tables), sequences=sequences)


def _name(quoted: bytes) -> str:
    return quoted.decode().replace("``", "`")


def _broken(what: str) -> MachineError:
    return MachineError(
        what,
        cause="mariadb-dump was cut short and did not say so, or the disk lost something",
        todo="look at the disk of the spool, and dump again; this dump does not count",
    )
