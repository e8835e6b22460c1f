"""Which process is this, does another one still run, and what has this one started? From /proc."""

from __future__ import annotations

import ctypes
import getpass
import os
import platform
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

START_TIME_FIELD = 22
"""Of /proc/PID/stat, counted from 1 (proc(5)): clock ticks since boot."""


PR_SET_CHILD_SUBREAPER = 36
"""prctl(2)."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process, unmistakably: `place` is this boot of this machine and its process namespace."""

    place: str
    pid: int
    started: str


def this_process() -> Process:
    """The process that asks."""
    return Process(place=_place(), pid=os.getpid(), started=_started(os.getpid()) or "")


def is_gone(process: Process) -> bool:
    """Whether the process certainly runs no more; False when it ran elsewhere."""
    return process.place == _place() and _started(process.pid) != process.started


def runs(pid: int) -> bool:
    """Whether a process of that number runs on this machine, as far as this one sees."""
    return _started(pid) is not None


def host_name() -> str:
    """The name of this machine."""
    return platform.node()


def user_name() -> str:
    """Who runs this process, for people to read."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field, the command in brackets, may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    return fields[START_TIME_FIELD - 3]


def adopt_orphans() -> None:
    """Become the parent of what programs that we start leave behind, so that it can be found."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """What this process has started and what that has, the ended ones left out; youngest first."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children[int(parent)].append(int(path.parent.name))
    found = [os.getpid()]
    for pid in found:
        found += children[pid]
    return found[:0:-1]


def end_descendants(*, patience: float) -> None:
    """End all that this process has started: asked first (Ctrl-C), killed after `patience` s.

    Ctrl-C is what restic removes its locks on, and what database servers end at once on.
    """
    _send(descendants(), signal.SIGINT)
    deadline = time.monotonic() + patience
    while (left := descendants()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _send(left, signal.SIGKILL)


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def peak_memory() -> int:
    """Bytes this process took at most, and with them the largest program that it ran to its end."""
    own, ran = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + ran) * 1024
