"""Who talks to whom across the network, and how much of it crosses a cable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.fleet.model import Service
from quorate.plan.problem import GLOBAL_MODES
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import count, listed

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Line:
    """A service and one it talks to: tasks of the first beside it, and away from it.

    `crossing` is traffic between servers in bytes per second.
    """

    service: str
    other: str
    beside: int
    away: int
    crossing: float


def partners(side: Side, service: Service) -> list[Service]:
    """Whom a service calls: what it `needs`, and what it wants to be `near`."""
    named = [side.problem.find(service, name) for name in (*service.needs, *service.near)]
    found = {other.id: other for other in named if other is not None and other.id != service.id}
    return list(found.values())


def lines(side: Side, subjects: tuple[str, ...] = ()) -> Iterator[Line]:
    """Every conversation; with subjects, theirs. A service's traffic is shared out evenly."""
    for service in side.fleet.services:
        if service.mode in GLOBAL_MODES:
            continue  # on every server by intent: no placement brings it nearer
        others = partners(side, service)
        for other in others:
            if subjects and service.id not in subjects and other.id not in subjects:
                continue
            there = set(side.homes[other.id])
            at = side.homes[service.id]
            if not there or not at:
                continue
            beside = sum(home in there for home in at)
            away = len(at) - beside
            yield Line(
                service=service.id,
                other=other.id,
                beside=beside,
                away=away,
                crossing=away * service.load.network / len(others),
            )


def colocation(side: Side, scope: Scope) -> Reading:
    """Tasks that have to cross the network to one they talk to."""
    found = list(lines(side, scope.subjects))
    away = sum(line.away for line in found)
    total = away + sum(line.beside for line in found)
    if not total:
        return Reading(text="nothing is known to talk to it", figure=0.0)
    near = _named(found, scope, away=False)
    far = _named(found, scope, away=True)
    if scope.subjects:
        parts = [f"beside {near}"] if near else []
        parts += [f"{count(away, 'hop')} over the network: {far}"] if far else []
        text = "; ".join(parts)
    else:
        text = f"{count(away, 'conversation')} of {total} cross the network"
    told = tuple(
        f"{line.service} to {line.other}: {count(line.away, 'task')} away from it"
        for line in found
        if line.away
    )
    figures = {"away": away, "conversations": total}
    return Reading(text=text, figure=float(away), details=figures, lines=told)


def _named(found: list[Line], scope: Scope, *, away: bool) -> str:
    names = [
        line.other if line.service in scope.subjects else line.service
        for line in found
        if (line.away if away else not line.away)
    ]
    outside = [name for name in dict.fromkeys(names) if name not in scope.subjects]
    return listed(outside or list(dict.fromkeys(names)))


def traffic(side: Side, scope: Scope) -> Reading:
    """Bytes per second between servers, at baseline."""
    found = list(lines(side))
    crossing = sum(line.crossing for line in found)
    heaviest = max(found, key=lambda line: (line.crossing, line.service), default=None)
    told = tuple(
        f"{line.service} to {line.other}: {rate(line.crossing)}"
        for line in sorted(found, key=lambda line: -line.crossing)
        if line.crossing
    )
    text = f"{rate(crossing)} between servers"
    if heaviest is not None and heaviest.crossing:
        text += f", most of it {heaviest.service} to {heaviest.other}"
    return Reading(text=text, figure=crossing, lines=told)


def busy(side: Side, scope: Scope) -> Reading:
    """What else the busiest server concerned sends and receives at baseline."""
    servers = scope.servers(side) if scope.subjects else list(side.uses)
    loads = {name: _network(side, name, scope.subjects) for name in servers}
    most = max(loads, key=lambda name: (loads[name], name))
    others = "others there" if scope.subjects else f"busiest is {most}: its services"
    return Reading(text=f"{others} move {rate(loads[most])}", figure=loads[most])


def _network(side: Side, server: str, without: tuple[str, ...]) -> float:
    here = side.occupancy.residents(side.host(server))
    return sum(
        side.services[name].load.network * tasks for name, *_, tasks in here if name not in without
    )


def rate(amount: float) -> str:
    """Bytes per second as people read them."""
    return f"{amount / MIB:.1f} MiB/s"
