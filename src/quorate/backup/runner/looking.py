"""Repositories looked at: what they hold, who locks them, what time it is there, and damage."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from quorate.backup import catalogue
from quorate.backup.jobs.model import STALE, Holds, Trouble
from quorate.backup.model import Snapshot
from quorate.backup.place import PlaceType, Repository
from quorate.backup.policy.retention import wrong_time
from quorate.backup.runner.saying import log, size_of
from quorate.backup.runner.setting import Outcome, Setting
from quorate.backup.tags import MarkKind, read_mark
from quorate.errors import MachineError, RepositoryError
from quorate.tools import clock, process
from quorate.tools.restic_answers import Entry, Lock
from quorate.tools.restic_errors import Reason

APART = timedelta(seconds=60)
"""Clocks further apart than this are a finding; retention bears five minutes."""
STALE_AFTER = timedelta(minutes=30)
"""restic's own rule (`staleLockTimeout`); a holder refreshes its lock every five minutes."""
MEASURE_SECONDS = 120.0
"""A repository far away is counted by its snapshots' trees, which are fetched for it."""
MARKS = 3
"""So many of a server's last marks tell what time it was there, the closest of them."""


def catalogued(setting: Setting, there: Repository, outcome: Outcome) -> None:
    """List every copy.

    Raises:
        RepositoryError: it cannot be read.
    """
    setting.say.step(f"list {there.name}")
    outcome.copies += catalogue.read(there)
    outcome.findings += wrong_times(outcome.copies, clock.now())
    outcome.holds = measured(there, setting.left)


def measured(there: Repository, left: float) -> Holds:
    """How large it is, and the room there; of one that is elsewhere only what restic counts.

    That is never worth an error: the list of copies is whole without it.
    """
    if there.place.type == PlaceType.LOCAL:
        directory = Path(there.place.location)
        try:
            disk = shutil.disk_usage(directory)
        except OSError:
            return Holds(stored=size_of(directory))
        return Holds(stored=size_of(directory), free=disk.free, disk=disk.total)
    try:
        return Holds(stored=there.restic.room(timeout=min(MEASURE_SECONDS, left / 2)))
    except (RepositoryError, MachineError) as error:
        log.info("%s cannot be measured: %s", there.name, error.what)
        return Holds()


def check(setting: Setting, there: Repository, outcome: Outcome) -> Trouble | None:
    """Break stale locks, look at the clocks and have restic look for damage; that, if there is any.

    A job that only looks leaves stale locks, and checks in spite of them.

    Raises:
        RepositoryError: it cannot be read, or somebody is busy with it (who, is a finding).
    """
    setting.say.step(f"look at the locks of {there.name}")
    now = clock.now()
    locks = there.restic.locks()
    if setting.job.look_only:
        broken = tuple(lock for lock in locks if is_stale(lock, now) or _of_nobody_here(lock))
    else:
        broken = there.restic.break_stale_locks() if locks else ()
    did = STALE if setting.job.look_only else "removed a stale lock: "
    outcome.findings += [f"{did}{in_words(lock, now)}" for lock in broken]
    held = [lock for lock in locks if lock not in broken]
    outcome.findings += [f"in use: {in_words(lock, now)}" for lock in held]
    entries = there.restic.snapshots()
    outcome.copies += catalogue.read(there)
    outcome.findings += wrong_times(outcome.copies, now)
    received = catalogue.received(there.place, entries)
    outcome.findings += [skew.words for skew in skews(entries, received) if skew.worth_saying]
    outcome.holds = measured(there, setting.left)
    setting.say.step(f"check {there.name}")
    # A stale lock that stays keeps restic out; nobody is behind it.
    alone = bool(held) or not (setting.job.look_only and broken)
    damage = there.restic.check(setting.job.read or None, lock=alone, timeout=setting.left)
    if not damage:
        return None
    return Trouble(
        what=f"the repository {there.name} is damaged",
        cause="\n".join(damage[:5]),
        todo="copy what is still whole elsewhere, then `restic check --read-data` and "
        "`restic repair`",
        reason=Reason.DAMAGED,
        code=6,
    )


def is_stale(lock: Lock, now: datetime) -> bool:
    """Whether a lock's holder has not refreshed it for as long as restic gives it. Pure."""
    return now - lock.time > STALE_AFTER


def _of_nobody_here(lock: Lock) -> bool:
    """restic's other rule: a process of this very host, and it does not run."""
    return lock.hostname == process.host_name() and not process.runs(lock.pid)


def in_words(lock: Lock, now: datetime) -> str:
    """Who holds a lock, and since when. Pure."""
    minutes = int((now - lock.time).total_seconds() // 60)
    kind = "exclusive" if lock.exclusive else "shared"
    return (
        f"{kind}, of process {lock.pid} on {lock.hostname or 'a host without a name'}, "
        f"since {lock.time:%Y-%m-%d %H:%M} UTC ({minutes} minutes)"
    )


def wrong_times(copies: Iterable[Snapshot], now: datetime) -> list[str]:
    """Copies whose time cannot be right. Pure."""
    return [
        f"{copy.source}: {copy.id[:8]}: {why}; it takes no place in retention"
        for copy in copies
        if (why := wrong_time(copy, now, {}))
    ]


@dataclass(frozen=True, kw_only=True)
class Skew:
    """How far a server's clock was before (+) or behind that of the repository's side."""

    server: str
    by: timedelta

    @property
    def worth_saying(self) -> bool:
        return abs(self.by) > APART

    @property
    def words(self) -> str:
        way = "ahead of" if self.by > timedelta() else "behind"
        seconds = abs(self.by.total_seconds())
        return f"the clock of {self.server} was {seconds:.0f} s {way} that of the repository"


def skews(entries: Iterable[Entry], received: dict[str, datetime]) -> list[Skew]:
    """What the last marks say of the clocks of those who wrote them. Pure.

    A mark is dated by who writes it, and written within a moment: when its file arrived tells
    what time it was on the other side. On a busy machine that moment is a long one, so the closest
    of a few counts. Marks of copies are written by the copies' server.
    """
    listed = sorted(entries, key=lambda entry: (entry.time, entry.id))
    marks = {entry.id: mark for entry in listed if (mark := read_mark(entry.tags))}
    servers = {entry.lasting: entry.hostname for entry in listed if entry.id not in marks}
    apart: dict[str, list[float]] = {}
    for entry in listed:
        mark = marks.get(entry.id)
        if mark is None or entry.id not in received:
            continue
        server = mark.server if mark.kind == MarkKind.PROOF else servers.get(mark.of, "")
        if server:
            seconds = (entry.time - received[entry.id]).total_seconds()
            apart.setdefault(server, []).append(seconds)
    return [
        Skew(server=server, by=timedelta(seconds=min(seconds[-MARKS:], key=abs)))
        for server, seconds in sorted(apart.items())
    ]
