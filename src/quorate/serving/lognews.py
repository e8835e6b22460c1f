"""What people are told of write-ahead logs, and how long each may be so before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from quorate.backup.wal.model import State
from quorate.backup.wal.standing import Log, troubles

BORNE = timedelta(minutes=5)
"""A database or receiver that is started anew is back by then."""
BEGINS = timedelta(hours=1)
"""A base backup reads the whole database; until it is made, nothing can be restored."""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Something that is wrong with a log; told when it has been so for `borne`."""

    name: str
    text: str
    borne: timedelta


def wrong_logs(logs: Iterable[Log], told: Collection[str]) -> tuple[Wrong, ...]:
    """All that is wrong with these logs.

    Args:
        told: names that were told; what else is wrong with a log is over when it is, not when the
            log is not received at all.
    """
    found = []
    for one in logs:
        said = [trouble.what for trouble in troubles(one)]
        other = f"log {one.source}"
        if not one.protected:
            begins = one.state == State.STREAMING and not said
            found.append(
                Wrong(
                    name=f"unprotected log {one.source}",
                    text=f"{one.source} cannot be restored to any second: "
                    f"{said[0] if said else NO_BASE}",
                    borne=BEGINS if begins else BORNE,
                )
            )
        if said and (one.protected or other in told):
            text = f"{one.source}: its write-ahead log: {'; '.join(said)}"
            found.append(Wrong(name=other, text=text, borne=BORNE))
    return tuple(found)


NO_BASE = "its log is received, and there is no base backup to begin with yet"
