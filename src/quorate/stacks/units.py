"""Durations and CPU shares as stack files write them, which Go parses."""

from __future__ import annotations

import re

from quorate.fleet.quantities import parse_duration, write_duration

_GO_DURATION = re.compile(r"((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+")


def go_duration(value: object) -> str:
    """A compose duration as Go reads it: as written where Go knows its units.

    Go knows no days, and no bare numbers.

    Raises:
        ValueError: it is no duration.
    """
    text = str(value).strip()
    return text if _GO_DURATION.fullmatch(text) else write_duration(parse_duration(value))


def cpus(value: float) -> str:
    """Threads with at most three decimals, rounded down so that sums never grow."""
    thousandths = int(value * 1000 + 1e-6)
    return f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".")
