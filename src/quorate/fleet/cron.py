"""Times that come again and again, in cron's five fields.

The fields and how they are written are crontab(5)'s (Vixie cron): minute, hour, day of the
month, month, day of the week; `*`, lists, ranges, steps and names. As there, where both days
are restricted, either of them suffices.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise

_MONTHS = tuple(name.lower() for name in calendar.month_abbr[1:])
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:(\*)|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:/(\d{1,2}))?")
LEAP_YEAR = 2024
EIGHT_YEARS = 8 * 366
"""Days: no schedule rests longer, as between two 29ths of February around 2100."""


@dataclass(frozen=True, kw_only=True)
class Cron:
    """Minutes, hours and days on which something happens, by the clock on the wall.

    `weekdays` are cron's: 0 is Sunday. `every_hour`: the hour was left open, so it is meant by
    the hour that passes and not by the clock.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    every_hour: bool

    def on(self, day: date) -> bool:
        """Whether it happens on that day."""
        if day.month not in self.months:
            return False
        by_month = day.day in self.days
        by_week = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_month and by_week
        return by_month or by_week


@cache
def parse_cron(text: str) -> Cron:
    """The five fields of a crontab line.

    Raises:
        ValueError: it cannot be read, or names a day that never comes; a sentence to be shown.
    """
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"`{text}` is no schedule; write `0 3 * * 0` (minute hour day month day)")
    minutes, hours, days, months, weekdays = (
        _field(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    found = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day=words[2].startswith("*"),
        any_weekday=words[4].startswith("*"),
        every_hour=words[1] == "*",
    )
    if found.any_weekday and not any(
        day <= calendar.monthrange(LEAP_YEAR, month)[1] for day in days for month in months
    ):
        raise ValueError(f"`{text}` never comes: no such day in that month")
    return found


@lru_cache(maxsize=256)
def longest_rest(cron: Cron) -> timedelta:
    """The longest time from one time to the next, by a clock that is never changed.

    Played through for eight years: the same whenever it is asked.
    """
    first = date(LEAP_YEAR, 1, 1)
    days = (first + timedelta(days=number) for number in range(EIGHT_YEARS))
    walls = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]
    longest = timedelta(0)
    last: datetime | None = None
    for day in days:
        if not cron.on(day):
            continue
        moments = sorted(datetime.combine(day, wall) for wall in walls)
        if last is not None:
            longest = max(longest, moments[0] - last)
        longest = max([longest, *(b - a for a, b in pairwise(moments))])
        last = moments[-1]
    return longest or timedelta(days=EIGHT_YEARS)


def _field(word: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"`{part}` is no {name} of a schedule")
        star, first, last, step = match.groups()
        begin = low if star else _number(first, names, low)
        end = high if star or (step and last is None) else _number(last or first, names, low)
        if not (low <= begin <= end <= high) or step == "0" or step == "00":
            raise ValueError(f"`{part}` is no {name} between {low} and {high}")
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def _number(word: str, names: tuple[str, ...], low: int) -> int:
    """A number, or a name as its number; -1 for a name there is not."""
    if word.isdigit():
        return int(word)
    return names.index(word) + low if word in names else -1
