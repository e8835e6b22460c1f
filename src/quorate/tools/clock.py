"""Time from outside: now, and waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never jump, for measuring."""
    return time.monotonic()


def boottime() -> float:
    """Seconds that never jump and go on while the machine sleeps, where its kernel can say so."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
