"""Time zones by their IANA names."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def time_zone(name: str) -> tzinfo:
    """The zone of that name; `UTC` needs no data on this machine.

    Raises:
        ValueError: there is none; a sentence to be shown.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone `{name}`") from error


def known_zones() -> frozenset[str]:
    """The names there are on this machine."""
    return frozenset({"UTC", *available_timezones()})
