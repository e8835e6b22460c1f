"""Every aspect, in the order it is shown, and how the better side is found.

A reading is a function of one side alone, so exchanging the sides exchanges the winners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quorate.plan.whatif.aspects.capacity import cpu, cpu_peaks, memory, memory_peaks
from quorate.plan.whatif.aspects.data import data, disk, mounts
from quorate.plan.whatif.aspects.losses import (
    concentration,
    needs,
    redundancy,
    rules,
    running,
    survivability,
)
from quorate.plan.whatif.aspects.neighbours import bursts, isolation
from quorate.plan.whatif.aspects.stability import stability
from quorate.plan.whatif.aspects.talk import busy, colocation, traffic
from quorate.plan.whatif.model import Aspect, Reading, Winner
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side

TOLERANCE = 0.02
"""Figures closer than this share of the larger one count as equal."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`units` are for a question about services, and for one about the fleet.

    `must`: a side that is worse here loses, whatever else it is better at.
    `once`: paid for the change itself; listed, but it decides nothing.
    """

    id: str
    title: str
    read: Callable[[Side, Scope], Reading]
    unit: str
    of_fleet: str = ""
    high: bool = False
    must: bool = False
    once: bool = False


KINDS = (
    Kind(id="rules", title="hard rules", read=rules, unit="rules", must=True),
    Kind(id="running", title="what runs", read=running, unit="tasks", must=True),
    Kind(id="needs", title="needs met", read=needs, unit="needs", must=True),
    Kind(id="survivability", title="survivability", read=survivability, unit="services", must=True),
    Kind(id="memory", title="memory", read=memory, unit="bytes", of_fleet="share", high=True),
    Kind(id="memory-peaks", title="memory at peaks", read=memory_peaks, unit="bytes"),
    Kind(id="cpu", title="CPU power", read=cpu, unit="threads", of_fleet="share", high=True),
    Kind(id="cpu-peaks", title="CPU at peaks", read=cpu_peaks, unit="threads"),
    Kind(id="isolation", title="workload isolation", read=isolation, unit="threads"),
    Kind(id="bursts", title="impact of bursts", read=bursts, unit="threads"),
    Kind(id="stability", title="stability", read=stability, unit="risk"),
    Kind(id="co-location", title="co-location", read=colocation, unit="hops"),
    Kind(id="network", title="network I/O", read=busy, unit="bytes/s"),
    Kind(id="traffic", title="traffic between servers", read=traffic, unit="bytes/s"),
    Kind(id="disk", title="disk", read=disk, unit="bytes", high=True),
    Kind(id="concentration", title="one server's loss", read=concentration, unit="services"),
    Kind(id="redundancy", title="answers through a loss", read=redundancy, unit="count", high=True),
    Kind(id="data", title="data to move", read=data, unit="seconds", once=True),
    Kind(id="mounts", title="backups and mounts", read=mounts, unit="things", once=True),
)  # fmt: skip

BY_ID = {kind.id: kind for kind in KINDS}


def aspects(before: Side, after: Side, scope: Scope) -> tuple[Aspect, ...]:
    """Every aspect of both sides."""
    return tuple(_aspect(kind, before, after, scope) for kind in KINDS)


def _aspect(kind: Kind, before: Side, after: Side, scope: Scope) -> Aspect:
    left, right = kind.read(before, scope), kind.read(after, scope)
    return Aspect(
        id=kind.id,
        title=kind.title,
        unit=kind.unit if scope.subjects else kind.of_fleet or kind.unit,
        better="high" if kind.high else "low",
        once=kind.once,
        before=left,
        after=right,
        winner=winner(left.figure, right.figure, high=kind.high),
    )


def winner(before: float | None, after: float | None, *, high: bool) -> Winner:
    """The better of two figures; a tie where they are close or one is not known."""
    if before is None or after is None:
        return Winner.TIE
    if abs(before - after) <= TOLERANCE * max(abs(before), abs(after)):
        return Winner.TIE
    return Winner.AFTER if (after > before) is high else Winner.BEFORE
