"""Runs: the key that each has, and when one that failed is tried again. Pure.

A run's key is what it is for and the time it was due (docs/adr/0025). Whoever begins the same run
twice finds, by its key, what the first one stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

FIRST_DELAY = timedelta(minutes=5)
"""After the first failure; each further one doubles it. Long enough for a server to restart."""

LONGEST_DELAY = timedelta(hours=4)

TRIES = 6
"""For one due time: 5, 10, 20, 40 and 80 minutes apart. Then it waits for the next due time."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of a run so far: how often it was begun, and how and when the last one ended."""

    tries: int
    ok: bool
    ended: datetime
    why: str = ""


def due_of(run: str) -> datetime | None:
    """The due time in a run's key, as `jobs.names.run_key` makes it; None: it has none."""
    _, at, text = run.rpartition("@")
    if not at or not FORM.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def after(former: Attempt | None, *, ok: bool, ended: datetime, why: str = "") -> Attempt:
    """A run that has ended once more."""
    return Attempt(tries=(former.tries if former else 0) + 1, ok=ok, ended=ended, why=why)


def delay(tries: int) -> timedelta:
    """How long a run rests that failed so often."""
    return min(FIRST_DELAY * (1 << min(max(tries - 1, 0), 16)), LONGEST_DELAY)


def again(attempt: Attempt) -> datetime | None:
    """When a run is begun again; None: never, as it went well, or was given up."""
    if attempt.ok or attempt.tries >= TRIES:
        return None
    return attempt.ended + delay(attempt.tries)


def expected(attempt: Attempt | None) -> bool:
    """Whether a run is still to come: it is not done, and not given up."""
    return attempt is None or again(attempt) is not None


def rests(attempt: Attempt | None, now: datetime) -> str:
    """Why a run that failed is not begun again now, in words; empty: it may be."""
    if attempt is None or attempt.ok:
        return ""
    when = again(attempt)
    if when is None:
        return f"it failed {attempt.tries} times, and is given up until it is due again"
    # A clock that was put back must not make it wait longer than meant.
    if attempt.ended <= now < when:
        minutes = -(-(when - now) // timedelta(minutes=1))
        return f"it failed {attempt.tries} times, and is tried again in {minutes} min"
    return ""
