"""How much a repository holds and may still take, as measured and as the fleet file says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.backup.jobs.model import Holds
from quorate.fleet.backup import Repository


@dataclass(frozen=True, kw_only=True)
class Held:
    """Bytes; None: not known. `stored`: all of it, `free`: what it may take still, `room`: all."""

    stored: int | None = None
    free: int | None = None
    room: int | None = None


def held(repository: Repository, seen: Holds | None) -> Held:
    """What a repository holds.

    The smaller of both counts: what is free on its disk, and what is left of its `room`.

    Args:
        seen: as a job has measured it; None: nobody has.
    """
    found = seen or Holds()
    room = repository.room if repository.room is not None else found.disk
    left = [] if found.free is None else [found.free]
    if repository.room is not None and found.stored is not None:
        left.append(max(0, repository.room - found.stored))
    return Held(stored=found.stored, free=min(left, default=None), room=room)


def takes(held: Held) -> int | None:
    """What it may come to in all: what is there, and what is free beside it."""
    if held.stored is None or held.free is None:
        return held.room
    return held.stored + held.free
