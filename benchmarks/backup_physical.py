"""A restore from a base backup and the log that Barman received, as Quorate does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.backup_ground import ROOT, Ran, watched
from benchmarks.measure import FailedError
from quorate.backup.jobs.model import Reach
from quorate.backup.wal.model import VARIABLE, Health, Told
from quorate.fleet.schedules import Schedule
from quorate.tools import pg

SECONDS = 7200.0
POLL_SECONDS = 0.2
END_SECONDS = 120.0


@contextmanager
def received(server: pg.Server, home: Path) -> Iterator[Ran]:
    """The log is received into `home`, with a base backup; gives what it took until there was one.

    Raises:
        FailedError: there is none in time, or the receiver ends.
    """
    told = Told(
        fleet="bench",
        source="db",
        reach=Reach(host=server.host, port=server.port, user=server.user),
        slot="quorate_bench",
        home=str(home),
        schedule=Schedule(every="0 0 1 1 *"),
        keep=86400.0,
        every=0.5,
        archive_every=1.0,
    )
    began = time.perf_counter()
    log = home.parent / "receiver.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "quorate.backup.wal.main"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), VARIABLE: told.model_dump_json()},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        with watched(process.pid) as peak:
            while not _protected(home):
                if process.poll() is not None or time.perf_counter() - began > SECONDS:
                    said = log.read_text(errors="replace")[-2000:]
                    raise FailedError(f"no base backup was made: {said}")
                time.sleep(POLL_SECONDS)
            seconds = time.perf_counter() - began
        yield Ran(seconds=seconds, peak=peak[0], said="")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(END_SECONDS)


def _protected(home: Path) -> bool:
    path = home / "health.json"
    return path.exists() and Health.model_validate_json(path.read_text()).protected
