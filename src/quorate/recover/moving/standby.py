"""A streaming replica of Postgres in the container where the data go.

It is made by pg_basebackup, with the programs of Quorate's own image and of exactly the server's
major version, owned by whoever owns the data at the source. It has settings of its own: the
source's may name files and libraries that are not here. The primary is told to admit it by a line
in pg_hba.conf, which is there only until the replica is connected.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.backup.jobs.model import Reach
from quorate.backup.runner import reach as reaching
from quorate.backup.wal import primary
from quorate.backup.wal.cluster import control
from quorate.errors import CommandError, MachineError
from quorate.recover.moving import leftout
from quorate.tools import clock, command, pg

MARK = "# quorate: a move"
DONE = "base-is-made"
BASE_SECONDS = 24 * 3600.0
START_SECONDS = 120.0
CATCH_UP_SECONDS = 600.0
REPLAY_SECONDS = 30.0
END_SECONDS = 60.0
POLL_SECONDS = 0.1
SAME = (
    "Database system identifier",
    "Latest checkpoint location",
    "Latest checkpoint's REDO location",
    "Latest checkpoint's TimeLineID",
    "Latest checkpoint's NextXID",
    "Latest checkpoint's NextOID",
)
"""What has to be equal once both have shut down, by pg_controldata's own names."""
MATCHED = (
    *("max_connections", "max_worker_processes", "max_wal_senders"),
    *("max_prepared_transactions", "max_locks_per_transaction", "max_replication_slots"),
)
"""A replica that answers, and has its slots, must have these no lower than its primary."""
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "ssl": "off",
    "hot_standby": "on",
    "archive_mode": "off",
    "shared_preload_libraries": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    "wal_receiver_create_temp_slot": "on",
    "wal_receiver_status_interval": "1s",
}
BASICS = """
SELECT json_build_object(
  'version', current_setting('server_version_num')::int / 10000,
  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  'in_recovery', pg_is_in_recovery(),
  'level', current_setting('wal_level'),
  'tablespaces', (SELECT count(*) FROM pg_tablespace) - 2,
  'data', current_setting('data_directory'),
  'hba_path', current_setting('hba_file'),
  'trusted', (SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = current_user),
  'settings', (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN ({names})));
"""
HBA = "SELECT to_json(pg_read_file(current_setting('hba_file')));"
NOW = "SELECT to_json(pg_current_wal_lsn()::text);"
STATE = """
SELECT json_build_object(
  'replayed', coalesce(pg_last_wal_replay_lsn()::text, '0/0'),
  'received', coalesce(pg_last_wal_receive_lsn()::text, '0/0'),
  'streaming', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'));
"""


@dataclass(frozen=True, kw_only=True)
class Standby:
    """A replica: `data` is its directory, `state` a private one for its socket and settings."""

    data: Path
    state: Path
    owner: int
    group: int
    user: str

    @property
    def here(self) -> pg.Server:
        """Itself, by its socket."""
        return pg.Server(host=str(self.state), user=self.user)

    def as_owner(self, *argv: str) -> list[str]:
        """The command line that runs a program as who owns the data."""
        if os.geteuid() != 0:
            return list(argv)
        who = (f"--reuid={self.owner}", f"--regid={self.group}", "--clear-groups")
        return ["setpriv", *who, "--", *argv]

    def own(self, path: Path) -> None:
        """Give a file or directory to who owns the data."""
        if os.geteuid() == 0:
            os.chown(path, self.owner, self.group)


def with_line(hba: str, line: str) -> str:
    """pg_hba.conf with a line of ours, first: the first that fits decides. Pure."""
    return f"{MARK}\n{line}\n{without_line(hba)}"


def without_line(hba: str) -> str:
    """pg_hba.conf without our line; all others as they were. Pure."""
    lines = hba.splitlines(keepends=True)
    return "".join(
        line
        for number, line in enumerate(lines)
        if not line.startswith(MARK) and not (number and lines[number - 1].startswith(MARK))
    )


