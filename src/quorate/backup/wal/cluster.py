"""A Postgres that replays its log until it is told to stop, and answers from then on.

It listens on a unix socket in a directory that only its user enters, with settings of its own:
those of the source may name files and libraries that are not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.scratch import Room
from quorate.errors import CommandError
from quorate.tools import command, pg

REPLAY_SECONDS = 12 * 3600.0
READY = "database system is ready to accept connections"
LAST_COMMIT = re.compile(r"last completed transaction was at log time (.+)")
SUPERUSER = "SELECT to_json(rolname) FROM pg_roles WHERE oid = 10"
"""Who made the cluster, whatever he is called: POSTGRES_USER of the official image."""

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "ssl": "off",
    "hot_standby": "off",
    "archive_mode": "off",
    "max_wal_senders": "0",
    "max_prepared_transactions": "1024",
    "shared_preload_libraries": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "autovacuum": "off",
    "fsync": "off",
    "max_wal_size": "4GB",
    "recovery_target_timeline": "current",
    "recovery_target_action": "promote",
}
"""Nobody connects before all is replayed (hot_standby); then no one from elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Room):
    """A server whose data is not to go with it."""

    target: Path

    @property
    def data(self) -> Path:
        return self.target


@contextmanager
def replayed(where: Room, restore: str, target: datetime | None, role: str) -> Iterator[pg.Server]:
    """The server in the data directory, once it has replayed all it should.

    Args:
        restore: its restore_command.
        target: the moment to stop at; None: the end of the log.
        role: any that is there.

    Raises:
        MachineError: it ended before.
    """
    programs = programs_of(where.data)
    (where.directory / "pg_hba.conf").write_text("local all all trust\n")
    (where.directory / "postgresql.conf").write_text("")
    chosen = SETTINGS | {
        "config_file": str(where.directory / "postgresql.conf"),
        "hba_file": str(where.directory / "pg_hba.conf"),
        "unix_socket_directories": str(where.directory),
        "restore_command": restore,
    }
    if target is not None:
        chosen["recovery_target_time"] = target.astimezone(UTC).isoformat(sep=" ")
    argv = [programs.argv("postgres"), "-D", str(where.data)]
    argv += [f"--{key}={value}" for key, value in chosen.items()]
    (where.directory / "log").unlink(missing_ok=True)
    server = pg.Server(host=str(where.directory), user=role)

    def ask() -> list[str]:
        if READY not in log_of(where):
            raise CommandError("it replays its log")
        return pg.query(server, "postgres", SUPERUSER, programs)

    with scratch.running(where.as_user(*argv), where, ask, end="INT", patience=REPLAY_SECONDS):
        (superuser,) = ask()
        yield replace(server, user=superuser)


def programs_of(data: Path) -> pg.Programs:
    """Those of exactly the cluster's version: files are not read by any other.

    Raises:
        CommandError: they are not here.
    """
    major = int((data / "PG_VERSION").read_text())
    for found in pg.installed():
        if found.major == major and (found.directory / "postgres").exists():
            return found
    raise CommandError(
        f"this is a Postgres {major}, and its server is not installed here",
        cause="only the very same major version reads its files",
        todo=f"install the package postgresql-{major}, then retry",
    )


def control(programs: pg.Programs, data: Path) -> dict[str, str]:
    """What pg_control says of a cluster, by pg_controldata's own names."""
    argv = [programs.argv("pg_controldata"), "-D", str(data)]
    said = command.run(argv, env={"LC_ALL": "C"}).stdout
    pairs = (line.partition(":") for line in said.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def log_of(where: Room) -> str:
    log = where.directory / "log"
    return log.read_text(errors="replace") if log.exists() else ""


def last_commit(where: Room) -> datetime | None:
    """When the last commit was made that was replayed, as the server's log says."""
    found = LAST_COMMIT.findall(log_of(where))
    if not found:
        return None
    return datetime.fromisoformat(found[-1].strip().replace(" UTC", "+00:00")).astimezone(UTC)
