"""What runs, what would after the loss of servers, and what waits for one of them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from quorate.fleet.model import Engine
from quorate.plan.packing import after as left_over
from quorate.plan.problem import GLOBAL_MODES
from quorate.plan.whatif.loss import quorate
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import count, listed


def rules(side: Side, scope: Scope) -> Reading:
    """Hard rules that this placement breaks."""
    broken = side.broken
    text = "; ".join(broken[:3]) + ("; …" if len(broken) > 3 else "")
    return Reading(text=f"breaks: {text}" if broken else "all kept", figure=float(len(broken)))


def running(side: Side, scope: Scope) -> Reading:
    """Tasks that have no server."""
    number = sum(side.pending.values())
    if not number:
        return Reading(text="every task has a server", figure=0.0)
    return Reading(text=f"{listed(list(side.pending))} without a server", figure=float(number))


def needs(side: Side, scope: Scope) -> Reading:
    """Needs that nobody meets: the service named is not there, or runs nowhere."""
    known = {s.id: s for s in (*scope.origin_side.fleet.services, *side.fleet.services)}
    unmet: Counter[str] = Counter()
    for service in side.fleet.services:
        if not side.homes[service.id]:
            continue
        for name in service.needs:
            found = side.problem.find(service, name)
            other = found or scope.origin_side.problem.find(service, name)
            if other is not None and not side.homes.get(other.id) and known[other.id].replicas:
                unmet[other.id] += 1
    if not unmet:
        return Reading(text="all met", figure=0.0)
    said = [f"{name}, needed by {count(number, 'service')}" for name, number in unmet.items()]
    return Reading(text=f"missing: {listed(said)}", figure=float(unmet.total()))


def survivability(side: Side, scope: Scope) -> Reading:
    """Tasks that may move and would find no room, over every loss the policy speaks of."""
    survive = side.fleet.policy.survive
    hosts = range(len(side.problem.hosts))
    if not survive or survive >= len(side.problem.hosts):
        return Reading(text=f"the policy asks to survive {survive}", figure=0.0)
    bad: dict[str, int] = {}
    for lost in combinations(hosts, survive):
        names = [side.problem.hosts[host].server.name for host in lost]
        number = len(left_over(side.problem, side.counts, side.pools, lost))
        if not quorate(side, names):
            number += 1
        if number:
            bad[listed(names)] = number
    if not bad:
        return Reading(
            text=f"whatever {count(survive, 'server')} is lost, what may move fits elsewhere",
            figure=0.0,
        )
    worst = max(bad, key=lambda name: (bad[name], name))
    return Reading(
        text=f"without {worst}, {count(bad[worst], 'task')} would find no room",
        figure=float(sum(bad.values())),
        details={name: float(number) for name, number in bad.items()},
    )


def concentration(side: Side, scope: Scope) -> Reading:
    """The most services that one server's loss stops until it is back."""
    waiting: Counter[str] = Counter()
    for service in side.fleet.services:
        fixed = service.engine is Engine.COMPOSE
        if service.mode in GLOBAL_MODES and not fixed:
            continue
        at = set(side.homes[service.id])
        if len(at) == 1 and (fixed or not side.pools[service.id].movable):
            waiting.update(at)
    if not waiting:
        return Reading(text="no service depends on one server", figure=0.0)
    worst = max(waiting, key=lambda name: (waiting[name], name))
    return Reading(
        text=f"{count(waiting[worst], 'service')} would wait for {worst}, "
        f"{waiting.total()} for their servers in all",
        figure=float(waiting[worst]),
        details={name: float(number) for name, number in sorted(waiting.items())},
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
