"""What a comparison is about, and the figures that nobody gave."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.fleet.model import Service
from quorate.plan.whatif.compare import Pair
from quorate.plan.whatif.model import Cause
from quorate.plan.whatif.side import Homes, Side

LINK = 1e9 / 8
"""Bytes per second of a cable nobody gave a figure for: gigabit Ethernet."""

LINK_USABLE = 0.9
"""Share of a cable that one copy gets, headers and other traffic taken off."""

DISK_RATES = {"nvme": 1000e6, "ssd": 400e6, "hdd": 120e6}
"""Bytes per second one copy reads or writes; many small files are slower."""

START_SECONDS = 30.0
"""Until a service answers, where its health check gives no `start_period`."""

CHANGED_MEANWHILE = 0.05
"""Share of the data that changes while a first copy is made with the service running."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`subjects`: ids of the services the question is about, empty for the fleet as a whole.

    `origin` is where everything is now: what a side needs moved is counted from there.
    `link` in bytes per second. `changed` are the servers that are not the same on both
    sides.
    """

    subjects: tuple[str, ...]
    origin: Homes
    origin_side: Side
    changed: tuple[str, ...] = ()
    link: float = LINK
    link_given: bool = False

    def of(self, side: Side) -> list[Service]:
        """The subjects as they are on a side."""
        return [side.services[name] for name in self.subjects]

    def servers(self, side: Side) -> list[str]:
        """Where the subjects are, each server once."""
        return list(dict.fromkeys(at for name in self.subjects for at in side.homes[name]))


def scope_of(pair: Pair, *, link: float | None = None) -> Scope:
    """The services moved on request; without those, the ones that are elsewhere; else the fleet."""
    before, after = pair.before, pair.after
    both = [
        name
        for name in before.homes
        if name in after.homes and before.homes[name] and after.homes[name]
    ]
    stacks = pair.changes.stacks
    asked = [
        name for name in both if name in pair.changes.moves or before.services[name].stack in stacks
    ]
    if not asked and not pair.replanned:
        asked = [name for name in both if pair.causes.get(name) is Cause.ASKED]
    return Scope(
        subjects=tuple(asked),
        origin=before.homes,
        origin_side=before,
        changed=tuple(
            name
            for name in dict.fromkeys((*before.uses, *after.uses))
            if before.uses.get(name) != after.uses.get(name)
        ),
        link=link or LINK,
        link_given=link is not None,
    )
