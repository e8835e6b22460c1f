"""Which tables are filled by several connections at once. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

LARGE_BYTES = 64 * 2**20
"""Below, another connection is not worth its start."""

Name = TypeVar("Name", bound=Hashable)


def large_of(sizes: Mapping[Name, int], jobs: int) -> list[Name]:
    """Which of these are so large that one connection is still at it when the others are done.

    The largest first.
    """
    if jobs < 2:
        return []
    least = max(LARGE_BYTES, sum(sizes.values()) // (2 * jobs))
    return sorted((line for line, size in sizes.items() if size >= least), key=lambda x: -sizes[x])
