"""When something comes round: as people say it, and as cron's five fields."""

from __future__ import annotations

import re

from pydantic import model_validator

from quorate.fleet.base import Model
from quorate.fleet.cron import Cron, parse_cron

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MINUTE = re.compile(r":?([0-5]?\d)")


class When(Model):
    """A part of a schedule that somebody wrote; None: as it was."""

    every: str | None = None
    at: str | None = None
    day: str | None = None

    @property
    def said(self) -> bool:
        return (self.every, self.at, self.day) != (None, None, None)


class Schedule(Model):
    """When something comes round, by the clock on the wall.

    `every`: hourly, daily, weekly, monthly, or cron's five fields. `at`: `03:00`, or the minute
    of every hour. `day`: of the week, or of the month (1 to 28).

    Raises:
        ValueError: the three do not fit together; a sentence to be shown.
    """

    every: str = "daily"
    at: str | None = None
    day: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Schedule:
        _read(self.every, self.at, self.day)
        return self

    @property
    def cron(self) -> Cron:
        """The days, hours and minutes."""
        return parse_cron(self.fields)

    @property
    def fields(self) -> str:
        """Cron's five fields: `0 3 * * 0`."""
        return _read(self.every, self.at, self.day)[0]

    @property
    def words(self) -> str:
        """`Sundays at 03:00`."""
        return _read(self.every, self.at, self.day)[1]

    def changed(self, when: When) -> Schedule:
        """With what somebody wrote; another `every` begins anew.

        Raises:
            ValueError: it does not fit together.
        """
        every, at, day = self.every, when.at or self.at, when.day or self.day
        if when.every is not None:
            every, at, day = when.every.strip().lower(), when.at, when.day
        _read(every, at, day)  # a plain sentence, where Pydantic's error has many
        return Schedule(every=every, at=at, day=day)


def _read(every: str, at: str | None, day: str | None) -> tuple[str, str]:
    """The five fields, and the same in words."""
    if every in _FORMS:
        return _FORMS[every](at, day)
    if " " not in every:
        raise ValueError(f"`{every}` is not hourly, daily, weekly, monthly or cron's five fields")
    if at or day:
        raise ValueError(f"`{every}` has the time in it: leave out `at` and `day`")
    parse_cron(every)
    return every, f"at `{every}`"


def _hourly(at: str | None, day: str | None) -> tuple[str, str]:
    match = _MINUTE.fullmatch(at or "0")
    if match is None or day is not None:
        raise ValueError("hourly takes the minute only; write `at: 15`")
    minute = int(match[1])
    return f"{minute} * * * *", f"hourly at :{minute:02}" if minute else "hourly"


def _daily(at: str | None, day: str | None) -> tuple[str, str]:
    if day is not None:
        raise ValueError("daily takes no `day`; write `every: weekly` or `every: monthly`")
    hour, minute = _clock(at)
    return f"{minute} {hour} * * *", f"daily at {hour:02}:{minute:02}"


def _weekly(at: str | None, day: str | None) -> tuple[str, str]:
    name = (day or "sunday").lower()
    found = [number for number, full in enumerate(WEEKDAYS) if name in (full, full[:3])]
    if not found:
        raise ValueError(f"`{day}` is no day of the week; write `sunday`")
    hour, minute = _clock(at)
    words = f"{WEEKDAYS[found[0]].capitalize()}s at {hour:02}:{minute:02}"
    return f"{minute} {hour} * * {found[0]}", words


def _monthly(at: str | None, day: str | None) -> tuple[str, str]:
    if day is not None and not (day.isdecimal() and 1 <= int(day) <= 28):
        raise ValueError(f"`{day}` is not a day that every month has; write 1 to 28")
    hour, minute = _clock(at)
    number = int(day or 1)
    return f"{minute} {hour} {number} * *", f"day {number} of the month at {hour:02}:{minute:02}"


_FORMS = {"hourly": _hourly, "daily": _daily, "weekly": _weekly, "monthly": _monthly}


def _clock(at: str | None) -> tuple[int, int]:
    match = _CLOCK.fullmatch(at or "00:00")
    if match is None:
        raise ValueError(f"`{at}` is no time of day; write 03:00")
    return int(match[1]), int(match[2])
