"""Sizes, durations, shares and rates as people write them.

Sizes are 1024-based, as in compose (`512M`, `4g`, `31GiB`); durations are Go's
(`1m30s`), a bare number is seconds; a share is `10%` or 0.1.
All parsers raise ValueError with a sentence that can be shown as it is.
"""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_BITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_SIZE = re.compile(r"([0-9]{1,18})(\.[0-9]{1,15})?\s*([kmgtp]?)i?b?", re.IGNORECASE)
_RATE = re.compile(
    r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([kmgt]?)(bit|ib|b|)(?:/s|ps|)", re.IGNORECASE
)
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(us|µs|ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


def parse_size(value: Any) -> int:
    """Bytes of a size: `512M`, `4g`, `31GiB`, `1.5 GB`, or a number of bytes."""
    if _is_number(value):
        return int(value)
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"`{value}` is not a size; write 512M, 4G or 31GiB")
    unit = _UNITS[match[3].lower()]
    return int(match[1]) * unit + round(float(match[2] or 0) * unit)


def write_size(size: int) -> str:
    """A size that reads back as exactly the same number of bytes: `1536M`."""
    for unit in "tgmk":
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit.upper()}"
    return str(size)


def show_size(size: float) -> str:
    """A size for people, rounded: `7.8 GiB`."""
    for unit in "tgmk":
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f}".removesuffix(".0") + f" {unit.upper()}iB"
    return f"{size:.0f} B"


def parse_duration(value: Any) -> float:
    """Seconds of a duration: `1m30s`, `500ms`, `2h`, `7d`, or a number of seconds."""
    if _is_number(value):
        return float(value)
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"`{value}` is not a duration; write 30s, 1m30s or 2h")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def write_duration(seconds: float) -> str:
    """A duration in compose's form, exact to the microsecond: `1m30s`."""
    left = round(seconds * 1_000_000)
    if left == 0:
        return "0s"
    out = ""
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000)):
        count, left = divmod(left, size)
        out += f"{count}{unit}" if count else ""
    return out + (f"{left}us" if left else "")


def show_duration(seconds: float) -> str:
    """A duration for people, its two largest parts: `7 d`, `1 d 6 h`, `5 min`, `45 s`, `0.5 s`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    left, out = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            out.append(f"{count} {unit}")
    return " ".join(out[:2])


def parse_share(value: Any) -> float:
    """A share between 0 and 1: `10%` or 0.1."""
    number = math.nan
    if _is_number(value):
        number = float(value)
    elif isinstance(value, str):
        text = value.strip()
        if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
            number = float(text[:-1]) / 100
        elif _NUMBER.fullmatch(text):
            number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(f"`{value}` is not a share; write 10% or 0.1")
    return number


def parse_cpus(value: Any) -> float:
    """CPU threads: 2, 0.5 or `'0.5'`."""
    if _is_number(value):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    raise ValueError(f"`{value}` is not a number of CPU threads; write 2 or 0.5")


def parse_rate(value: Any) -> float:
    """Bytes per second: `10M` and `10MB/s` (1024-based) or `100Mbit` (1000-based, bits)."""
    if _is_number(value):
        return float(value)
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"`{value}` is not a rate; write 10M (bytes per second) or 100Mbit")
    unit = match[2].lower()
    if match[3].lower() == "bit":
        return float(match[1]) * _BITS[unit] / 8
    return float(match[1]) * _UNITS[unit]


def _is_number(value: Any) -> bool:
    """A finite number of 0 or more, and not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0
