"""The receiver's program: `python -m quorate.backup.wal.main [run | health]`.

It is told by `QUORATE_WAL` (JSON, `wal.model.Told`). `run` receives until SIGTERM; `health` ends
with 0 while it does, else with 1, for the container's health check.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from quorate.backup.jobs.model import Reach
from quorate.backup.wal import health, store
from quorate.backup.wal.config import Places
from quorate.backup.wal.model import VARIABLE, Told
from quorate.backup.wal.receiver import Receiver
from quorate.errors import MachineError, QuorateError, UsageError
from quorate.tools import clock, pg


def main(arguments: list[str]) -> int:
    """Do what is asked; the exit code."""
    try:
        told = read(os.environ.get(VARIABLE, ""))
        if arguments == ["health"]:
            found = health.read_health(Places(home=Path(told.home)).health)
            print(f"{found.state}: {found.why}" if found else "it has not said anything yet")
            return 0 if health.well(found, clock.now()) else 1
        if arguments not in ([], ["run"]):
            raise UsageError(f"unknown: {' '.join(arguments)}", todo="say run or health")
        receive(told)
    except QuorateError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return error.exit_code
    return 0


def receive(told: Told) -> None:
    """Receive until SIGTERM or SIGINT.

    Raises:
        MachineError: the directory cannot be written, or there is no Barman or Postgres here.
        LockedError: another receiver runs in the directory.
    """
    stop = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    with store.opened(Path(told.home), server_of(told.reach), told.slot) as kept_in:
        try:
            Receiver(told, kept_in, lambda line: print(line, flush=True)).run(stop)
        except OSError as error:
            raise MachineError(
                f"the receiver cannot go on in {told.home}: {error.strerror or error}",
                todo="look at that server's disk; the receiver then goes on where it was",
            ) from error


def read(text: str) -> Told:
    """What the receiver is told.

    Raises:
        UsageError: it is nothing that can be read.
    """
    try:
        return Told.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"the environment variable {VARIABLE} cannot be read: {where} {first['msg']}",
            todo="start receivers by `quorate up`, which sets it",
        ) from error


def server_of(reach: Reach) -> pg.Server:
    """The database as it is reached, with its password.

    Raises:
        MachineError: the password's file cannot be read.
    """
    password = ""
    if reach.password_file:
        try:
            password = Path(reach.password_file).read_text().rstrip("\n")
        except OSError as error:
            raise MachineError(
                f"the password cannot be read from {reach.password_file}: {error.strerror}",
                todo="mount the secret there",
            ) from error
    return pg.Server(
        host=reach.host,
        port=reach.port,
        user=reach.user,
        password=password,
        database=reach.database or "postgres",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
