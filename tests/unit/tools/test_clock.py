"""Time from outside."""

from __future__ import annotations

from datetime import UTC, timedelta

from quorate.tools import clock


def test_now_carries_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.now().utcoffset() == timedelta(0)


def test_sleep_waits_and_monotonic_measures_it() -> None:
    started = clock.monotonic()
    clock.sleep(0.01)
    assert 0.009 < clock.monotonic() - started < 5
