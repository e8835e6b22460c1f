"""Write-ahead logs that are streamed: which, where to, which base backups stay, what is restorable.

A base backup is a copy of a Postgres' files; with the log since then, any moment after it can be
restored. Pure; times are UTC, by the primary's clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from quorate.backup.policy.times import due
from quorate.fleet.backup_wal import receiving_server, slot_room, streamed
from quorate.fleet.datasets import DataSet, Homes
from quorate.fleet.model import Fleet
from quorate.fleet.schedules import Schedule

ROLE = "quorate_wal"
"""The role that receives: it may read the log and make base backups, and no table."""
NAME_LENGTH = 63
"""Of what has a name in Postgres (NAMEDATALEN - 1)."""
RETRY = timedelta(seconds=10)
RETRY_MOST = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A write-ahead log that is to be received.

    `server` is where it lies, in `path`; None: no server but the database's own is there.
    `beside`: it may be the one that the database is on. `slot_room` in bytes, `keep` in seconds.
    """

    source: str
    service: str
    server: str | None
    beside: bool
    path: str
    slot: str
    slot_room: int
    schedule: Schedule
    keep: float
    role: str = ROLE


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base backup. `begin` and `end` are when it was made; `wal` the first segment it needs."""

    id: str
    begin: datetime
    end: datetime
    wal: str = ""
    size: int = 0
    tablespaces: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Break:
    """A hole in the log: nothing was received between the two; `end` None: it is open.

    `segment`: the last one received before it.
    """

    begin: datetime
    end: datetime | None = None
    segment: str = ""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Any moment from `begin` to `end` can be restored."""

    begin: datetime
    end: datetime


def receivers(fleet: Fleet, homes: Homes | None = None) -> tuple[Receiver, ...]:
    """Every Postgres of the fleet whose log is to be streamed.

    Args:
        homes: where services are, by a plan or as observed.
    """
    found = []
    for one, policy in streamed(fleet, homes):
        server = receiving_server(fleet.backup, policy, one, fleet.servers)
        found.append(
            Receiver(
                source=one.id,
                service=one.services[0],
                server=server,
                beside=server is None or server in one.servers,
                path=directory(policy.wal.path, one),
                slot=slot_name(fleet.name, one.id),
                slot_room=slot_room(policy, one, fleet.servers),
                schedule=policy.wal.schedule,
                keep=policy.wal.keep,
            )
        )
    return tuple(found)


def directory(path: str, one: DataSet) -> str:
    """Where the log of a source lies below `path`."""
    return f"{path.rstrip('/')}/{one.id.replace('/', '_')}"


def slot_name(fleet: str, source: str) -> str:
    """The slot's name: small letters, digits and `_`, as Postgres has them, and no other source's.

    What had to be changed to fit has a digest of the real name at its end.
    """
    whole = f"{fleet}/{source}"
    plain = re.sub(r"[^a-z0-9_]", "_", f"quorate_{fleet}_{source}".lower().replace("-", "_"))
    mark = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{plain[: NAME_LENGTH - len(mark) - 1]}_{mark}"


def surplus(bases: Iterable[Base], *, now: datetime, keep: float) -> tuple[str, ...]:
    """The base backups that no moment of the last `keep` seconds needs, the oldest first.

    The newest that was whole before these began stays: they begin with it.
    """
    begin = now - timedelta(seconds=keep)
    before = [one for one in _ordered(bases) if one.end <= begin]
    return tuple(one.id for one in before[:-1])


def base_due(
    bases: Iterable[Base],
    *,
    since: datetime,
    schedule: Schedule,
    zone: tzinfo,
    failed: Sequence[datetime],
    now: datetime,
) -> str:
    """Why a base backup is to be made now; empty: it is not.

    One is needed as soon as the log is received without a hole, and then when its time has come.
    One that failed is tried again, after ever longer times.

    Args:
        since: when the log began that has no hole until now.
        failed: when those were tried that failed since the last good one, in order.
    """
    if failed and now < failed[-1] + min(RETRY * 2 ** min(len(failed) - 1, 16), RETRY_MOST):
        return ""
    whole = [one for one in bases if one.begin >= since]
    if not whole:
        return "there is none since the log is received without a hole"
    found = due(schedule, zone, runs=[one.begin for one in whole], running=None, now=now)
    return found.why if found.due else ""


def windows(bases: Iterable[Base], breaks: Sequence[Break], until: datetime) -> tuple[Window, ...]:
    """What can be restored, the oldest first: from each hole's first base backup to the next hole.

    Args:
        until: up to when all was received.
    """
    ordered = _ordered(bases)
    found = []
    for begin, end in _stretches(breaks, until):
        first = next((one for one in ordered if begin is None or one.begin >= begin), None)
        if first is not None and first.end <= end:
            found.append(Window(begin=first.end, end=end))
    return tuple(found)


def candidates(
    bases: Iterable[Base], breaks: Sequence[Break], until: datetime, moment: datetime | None
) -> tuple[Base, ...]:
    """The base backups from which a moment (None: the last) can be reached, the best first.

    A moment after `until` may be there too, where no hole has come since: more may have been
    received than was known. Only the log itself tells.

    Raises:
        ValueError: it cannot be reached from any; in a sentence that says what can.
    """
    ordered = _ordered(bases)
    for begin, end in reversed(list(_stretches(breaks, until))):
        mine = [one for one in ordered if begin is None or one.begin >= begin]
        if moment is not None:
            mine = [one for one in mine if one.end <= moment]
        is_last = begin == breaks[-1].end is not None if breaks else True
        if mine and (moment is None or moment <= end or is_last):
            return tuple(reversed(mine))
    raise ValueError(restorable(windows(ordered, breaks, until)))


def hole_after(base: Base, breaks: Sequence[Break]) -> Break | None:
    """The hole that ends what a base backup leads to; None: there is none."""
    later = [one for one in breaks if one.begin >= base.end]
    return min(later, key=lambda one: one.begin, default=None)


def restorable(reach: Sequence[Window]) -> str:
    """What can be restored, in words."""
    said = "; ".join(f"from {_clock(one.begin)} to {_clock(one.end)}" for one in reach)
    return f"what can be restored: {said}" if said else "there is no base backup yet"


def _stretches(
    breaks: Sequence[Break], until: datetime
) -> Iterator[tuple[datetime | None, datetime]]:
    """The times without a hole; the first has no known beginning."""
    begin: datetime | None = None
    for one in sorted(breaks, key=lambda one: one.begin):
        yield begin, one.begin
        if one.end is None:
            return
        begin = one.end
    yield begin, until


def _ordered(bases: Iterable[Base]) -> list[Base]:
    return sorted(bases, key=lambda one: one.end)


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