def position(text: str) -> int:
    """A place in the log, as `0/16B3748`, as a number. Pure."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def look(told: dict[str, Any]) -> dict[str, Any]:
    """What the primary is; with why no replica can be made of it, under `lacks`.

    Raises:
        CommandError: it does not answer, or nothing to ask it with is installed.
    """
    server, programs = _primary(told)
    names = ", ".join(f"'{name}'" for name in MATCHED)
    (found,) = pg.query(server, server.database, BASICS.format(names=names), programs)
    found["unlogged"] = leftout.unlogged(server, programs) if found["superuser"] else ""
    found["logical"] = leftout.logical(server, programs)
    return {**found, "lacks": lacks(found)}


def lacks(found: dict[str, Any]) -> str:
    """Why no replica can be made of a primary; empty: nothing. Pure."""
    if not found["superuser"]:
        return "its role is no superuser"
    if found["in_recovery"]:
        return "it is a replica itself"
    if found["level"] not in ("replica", "logical"):
        return f"its wal_level is {found['level']}"
    if found["tablespaces"]:
        return "it has tablespaces outside its data directory"
    if found["unlogged"]:
        return f"{found['unlogged']} is unlogged: a replica would have it without its rows"
    if found["logical"]:
        return f"it has the logical slot {found['logical']}, which no replica takes over"
    if found["version"] < 13:
        return f"it is Postgres {found['version']}, and 13 is the first whose replica keeps a slot"
    return ""


def begin(standby: Standby, told: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Make the replica, or go on with one that was begun, until it has caught up once.

    Raises:
        CommandError, MachineError: it could not be made; the primary is as it was.
    """
    server, _ = _primary(told)
    programs = _exactly(found["version"])
    began = clock.monotonic()
    standby.state.mkdir(parents=True, exist_ok=True)
    standby.state.chmod(0o700)
    standby.own(standby.state)
    _private(standby, "pgpass", pg.passfile(server))
    _admit(server, programs, open_to_all=found["trusted"] and not server.password)
    try:
        done = standby.state / DONE
        if not done.exists():
            _base(standby, server, programs)
            done.touch()
        _start(standby, server, programs, found["settings"])
        _catch_up(standby, server, programs)
        leftout.bring_slots(server, standby.here, programs)
    finally:
        dismiss(told)
    return {"seconds": round(clock.monotonic() - began, 1)}


def dismiss(told: dict[str, Any]) -> None:
    """Take our line out of the primary's pg_hba.conf again. A replica stays connected.

    Raises:
        CommandError: it does not answer.
    """
    server, programs = _primary(told)
    (hba,) = pg.query(server, server.database, HBA, programs)
    if MARK in hba:
        primary.write_hba(server, hba, without_line(hba), programs)
        primary.reload(server, programs)


def end(standby: Standby) -> dict[str, str]:
    """After the primary has shut down: wait until all is replayed, shut down; what it is then.

    Raises:
        CommandError, MachineError: it does not run, or does not come to rest.
    """
    programs = _exactly(int((standby.data / "PG_VERSION").read_text()))
    deadline = clock.monotonic() + REPLAY_SECONDS
    last = ""
    while True:
        (state,) = pg.query(standby.here, "postgres", STATE, programs)
        replayed = position(state["replayed"]) >= position(state["received"])
        if replayed and not state["streaming"] and state["replayed"] == last:
            break
        last = state["replayed"]
        if clock.monotonic() > deadline:
            raise MachineError("the replica did not come to rest", cause=str(state))
        clock.sleep(POLL_SECONDS)
    stop(standby)
    (standby.data / "standby.signal").unlink(missing_ok=True)
    hba = standby.data / "pg_hba.conf"
    if hba.exists() and MARK in (text := hba.read_text()):
        hba.write_text(without_line(text))
    return told_of(programs, standby.data)


def stop(standby: Standby) -> None:
    """Shut the replica down, where it runs.

    Raises:
        MachineError: it does not end.
    """
    file = standby.data / "postmaster.pid"
    if not file.exists():
        return
    programs = _exactly(int((standby.data / "PG_VERSION").read_text()))
    argv = [programs.argv("pg_ctl"), "-D", str(standby.data), "-m", "fast", "-w", "stop"]
    done = command.run(standby.as_owner(*argv), timeout=END_SECONDS, check=False, cwd=standby.state)
    if not done.ok and file.exists() and "No such process" not in done.stderr:
        raise MachineError("the replica does not end", cause=command.last_lines(done.stderr))


def told_of(programs: pg.Programs, data: Path) -> dict[str, str]:
    """What pg_control says: its state, and what has to be equal."""
    found = control(programs, data)
    state = found.get("Database cluster state", "")
    return {"state": state, **{name: found.get(name, "") for name in SAME}}


