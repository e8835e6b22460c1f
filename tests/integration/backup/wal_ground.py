"""A real Postgres on a loopback port whose power can be cut, and the receiver of its log."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.jobs.model import Reach
from quorate.backup.policy.primary import Wanted
from quorate.backup.policy.wal import ROLE
from quorate.backup.wal import cluster, primary
from quorate.backup.wal.model import VARIABLE, Health, Told
from quorate.errors import CommandError
from quorate.fleet.schedules import Schedule
from quorate.tools import pg
from quorate.tools.barman import Barman
from tests.integration.backup import ground
from tests.real_databases import until
from tests.real_prometheus import free_port

SLOT = "quorate_test_db"
PASSWORD = "wal pass:word\\1"
HBA = "local all all trust\nhost all all all scram-sha-256\n"
"""As the official image's: no replication from elsewhere."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "checkpoint_timeout": "30s",
    "autovacuum": "off",
}
MESSAGE = "SELECT to_json(pg_logical_emit_message(false, 'bulk', repeat('x', 8388608))::text)"
"""8 MiB of log, and nothing else."""
PATIENCE = 300.0
"""Seconds; a machine with other things to do lets one wait."""
TABLE = "CREATE TABLE writes (id bigserial PRIMARY KEY, at timestamptz, note text)"


@dataclass(kw_only=True)
class Primary:
    """A server in `directory`, as its administrator by the socket there."""

    where: scratch.Room
    programs: pg.Programs
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def admin(self) -> pg.Server:
        return pg.Server(host=str(self.where.directory), port=self.port)

    @property
    def remote(self) -> pg.Server:
        """As the role that receives."""
        return replace(self.admin, host="127.0.0.1", user=ROLE, password=PASSWORD)

    @property
    def wal_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.where.data / "pg_wal").glob("0*"))

    def make(self) -> None:
        init = [self.programs.argv("initdb"), "-D", str(self.where.data), "-U", "postgres"]
        init += ["--no-sync", "--auth=trust", "--locale=C.UTF-8", "--no-instructions"]
        subprocess.run(self.where.as_user(*init), check=True, stdout=subprocess.DEVNULL)
        (self.where.data / "pg_hba.conf").write_text(HBA)

    def start(self) -> None:
        argv = [self.programs.argv("postgres"), "-D", str(self.where.data)]
        chosen = SETTINGS | {"port": str(self.port)}
        chosen["unix_socket_directories"] = str(self.where.directory)
        argv += [f"--{key}={value}" for key, value in chosen.items()]
        with (self.where.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.where.as_user(*argv), stdout=log, stderr=log, start_new_session=True
            )
        until(self.answers, PATIENCE)

    def answers(self) -> bool:
        with contextlib.suppress(CommandError):
            return self.ask("SELECT 1") == [1]
        return False

    def ask(self, script: str) -> list[object]:
        return pg.query(self.admin, "postgres", script, self.programs)

    def number(self, script: str) -> int:
        (found,) = self.ask(script)
        assert isinstance(found, int | float)
        return int(found)

    @contextlib.contextmanager
    def another(self, data: Path) -> Iterator[pg.Server]:
        """A server that starts from a directory as it lies there."""
        with scratch.room("postgres", self.where.directory.parent) as where:
            beside = cluster.Elsewhere(directory=where.directory, user=where.user, target=data)
            other = Primary(where=beside, programs=self.programs, port=free_port())
            other.start()
            try:
                yield other.admin
            finally:
                other.cut_power()

    def cut_power(self) -> None:
        """Kill every process of it at once."""
        if self.process is not None:
            ground.kill(self.process)
            self.process = None

    def destroy(self) -> None:
        """Nothing of it is left."""
        self.cut_power()
        shutil.rmtree(self.where.data)

    def grow(self, megabytes: int) -> None:
        """Write so much log; a checkpoint clears away what may go."""
        for _ in range(megabytes // 8):
            self.ask(MESSAGE)
        self.ask("CHECKPOINT")


@contextlib.contextmanager
def running(place: Path) -> Iterator[Primary]:
    """A new primary, ready to be received from, with the table that a writer writes."""
    with scratch.room("postgres", place) as where:
        made = Primary(where=where, programs=pg.installed()[-1], port=free_port())
        made.make()
        made.start()
        try:
            made.ask(TABLE)
            yield made
        finally:
            made.cut_power()


def ready(made: Primary, *, room: int = 2**30) -> None:
    """What `quorate` changes at a primary."""
    wanted = Wanted(role=ROLE, room=room)
    primary.apply(made.admin, wanted, PASSWORD, SLOT, made.programs)


@dataclass(kw_only=True)
class Receiving:
    """The receiver's program, as its service runs it."""

    home: Path
    told: Told
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {**os.environ, VARIABLE: self.told.model_dump_json()}
        argv = [sys.executable, "-m", "quorate.backup.wal.main"]
        with (self.home.parent / "receiver.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, env=env, stdout=log, stderr=log, start_new_session=True
            )

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def health(self) -> Health | None:
        path = self.home / "health.json"
        return Health.model_validate_json(path.read_text()) if path.exists() else None

    def barman(self) -> Barman:
        """Barman beside the receiver."""
        return Barman(
            config=self.home / "barman.conf",
            environment={"PGPASSFILE": str(self.home.parent / "pgpass")},
        )

    def until(self, wanted: str, seconds: float = PATIENCE) -> Health:
        """Wait until its health is as the expression says; `h` is the health."""
        deadline = time.monotonic() + seconds
        while True:
            h = self.health()
            if h is not None and eval(wanted, {"h": h}):  # the test's own words
                return h
            log = (self.home.parent / "receiver.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"{wanted} never came: {h}\n{log}"
            time.sleep(0.1)


@contextlib.contextmanager
def receiver(made: Primary, home: Path, *, password: str = PASSWORD) -> Iterator[Receiving]:
    """A receiver that is not started yet; ended afterwards."""
    secret = home.parent / "password"
    secret.write_text(f"{password}\n")
    passfile = home.parent / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(pg.passfile(made.remote))
    reach = Reach(host="127.0.0.1", port=made.port, user=ROLE, password_file=str(secret))
    told = Told(
        fleet="test",
        source="db",
        reach=reach,
        slot=SLOT,
        home=str(home),
        schedule=Schedule(every="0 0 1 1 *"),
        keep=86400.0,
        every=0.3,
        archive_every=1.0,
    )
    receiving = Receiving(home=home, told=told)
    try:
        yield receiving
    finally:
        if receiving.process is not None:
            receiving.end()


@dataclass(kw_only=True)
class Writer:
    """Commits a row every so often, and remembers which were acknowledged."""

    server: pg.Server
    programs: pg.Programs
    pause: float = 0.02
    acknowledged: list[tuple[int, float]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _write(self) -> None:
        insert = "INSERT INTO writes (at) VALUES (clock_timestamp()) RETURNING id;"
        with (
            contextlib.suppress(CommandError),  # the power is cut
            pg.session(self.server, "postgres", self.programs) as session,
        ):
            while not self._stop.is_set():
                (id,) = session.ask(insert, timeout=PATIENCE)
                self.acknowledged.append((int(id), time.time()))
                time.sleep(self.pause)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
