"""How many volumes of what size, kept how long, so that the disk is never filled.

Bacula writes into a volume until it is full or `use_days` old, and reuses it
when the youngest job in it is older than the pool's retention. Without a free
volume and at the pool's limit of volumes it waits and says so: the limit is
what keeps the disk from filling up, so all limits together stay below the room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil

from quorate.fleet.quantities import write_size
from quorate.stacks.bacula.model import GIB, Cycle, FileSet, Finding, Part, Pool, Retention, Roles
from quorate.stacks.bacula.say import shown

DOCUMENT_VOLUME = 50 * GIB
DOCUMENT_VOLUMES = 100
"""The document's Maximum Volume Bytes and Maximum Volumes."""

USABLE = 0.9
"""Of the room: below a tenth free, the document's alert BackupDiskFull fires."""

SPARED_SHARE = 0.25
VOLUMES_PER_RUN = 4
SMALLEST_VOLUME = GIB // 4
CATALOGUE_DAILY = GIB // 16
"""Assumed: the catalogue's own copy, in the pool of the incremental ones."""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What one run of each level writes, before compression, in bytes."""

    full: int
    differential: int
    incremental: int
    system: int


def amounts(filesets: Sequence[FileSet], cycle: Cycle) -> Amounts:
    """What the file sets come to. A differential holds what changed since the last full one."""
    daily = [item for item in filesets if item.part is not Part.SYSTEM]
    weeks = range(1, cycle.full_days // cycle.differential_days + 1)
    grown = [
        sum(min(item.size, item.daily * week * cycle.differential_days) for item in daily)
        for week in weeks
    ]
    system = [item for item in filesets if item.part is Part.SYSTEM]
    # Where no size is known, a little is: jobs need a pool.
    least = SMALLEST_VOLUME if daily else 0
    return Amounts(
        full=max(least, sum(item.size for item in daily)),
        differential=max(least, sum(grown) // len(grown)),
        incremental=sum(item.daily for item in daily) + CATALOGUE_DAILY,
        system=sum(item.size for item in system),
    )


def pools(
    filesets: Sequence[FileSet], roles: Roles, cycle: Cycle, wanted: Retention
) -> tuple[tuple[Pool, ...], list[Finding]]:
    """The pools that fit the room, and what had to give way.

    Full backups give way first, down to the last and the one being written; then
    weeks of the levels between them. What must be kept long and is small does not.
    """
    each = amounts(filesets, cycle)
    usable = int(roles.room * USABLE)
    choices = list(_choices(wanted, cycle))
    kept = next((kept for kept in choices if _most(each, cycle, kept) <= usable), None)
    if not roles.room:
        return tuple(_pools(each, cycle, choices[0])), [_room_unknown(roles)]
    made = _pools(each, cycle, kept or choices[-1])
    if kept is not None:
        # What is left over is for full backups too: nobody knows sizes exactly.
        spare = usable - _most(each, cycle, kept)
        made = [_limited(p, p.most + spare) if p.name == "Full" else p for p in made]
    else:
        made = _squeezed(made, usable)
    return tuple(made), [
        *_of_the_document(roles),
        *_of_the_room(each, filesets, roles, cycle, wanted, kept),
    ]


def _choices(wanted: Retention, cycle: Cycle) -> Iterator[Retention]:
    """What can be kept, the most first; the last one is the least that can be restored from."""
    least = cycle.longest_days + 1
    for days in range(max(wanted.full, least), least - 1, -1):
        yield replace(wanted, full=days)
    week = cycle.differential_days
    differential, incremental = wanted.differential, wanted.incremental
    while differential > 2 * week or incremental > week:
        differential = max(min(differential, 2 * week), differential - week)
        incremental = max(min(incremental, week), incremental - week)
        yield replace(wanted, full=least, differential=differential, incremental=incremental)


def _pools(each: Amounts, cycle: Cycle, kept: Retention) -> list[Pool]:
    """The pools as large as that takes; those that nothing is written to left out."""
    week = cycle.differential_days
    made = [
        _pool("Full", kept.full, each.full, cycle.full_days),
        _pool("Differential", kept.differential, each.differential, week),
        # A week in one volume, which is kept for as long as its last day is.
        replace(
            _pool("Incremental", kept.incremental + week, each.incremental * week, week),
            retention=kept.incremental,
            use_days=week - 1,
        ),
        _pool("System", kept.system, each.system, cycle.full_days),
    ]
    return [pool for pool in made if pool.need]


def _most(each: Amounts, cycle: Cycle, kept: Retention) -> int:
    return sum(pool.most for pool in _pools(each, cycle, kept))


def _pool(name: str, days: int, run: int, every: int) -> Pool:
    """A pool for runs of `run` bytes each `every` days, of which those of `days` are kept."""
    size = min(DOCUMENT_VOLUME, _whole(run / VOLUMES_PER_RUN))
    runs = ceil(days / every)
    return Pool(
        name=name,
        retention=days,
        size=size,
        # One more: a volume is used again only when it is needed and its time is over.
        count=runs * ceil(run / size) + 1,
        use_days=1,
        need=runs * run,
    )


def _whole(size: float) -> int:
    """Rounded up to whole volumes of the smallest size, at least one."""
    return max(1, ceil(size / SMALLEST_VOLUME)) * SMALLEST_VOLUME


def _squeezed(made: Sequence[Pool], room: int) -> list[Pool]:
    """Pools that are too large for the room, made smaller alike; a small one of System's is not."""
    spared = [p for p in made if p.name == "System" and p.most <= SPARED_SHARE * room]
    left = room - sum(pool.most for pool in spared)
    whole = sum(pool.most for pool in made if pool not in spared)
    return [p if p in spared else _limited(p, int(left * p.most / whole)) for p in made]


