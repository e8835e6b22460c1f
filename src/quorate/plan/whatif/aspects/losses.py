"""What runs, what would after the loss of servers, and what waits for one of them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import comb

from quorate.fleet.model import Engine
from quorate.plan.model import LossOutcome
from quorate.plan.problem import GLOBAL_MODES
from quorate.plan.scene import scene
from quorate.plan.survive import replay, survival
from quorate.plan.survive_words import troubles
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import count, listed

MOST_LOSSES = 16
"""Losses replayed on each side."""

MOST_LOSSES_LARGE = 6
"""The same above `LARGE` servers, where one replay takes a good part of a second."""

LARGE = 32


def rules(side: Side, scope: Scope) -> Reading:
    """Hard rules that this placement breaks."""
    broken = side.broken
    text = "; ".join(broken[:3]) + ("; …" if len(broken) > 3 else "")
    return Reading(
        text=f"breaks: {text}" if broken else "all kept",
        figure=float(len(broken)),
        lines=broken,
    )


def running(side: Side, scope: Scope) -> Reading:
    """Tasks that have no server."""
    number = sum(side.pending.values())
    if not number:
        return Reading(text="every task has a server", figure=0.0)
    return Reading(text=f"{listed(list(side.pending))} without a server", figure=float(number))


def needs(side: Side, scope: Scope) -> Reading:
    """Needs that nobody meets: the service named is not there, or runs nowhere."""
    unmet: Counter[str] = Counter()
    for service in side.fleet.services:
        if not side.homes[service.id]:
            continue
        for name in service.needs:
            found = side.problem.find(service, name)
            other = found or scope.origin_side.problem.find(service, name)
            ran = other is not None and scope.origin_side.homes.get(other.id)
            if (
                other is not None
                and not side.homes.get(other.id)
                and (ran or other.id in side.pending)
            ):
                unmet[other.id] += 1
    if not unmet:
        return Reading(text="all met", figure=0.0)
    said = [f"{name}, needed by {count(number, 'service')}" for name, number in unmet.items()]
    return Reading(text=f"missing: {listed(said)}", figure=float(unmet.total()))


def survivability(side: Side, scope: Scope) -> Reading:
    """Services in trouble that may move, over every loss the policy speaks of."""
    survive = side.fleet.policy.survive
    if not 0 < survive < len(side.fleet.servers):
        return Reading(text=f"the policy asks to survive {survive}", figure=0.0)
    found, all_of = _replayed(side, scope, survive)
    bad = [loss for loss in found if _trouble(loss)]
    which = "" if all_of else f" (of the {len(found)} losses replayed, the fullest servers')"
    if not bad:
        text = f"whatever {count(survive, 'server')} is lost, what may move fits elsewhere"
        return Reading(text=text + which, figure=0.0)
    worst = max(bad, key=lambda loss: (_trouble(loss), loss.servers))
    more = f"; trouble after {len(bad)} of {len(found)} losses" if bad[1:] else ""
    return Reading(
        text=f"without {listed(worst.servers)}, {'; '.join(troubles(worst))}{more}{which}",
        figure=float(sum(map(_trouble, bad))),
        details={listed(loss.servers): float(_trouble(loss)) for loss in bad},
        lines=tuple(f"without {listed(loss.servers)}: {'; '.join(troubles(loss))}" for loss in bad),
    )


def _replayed(side: Side, scope: Scope, survive: int) -> tuple[list[LossOutcome], bool]:
    """Losses replayed, and whether that is all: the changed servers first, then the fullest."""
    names = [server.name for server in side.fleet.servers]
    limit = MOST_LOSSES if len(names) <= LARGE else MOST_LOSSES_LARGE
    if comb(len(names), survive) <= limit:
        return list(survival(side.fleet, side.plan, survive).losses), True

    def order(name: str) -> tuple[bool, float, str]:
        return name not in scope.changed, -side.uses[name].memory.baseline, name

    most = survive
    while comb(most + 1, survive) <= limit:
        most += 1
    start = scene(side.fleet, side.plan)
    chosen = combinations(sorted(names, key=order)[:most], survive)
    return [replay(start, lost) for lost in chosen], False


def _trouble(loss: LossOutcome) -> int:
    lack = 0 if loss.quorum else 1
    return lack + len(loss.pending) + len(loss.at_risk) + len(loss.overfull)


def concentration(side: Side, scope: Scope) -> Reading:
    """The most services that one server's loss stops until it is back."""
    waiting: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for service in side.fleet.services:
        fixed = service.engine is Engine.COMPOSE
        if service.mode in GLOBAL_MODES and not fixed:
            continue
        at = set(side.homes[service.id])
        if len(at) == 1 and (fixed or not side.pools[service.id].movable):
            waiting.update(at)
            for name in at:
                names.setdefault(name, []).append(service.id)
    if not waiting:
        return Reading(text="no service depends on one server", figure=0.0)
    worst = max(waiting, key=lambda name: (waiting[name], name))
    return Reading(
        text=f"{count(waiting[worst], 'service')} would wait for {worst}, "
        f"{waiting.total()} for their servers in all",
        figure=float(waiting[worst]),
        details={name: float(number) for name, number in sorted(waiting.items())},
        lines=tuple(f"{name}: {listed(ids, most=len(ids))}" for name, ids in sorted(names.items())),
    )


def redundancy(side: Side, scope: Scope) -> Reading:
    """Servers that answer for the subjects (least of them), or services on several servers."""
    if scope.subjects:
        spread = {name: len(set(side.homes[name])) for name in scope.subjects}
        least = min(spread, key=lambda name: (spread[name], name))
        return Reading(
            text=f"{least} on {count(spread[least], 'server')}", figure=float(spread[least])
        )
    several = sum(
        len(set(side.homes[service.id])) > 1
        for service in side.fleet.services
        if service.mode not in GLOBAL_MODES
    )
    return Reading(text=f"{count(several, 'service')} on several servers", figure=float(several))
