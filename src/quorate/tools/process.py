"""Which process is this, and does another one still run? Read from /proc; nothing is started."""

from __future__ import annotations

import getpass
import os
import platform
from dataclasses import dataclass
from pathlib import Path

START_TIME_FIELD = 22
"""Of /proc/PID/stat, counted from 1 (proc(5)): clock ticks since boot."""


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
