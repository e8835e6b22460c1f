"""How much room a copy needs on the disks of its target. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quorate.recover.moving.model import Pair

SPARE = 1.05
"""How much more than the data must be free, for directories and what grows meanwhile."""

Sizes = Mapping[str, int | None]
"""Bytes by `SERVER:VOLUME`; None or not there: nobody has measured it."""


def key(server: str, volume: str) -> str:
    """How a volume is named in the facts of a move."""
    return f"{server}:{volume}"


def needed(pair: Pair, sizes: Sizes, over: Iterable[str]) -> float:
    """Bytes that have to be free on the target of a pair.

    A volume that may be overwritten takes what it has beyond what is there now. Volumes that
    nobody has measured count nothing; so do overwritten ones whose target nobody has measured.
    """
    may = frozenset(over)
    return sum(_of(pair, one.name, sizes, over=one.name in may) for one in pair.volumes)


def _of(pair: Pair, name: str, sizes: Sizes, *, over: bool) -> float:
    whole = (sizes.get(key(pair.source, name)) or 0) * SPARE
    if not over:
        return whole
    there = sizes.get(key(pair.target, name))
    return 0.0 if there is None else max(0.0, whole - there)
