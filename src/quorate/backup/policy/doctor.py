"""What is wrong with how backups are made, and what to do: `quorate backup doctor`. Pure.

Whether there are copies is `grid`'s: here it is about what keeps them from being made or read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from quorate.backup.jobs.model import STALE
from quorate.backup.policy.estimate import Room
from quorate.backup.policy.holding import Held
from quorate.backup.policy.quiesce import Stale
from quorate.backup.policy.rehearsals import Standing as Rehearsed
from quorate.backup.wal.standing import Log, troubles
from quorate.fleet.base import Model
from quorate.fleet.quantities import show_size

LEAST_FREE = 0.1
"""Of a repository's room: the document's BackupDiskFull."""


class Check(StrEnum):
    """What is looked at."""

    LOCK = "lock"
    QUIESCE = "kept still"
    JOB = "job"
    STORE = "store"
    CLOCK = "clock"
    REPOSITORY = "repository"
    ROOM = "room"
    SECRET = "secret"
    IMAGE = "image"
    SERVER = "server"
    SOURCE = "source"
    LOG = "write-ahead log"
    REHEARSAL = "rehearsal"


class Finding(Model):
    """Something that is wrong."""

    check: Check
    where: str = Field(description="The server, repository, service or source.")
    what: str
    todo: str = Field(description="What to do about it.")
    mends: bool = Field(False, description="`--mend` does it.")


class Unchecked(Model):
    """What could not be looked at, and why; it is no fault."""

    check: Check
    where: str
    why: str


class Diagnosis(Model):
    """What was found. `good`: nothing that is left to be done."""

    fleet: str
    time: datetime = Field(description="When this was, UTC.")
    good: bool
    findings: tuple[Finding, ...]
    mended: tuple[Finding, ...] = ()
    unchecked: tuple[Unchecked, ...]
    notes: tuple[str, ...] = Field(description="Worth knowing, and nothing wrong.")


def of_locks(repository: str, said: Iterable[str]) -> Iterator[Finding]:
    """Stale locks and wrong clocks, from what a check found."""
    for text in said:
        if text.startswith(STALE):
            yield Finding(
                check=Check.LOCK,
                where=repository,
                what=f"a {text}",
                todo="its holder is gone: have it removed, or retention and checks wait for it",
                mends=True,
            )
        elif text.startswith("the clock of "):
            yield Finding(
                check=Check.CLOCK,
                where=repository,
                what=text,
                todo="see where that server takes its time from: `timedatectl set-ntp true`",
            )
        elif "it takes no place in retention" in text:
            yield Finding(
                check=Check.REPOSITORY,
                where=repository,
                what=text,
                todo="look at the clock of its server; the copy stays until you forget it",
            )


def of_quiesces(found: Iterable[Stale]) -> Iterator[Finding]:
    """Services that a dead backup keeps still."""
    for one in found:
        yield Finding(
            check=Check.QUIESCE,
            where=one.name,
            what=f"a backup has stopped it, and nobody starts it again: {one.why}",
            todo="have it started with the replicas it had; `quorate serve` does so by itself",
            mends=True,
        )


def of_room(name: str, held: Held, needed: Room | None) -> Iterator[Finding]:
    """A repository that is nearly full, or will be."""
    if held.free is not None and held.room and held.free < LEAST_FREE * held.room:
        yield Finding(
            check=Check.ROOM,
            where=name,
            what=f"{show_size(held.free)} are free of {show_size(held.room)}",
            todo="make room on its disk, or keep less (`keep:`)",
        )
    if needed is not None and needed.fits is False:
        yield Finding(
            check=Check.ROOM,
            where=name,
            what=f"the policy needs {show_size(needed.needed)}, and it may take "
            f"{show_size(needed.room or 0)}",
            todo="see `quorate backup estimate`: keep less, or give it more room",
        )


def of_logs(found: Iterable[Log]) -> Iterator[Finding]:
    """Write-ahead logs that are not received, or are behind, or whose slot is nearly lost."""
    for one in found:
        for trouble in troubles(one):
            yield Finding(check=Check.LOG, where=one.source, what=trouble.what, todo=trouble.todo)


def of_rehearsals(found: Iterable[tuple[str, Rehearsed]]) -> Iterator[Finding]:
    """Sources whose recovery was not rehearsed as it should be, or costs more than it may."""
    said = {
        "late": "its recovery was not rehearsed when it should have been",
        "never": "its recovery was never rehearsed",
    }
    for source, one in found:
        todo = f"`quorate recover database {source} --rehearse` does it now and says what is wrong"
        for what in (*filter(None, [said.get(one.state)]), *one.problems):
            yield Finding(check=Check.REHEARSAL, where=source, what=what, todo=todo)


def of_images(image: str, why: str, having: Mapping[str, bool]) -> Iterator[Finding]:
    """Servers that neither have the image of jobs nor get it from a registry.

    Args:
        why: what its registry said; empty: it has it, and servers pull it.
        having: whether each server that answered has it.
    """
    if not why:
        return
    for server, there in sorted(having.items()):
        if not there:
            yield Finding(
                check=Check.IMAGE,
                where=server,
                what=f"it has no image {image}, and none is to be had: {why}",
                todo="`quorate backup image` says how servers come by it",
            )


def of_clocks(skews: Mapping[str, float], limit: float) -> Iterator[Finding]:
    """Servers whose clocks differ from the middle one by more seconds than that."""
    for server, ahead in sorted(skews.items()):
        if abs(ahead) > limit:
            way = "ahead of" if ahead > 0 else "behind"
            yield Finding(
                check=Check.CLOCK,
                where=server,
                what=f"its clock is {abs(ahead):.1f} s {way} the others'",
                todo=f"on {server}: `timedatectl set-ntp true`, and see where it takes the time",
            )
