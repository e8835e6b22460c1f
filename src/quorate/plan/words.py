"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Sequence

MIB = 2**20
MIB_PER_GIB = 1024


def size(mebibytes: float) -> str:
    """Memory or disk, given in MiB: `512 MiB`, `4.0 GiB`, `1.8 TiB`."""
    if abs(mebibytes) < MIB_PER_GIB:
        return f"{mebibytes:.0f} MiB"
    if abs(mebibytes) < MIB_PER_GIB**2:
        return f"{mebibytes / MIB_PER_GIB:.1f} GiB"
    return f"{mebibytes / MIB_PER_GIB**2:.1f} TiB"


def threads(millis: float) -> str:
    """CPU, given in thousandths of a thread: `0.5 threads`, `1 thread`."""
    value = f"{millis / 1000:.2f}".rstrip("0").rstrip(".")
    return f"{value} thread" if value == "1" else f"{value} threads"


def count(number: int, noun: str) -> str:
    """`1 service`, `9 services`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def should_be(number: int) -> str:
    """`it should be`, `they should be`."""
    return f"{'it' if number == 1 else 'they'} should be"


def listed(names: Sequence[str], *, most: int = 4) -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 6 more`."""
    shown = list(names[:most])
    rest = len(names) - len(shown)
    if rest > 0:
        shown.append(f"{rest} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
