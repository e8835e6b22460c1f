"""What is odd about a copy beside the former ones of its source: much smaller, or too old. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from quorate.backup.model import Snapshot

FORMER = 10
"""So many copies before one say what its source is like."""
FEWEST = 2
SHARE = 0.5
"""A copy of less than this share of the median of the former ones is a finding."""
SMALL = 2**20
"""Sources that were never larger than this many bytes may shrink as they like."""


def size_drop(copy: Snapshot, copies: Iterable[Snapshot]) -> str | None:
    """Whether a copy is much smaller than those before it, in words; None: it is not.

    An emptied database dumps and restores well: only its size tells.
    """
    former = [
        one
        for one in copies
        if one.complete
        and (one.source, one.repository) == (copy.source, copy.repository)
        and one.id != copy.id
        and one.taken < copy.taken
    ]
    former.sort(key=lambda one: (one.taken, one.id))
    sizes = [one.size for one in former[-FORMER:]]
    if len(sizes) < FEWEST:
        return None
    usual = median(sizes)
    if usual <= SMALL or copy.size >= SHARE * usual:
        return None
    return (
        f"the copy {copy.id[:8]} of {copy.source} is much smaller than the {len(sizes)} before it: "
        f"{copy.size} bytes, and they were {usual:.0f}"
    )


def too_old(
    copies: Iterable[Snapshot], source: str, newest: float | None, now: datetime
) -> str | None:
    """Whether the newest copy of a source is older than `newest` seconds, in words."""
    if newest is None:
        return None
    taken = [one.taken for one in copies if one.complete and one.source == source]
    if not taken:
        return f"{source} has no complete copy"
    age = now - max(taken)
    if age <= timedelta(seconds=newest):
        return None
    return f"the newest copy of {source} is {age.total_seconds() / 3600:.1f} hours old"