def _limited(pool: Pool, room: int) -> Pool:
    """The pool with as many volumes as the room holds, smaller ones where not two fit."""
    size = pool.size
    while size > 2**20 and room // size < 2:
        size //= 2
    return replace(pool, size=size, count=max(1, room // size))


def _room_unknown(roles: Roles) -> Finding:
    return Finding(
        code="room-unknown",
        what=f"how much room there is on {roles.storage} is not known: nothing says whether the "
        "pools fit",
        todo="give its disks under `disks:`, or `disk:` of bacula-storage under `reserved:`",
    )


def _of_the_document(roles: Roles) -> list[Finding]:
    most = DOCUMENT_VOLUME * DOCUMENT_VOLUMES
    if most <= roles.room:
        return []
    disk = f" of the {shown(roles.disk)} on {roles.mount}" if roles.disk else ""
    return [
        Finding(
            code="document-pool",
            level="note",
            what=f"the usual pool, {DOCUMENT_VOLUMES} volumes of {shown(DOCUMENT_VOLUME)} for 365 "
            f"days, may grow to {shown(most)}; {roles.storage} has {shown(roles.room)}{disk}, "
            f"{most / roles.room:.0f} times less: the disk would be full before a volume is used "
            "again",
            todo="nothing: the pools rendered here stay below the room",
        )
    ]


def _of_the_room(
    each: Amounts,
    filesets: Sequence[FileSet],
    roles: Roles,
    cycle: Cycle,
    wanted: Retention,
    kept: Retention | None,
) -> list[Finding]:
    asked = _whole(_most(each, cycle, wanted) / USABLE)
    if kept is not None:
        shorter = (kept.differential, kept.incremental) != (wanted.differential, wanted.incremental)
        if kept.full >= wanted.full and not shorter:
            return []
        what = (
            f"full backups of {shown(each.full)} each are kept {kept.full} days, not "
            f"{wanted.full}: {roles.storage} has {shown(roles.room)}, and {wanted.full} days "
            f"take {shown(asked)}"
        )
        if shorter:
            what += (
                f"; differential ones {kept.differential} days, not {wanted.differential}, "
                f"incremental ones {kept.incremental}, not {wanted.incremental}"
            )
        return [Finding(code="kept-shorter", what=what, todo=_enlarge(roles, asked))]
    least = _least(each, cycle, wanted)
    what = (
        f"{shown(roles.room)} on {roles.storage} are too little: a full backup takes "
        f"{shown(each.full)}, the differences since it {shown(each.differential)}, those of a day "
        f"{shown(each.incremental)} (before compression); the shortest cycle takes {shown(least)}, "
        f"{wanted.full} days of it {shown(asked)}. As rendered, jobs wait when the pools are full"
    )
    advice = f"{_enlarge(roles, least)}, or leave out what is saved elsewhere"
    parts = _parts_to_leave(filesets, roles, cycle, wanted)
    if parts:
        advice += ": it fits with " + " ".join(f"--without {part.value}" for part in parts)
    return [Finding(code="too-small", what=what, todo=advice)]


def _least(each: Amounts, cycle: Cycle, wanted: Retention) -> int:
    """The room, in bytes, that the shortest cycle takes."""
    return _whole(_most(each, cycle, list(_choices(wanted, cycle))[-1]) / USABLE)


def _parts_to_leave(
    filesets: Sequence[FileSet], roles: Roles, cycle: Cycle, wanted: Retention
) -> tuple[Part, ...]:
    """The fewest parts without which the shortest cycle fits; none where nothing helps."""
    heavy = (Part.VOLUMES, Part.GITLAB, Part.DATABASES)
    for count in range(1, len(heavy) + 1):
        for parts in combinations(heavy, count):
            rest = [item for item in filesets if item.part not in parts]
            if _least(amounts(rest, cycle), cycle, wanted) <= roles.room:
                return parts
    return ()


def _enlarge(roles: Roles, size: int) -> str:
    text = f"set `disk: {write_size(size)}` of bacula-storage on {roles.storage}"
    if roles.disk:
        only = "" if size <= roles.disk else "only "
        text += f" (the disk on {roles.mount} has {only}{shown(roles.disk)})"
    return text