def at_source(data: Path) -> dict[str, str]:
    """The same of the primary's own directory, once it has shut down.

    Raises:
        CommandError: there are no programs for it.
    """
    return told_of(_exactly(int((data / "PG_VERSION").read_text())), data)


def _primary(told: dict[str, Any]) -> tuple[pg.Server, pg.Programs]:
    server = reaching.postgres(Reach.model_validate(told["reach"]))
    return server, pg.choose(pg.installed(), None)


def _exactly(major: int) -> pg.Programs:
    for found in pg.installed():
        if found.major == major and (found.directory / "postgres").exists():
            return found
    raise CommandError(
        f"no Postgres {major} is installed here",
        todo=f"build the image with it: `quorate backup image --build --postgres {major}`",
    )


def _private(standby: Standby, name: str, text: str) -> Path:
    file = standby.state / name
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
    standby.own(file)
    return file


def _admit(server: pg.Server, programs: pg.Programs, *, open_to_all: bool) -> None:
    (hba,) = pg.query(server, server.database, HBA, programs)
    method = "trust" if open_to_all else "scram-sha-256"
    line = f'host replication "{server.user}" samenet {method}'
    wanted = with_line(hba, line)
    if wanted != hba:
        primary.write_hba(server, hba, wanted, programs)
        primary.reload(server, programs)


def _base(standby: Standby, server: pg.Server, programs: pg.Programs) -> None:
    """A copy of the primary's directory, as of one moment; what a killed one left goes first."""
    standby.data.mkdir(parents=True, exist_ok=True)
    for left in standby.data.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
    standby.own(standby.data)
    standby.data.chmod(0o700)
    argv = [programs.argv("pg_basebackup"), "-d", pg.conninfo(server, "postgres")]
    argv += ["-D", str(standby.data), "--wal-method=stream", "--checkpoint=fast", "--no-manifest"]
    env = {"PGPASSFILE": str(standby.state / "pgpass"), "LC_ALL": "C.UTF-8"}
    done = command.run(
        standby.as_owner(*argv, "--no-password"),
        timeout=BASE_SECONDS,
        env=env,
        check=False,
        cwd=standby.state,
        secrets=[server.password],
    )
    if not done.ok:
        raise pg.failure(server, "pg_basebackup", done)
    signal = standby.data / "standby.signal"
    signal.touch()
    standby.own(signal)


def _start(
    standby: Standby, server: pg.Server, programs: pg.Programs, settings: dict[str, str]
) -> None:
    if _answers(standby, programs):
        return
    (standby.data / "postmaster.pid").unlink(missing_ok=True)
    _private(standby, "pg_hba.conf", "local all all trust\n")
    passfile = standby.state / "pgpass"
    chosen = {
        **SETTINGS,
        **settings,
        "hba_file": str(standby.state / "pg_hba.conf"),
        "unix_socket_directories": str(standby.state),
        "primary_conninfo": f"{pg.conninfo(server, 'replication')} passfile='{passfile}'",
    }
    file = _private(standby, "postgresql.conf", configuration(chosen))
    log = _private(standby, "log", "")
    argv = [programs.argv("pg_ctl"), "-D", str(standby.data), "-l", str(log)]
    argv += ["-o", f"-c config_file={file}", "-w", "-t", f"{START_SECONDS:.0f}", "start"]
    done = command.run(
        standby.as_owner(*argv), timeout=2 * START_SECONDS, check=False, cwd=standby.state
    )
    if not done.ok:
        said = command.last_lines(log.read_text(errors="replace"), 5)
        raise MachineError("the replica does not start", cause=said or done.stderr or None)


def configuration(settings: dict[str, str]) -> str:
    """Settings as postgresql.conf has them. Pure."""
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def _catch_up(standby: Standby, server: pg.Server, programs: pg.Programs) -> None:
    (now,) = pg.query(server, server.database, NOW, programs)
    deadline = clock.monotonic() + CATCH_UP_SECONDS
    while True:
        (state,) = pg.query(standby.here, "postgres", STATE, programs)
        if state["streaming"] and position(state["replayed"]) >= position(now):
            return
        if clock.monotonic() > deadline:
            log = (standby.state / "log").read_text(errors="replace")
            raise MachineError("the replica does not catch up", cause=command.last_lines(log, 5))
        clock.sleep(POLL_SECONDS)


def _answers(standby: Standby, programs: pg.Programs) -> bool:
    try:
        pg.query(standby.here, "postgres", "SELECT 1", programs)
    except CommandError:
        return False
    return True
