"""A job's own directory in the spool, private, and swept of what killed jobs left there.

Who uses a directory holds a lock beside it, which the kernel lets go of when he ends, however
that is: what nobody holds may go. The directory may be passed through, as scratch servers run
as users of their own; what lies in it is private by itself.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from quorate.errors import LockedError, MachineError
from quorate.tools import clock, filelock, process

log = logging.getLogger("quorate.job")

PASSABLE = 0o711
PREFIX = "run-"
LOCK = ".lock"
WAIT_SECONDS = 60.0


@contextmanager
def room(spool: Path) -> Iterator[Path]:
    """A new directory for a job, gone after the block.

    Raises:
        MachineError: it cannot be made.
    """
    with ExitStack() as stack:
        try:
            path = _made(spool, stack)
        except OSError as error:
            raise MachineError(
                f"the spool {spool} cannot be used: {error.strerror or error}",
                cause="its disk is full, or it is not mounted into the job",
                todo="make room on the server's disk, or name another path (`backup: spool:`)",
            ) from error
        try:
            yield path
        finally:
            clear(path)


def _made(spool: Path, stack: ExitStack) -> Path:
    spool.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
    state = spool.stat()
    if not state.st_mode & 0o001 and os.geteuid() == state.st_uid:
        spool.chmod(state.st_mode & 0o7777 | 0o011)
    with filelock.hold(spool / LOCK, what="the spool", timeout=WAIT_SECONDS):
        for name in sweep(spool):
            log.info("removed %s, which a killed job had left", name)
        path = spool / f"{PREFIX}{secrets.token_hex(4)}"
        stack.enter_context(filelock.hold(_beside(path), what="a job's directory", timeout=0.0))
        path.mkdir(mode=0o700)
        path.chmod(PASSABLE)
    return path


def sweep(spool: Path) -> tuple[str, ...]:
    """Remove what killed jobs left, and say which directories that were."""
    gone = []
    for path in sorted(spool.glob(f"{PREFIX}*")):
        if path.name.endswith(LOCK):
            continue
        try:
            with filelock.hold(_beside(path), what="a job's directory", timeout=0.0):
                clear(path)
                gone.append(path.name)
        except LockedError:
            continue  # its job is at work
    return tuple(gone)


def clear(path: Path) -> None:
    """Remove a job's directory and its lock."""
    shutil.rmtree(path, ignore_errors=True)
    _beside(path).unlink(missing_ok=True)


@contextmanager
def alone(spool: Path, source: str, run: str, deadline: float) -> Iterator[None]:
    """Be the only job of this server at a source.

    Raises:
        LockedError: another one is, with who it is and since when.
    """
    path = spool / f"source-{quote(source, safe='')}{LOCK}"
    owner = path.with_suffix(".json")
    with ExitStack() as stack:
        try:
            stack.enter_context(filelock.hold(path, what=source, timeout=0.0))
        except LockedError as error:
            said = owner.read_text() if owner.exists() else ""
            raise LockedError(
                f"another job is at {source} on this server; nothing was done",
                cause=f"it says of itself: {said}" if said else None,
                todo="wait for it to end: the next run comes by itself",
            ) from error
        me = {
            "run": run,
            "host": process.host_name(),
            "process": os.getpid(),
            "since": clock.now().isoformat(timespec="seconds"),
            "deadline": deadline,
        }
        owner.write_text(json.dumps(me))
        try:
            yield
        finally:
            owner.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + LOCK)
