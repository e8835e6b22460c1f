"""When schedules come due, by the clock on the wall of one time zone.

A time that does not exist (clocks go forward) is that of the change; of one that exists twice
(clocks go back) the first counts. Where the hour is left open (`hourly`), hours that pass count:
the one that comes twice is two, the one that is left out is none. So nothing is left out and
nothing done twice; xen-orchestra #4024 tells what else happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, pairwise

from quorate.fleet.cron import Cron
from quorate.fleet.schedules import Schedule

DAY = timedelta(days=1)
HORIZON = timedelta(days=8 * 366)
"""No schedule rests longer: eight years lie between two 29ths of February around 2100."""

CLOCK_STEP = timedelta(minutes=5)
"""A run that began later than this after now was dated by a clock that was wrong."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """Whether something is to be run now.

    `planned`: the time that it would be run for, the last one that has come. `missed`: how many
    times before that one came and went without a run; all of them are caught up by one. `next`:
    when it comes round after that. `why` in words.
    """

    due: bool
    why: str
    planned: datetime | None
    missed: int = 0
    next: datetime | None


def occurrences(
    schedule: Schedule, zone: tzinfo, start: datetime, end: datetime
) -> Iterator[datetime]:
    """The times from `start` to `end`, both included, in order; UTC."""
    cron = schedule.cron
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    # A change of the clocks may carry a time over midnight: a day more on either side.
    day, last = start.astimezone(zone).date() - DAY, end.astimezone(zone).date() + DAY
    before = start - DAY
    while day <= last:
        moments = _of_day(day, cron, zone) if cron.on(day) else ()
        for moment in moments:
            # Of a day that was left out, one time may be the next day's: it counts once.
            if start <= moment <= end and moment > before:
                yield moment
                before = moment
        day += DAY


@lru_cache(maxsize=1024)  # many sources share a schedule, and are asked about in one moment
def next_after(schedule: Schedule, zone: tzinfo, moment: datetime) -> datetime | None:
    """The first time after a moment; None: it never comes."""
    begin = moment.astimezone(UTC)
    for span in (2 * DAY, 40 * DAY, HORIZON):
        for found in occurrences(schedule, zone, begin, begin + span):
            if found > begin:
                return found
    return None


@lru_cache(maxsize=1024)
def last_until(schedule: Schedule, zone: tzinfo, moment: datetime) -> datetime | None:
    """The last time until a moment, included; None: it never came."""
    end = moment.astimezone(UTC)
    for span in (2 * DAY, 40 * DAY, HORIZON):
        if found := list(occurrences(schedule, zone, end - span, end)):
            return found[-1]
    return None


def due(
    schedule: Schedule,
    zone: tzinfo,
    *,
    runs: Iterable[datetime],
    running: datetime | None,
    now: datetime,
) -> Due:
    """Whether to run now.

    Due once something has never been run, or its time has come since the last run began: however
    often it came, there is one run. Never due while one is going on; what came meanwhile is caught
    up after it.

    Args:
        runs: when runs began, failed ones too; those from the future are a wrong clock's, and do
            not count.
        running: when the one began that is going on; None: there is none.
    """
    planned, coming = last_until(schedule, zone, now), next_after(schedule, zone, now)
    last = max((one for one in runs if one <= now + CLOCK_STEP), default=None)
    if running is not None:
        why = f"the run of {_clock(running, zone)} is going on"
        return Due(due=False, why=why, planned=planned, next=coming)
    if last is None:
        return Due(due=True, why="it was never run", planned=planned, next=coming)
    if planned is None or last >= planned:
        why = f"run at {_clock(last, zone)}, as planned"
        return Due(due=False, why=why, planned=planned, next=coming)
    missed = sum(1 for one in occurrences(schedule, zone, last, planned) if last < one < planned)
    more = f", and {missed} missed before" if missed else ""
    why = f"planned for {_clock(planned, zone)}{more}"
    return Due(due=True, why=why, planned=planned, missed=missed, next=coming)


def period(schedule: Schedule, zone: tzinfo, now: datetime) -> timedelta:
    """The longest time between two runs around now: what may be lost if all goes well.

    Looked for among the next runs: as many as a month of days, weeks or months has.
    """
    found = islice(occurrences(schedule, zone, now, now + HORIZON), 32)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    return max(gaps, default=HORIZON)


@lru_cache(maxsize=4096)
def _of_day(day: date, cron: Cron, zone: tzinfo) -> tuple[datetime, ...]:
    walls = (datetime.combine(day, time(h, m)) for h in cron.hours for m in cron.minutes)
    return tuple(sorted({one for wall in walls for one in _moments(wall, cron.every_hour, zone)}))


def _moments(wall: datetime, every_hour: bool, zone: tzinfo) -> list[datetime]:
    """The moments at which the clock on the wall is to be taken to show this; UTC."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return [first]
    if first.astimezone(zone).replace(tzinfo=None) == wall:  # it comes twice
        return [first, second] if every_hour else [first]
    return [] if every_hour else [_change(second, first, zone)]


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The minute at which the clocks change between two moments."""
    old = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds() // 60)
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(minutes=middle)).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return before + timedelta(minutes=high)


def _clock(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
