"""What the backups have of a volume, in words, before somebody says that it may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from quorate.backup.model import Snapshot

NONE = "no backup of it is known: what is in it would be lost for good"
UNKNOWN = "the backups could not be read: what is in it may be lost for good"


def proof_words(copies: Iterable[Snapshot], volume: str, server: str, *, now: datetime) -> str:
    """The last proof of a volume's copies; else its newest copy; else that there is none.

    A copy taken on another server says so: it may be of other data under the same name.
    """
    mine = sorted(
        (one for one in copies if one.source == f"volume/{volume}" and one.complete),
        key=lambda one: one.taken,
    )
    if not mine:
        return NONE
    proven = [one for one in mine if one.proven]
    if not proven:
        newest = mine[-1]
        return (
            f"its newest copy is of {_when(newest.taken, now)}{_elsewhere(newest, server)} in "
            f"{newest.repository}, and was never proven: it may not restore"
        )
    best = proven[-1]
    assert best.proof is not None
    return (
        f"its newest proven copy is of {_when(best.taken, now)}{_elsewhere(best, server)} in "
        f"{best.repository}, proven {_when(best.proof.at, now)}; what was written since would be "
        "lost"
    )


def _when(at: datetime, now: datetime) -> str:
    days = (now - at).days
    ago = "today" if days < 1 else f"{days} days ago" if days > 1 else "a day ago"
    return f"{at:%Y-%m-%d %H:%M} UTC ({ago})"


def _elsewhere(copy: Snapshot, server: str) -> str:
    if not copy.server or copy.server == server:
        return ""
    return f", taken on {copy.server} and not on {server},"
