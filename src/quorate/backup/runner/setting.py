"""What every step of a job is given, and what a kind of source has to be able to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup.jobs.model import Holds, Job
from quorate.backup.model import Manifest, Snapshot, Source
from quorate.backup.policy import manifests
from quorate.backup.policy.manifests import Restored
from quorate.backup.repository import Payload
from quorate.backup.runner.saying import Saying
from quorate.errors import MachineError, UsageError
from quorate.tools import clock

LEAST_ROOM = 64 * 2**20
"""With less free bytes than this, a restore that fails may have failed for that."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A job under way. `room` is its own directory in the spool, `ends` is when its deadline is."""

    job: Job
    room: Path
    say: Saying
    ends: float

    @property
    def left(self) -> float:
        """Seconds until the deadline, for the time limits of programs."""
        return max(1.0, self.ends - clock.monotonic())

    @property
    def source(self) -> Source:
        """What the job is about.

        Raises:
            UsageError: it does not say.
        """
        job = self.job
        if not job.source or job.kind is None:
            raise UsageError(f"a job that is to {job.work.value} needs `source` and `kind`")
        volumes = tuple(mounted.name for mounted in job.volumes)
        return Source(id=job.source, kind=job.kind, servers=(job.server,), volumes=volumes)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What came of a restore: how long it took (s), and what is not as it was, in words."""

    seconds: float
    differences: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


Fetch = Callable[[Path], Manifest]
"""Restore the copy below a directory, whole or not at all; its manifest."""


@dataclass(frozen=True, kw_only=True)
class Craft:
    """What can be done with a kind of source.

    `gather`: within the block, what is to be stored lies there in one state. `prove`: compare a
    copy that was restored below a directory with its manifest; raises where that is not known,
    as on a disk that is full. `restore`: bring a copy to where the job says. `back`: put back what
    a restore in place has kept aside; once more it does what is missing. None: nothing is kept.
    """

    gather: Callable[[Setting], AbstractContextManager[Payload]]
    prove: Callable[[Setting, Path, Manifest], Tried]
    restore: Callable[[Setting, Snapshot, Fetch], Tried]
    back: Callable[[Setting], Tried] | None = None


@dataclass(kw_only=True)
class Outcome:
    """What a job has come to so far; it keeps that when it fails afterwards."""

    copies: list[Snapshot] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    size: int = 0
    added: int = 0
    freed: int = 0
    holds: Holds | None = None


BLAMELESS = (
    *("No space left", "errno 28", "did not end within", "by signal", "not installed"),
    # Extensions and locales that the source has and this machine has not.
    *("extension control file", "is not available", "invalid locale name"),
)
"""Words of failures that say nothing about a copy."""


def judged(dumped: Manifest, restore: Callable[[], Restored], places: Sequence[Path]) -> Tried:
    """Try a restore into a scratch server that runs, and compare.

    Raises:
        MachineError: it failed for want of room, time or a program: nothing is known of the copy.
    """
    began = clock.monotonic()
    try:
        restored = restore()
    except MachineError as error:
        if blameless(error, places):
            raise
        return Tried(seconds=clock.monotonic() - began, differences=(in_words(error),))
    return Tried(seconds=restored.seconds, differences=manifests.compare(dumped, restored))


def blameless(error: MachineError, places: Sequence[Path]) -> bool:
    """Whether a failure may be this machine's, and not the copy's."""
    said = in_words(error)
    if any(word in said for word in BLAMELESS):
        return True
    return any(free(place) < LEAST_ROOM for place in places)


def in_words(error: MachineError) -> str:
    """An error on one line."""
    return f"{error.what}: {error.cause}" if error.cause else error.what


def free(place: Path) -> int:
    """Bytes that are free in a directory."""
    return shutil.disk_usage(place).free


def require_room(place: Path, size: int) -> None:
    """Raise if a copy of `size` bytes does not fit into a directory.

    Raises:
        MachineError: with how much room there is.
    """
    there = free(place)
    if there < size:
        raise MachineError(
            f"the copy takes {size >> 20} MiB, and {there >> 20} MiB are free in {place}",
            cause="the disk is full",
            todo="make room there, or restore on another server",
        )
