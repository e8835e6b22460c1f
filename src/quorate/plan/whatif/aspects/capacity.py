"""Memory and CPU: what the subjects find where they are, or how full the fullest server is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.fleet.model import Service
from quorate.plan.model import ServerUse, Use
from quorate.plan.whatif.model import Reading
from quorate.plan.whatif.scope import Scope
from quorate.plan.whatif.side import Side
from quorate.plan.words import MIB, count, listed, size, threads


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Memory (bytes) or CPU (speed-1.0 threads), and how to read and write it."""

    name: str

    def bar(self, use: ServerUse) -> Use:
        return use.memory if self.name == "memory" else use.cpu

    def baseline(self, service: Service) -> float:
        return service.load.memory if self.name == "memory" else service.load.cpu

    def peak(self, service: Service) -> float:
        load = service.load
        peak = load.memory_peak if self.name == "memory" else load.cpu_peak
        return max(peak, self.baseline(service))

    def words(self, amount: float) -> str:
        return size(amount / MIB) if self.name == "memory" else threads(amount * 1000)


MEMORY, CPU = Resource(name="memory"), Resource(name="cpu")


def room(side: Side, service: Service, resource: Resource) -> dict[str, float]:
    """By home: what is free there at baseline when this service is left out."""
    at = side.homes[service.id]
    return {
        name: resource.bar(side.uses[name]).free + at.count(name) * resource.baseline(service)
        for name in dict.fromkeys(at)
    }


def memory(side: Side, scope: Scope) -> Reading:
    """Free memory for the subjects (least of them), or the tightest server's free share."""
    return _subjects(side, scope, MEMORY) if scope.subjects else _tightest(side, MEMORY)


def cpu(side: Side, scope: Scope) -> Reading:
    """The same for CPU."""
    return _subjects(side, scope, CPU) if scope.subjects else _tightest(side, CPU)


def memory_peaks(side: Side, scope: Scope) -> Reading:
    """Memory asked for beyond what the servers have, were all peaks at once."""
    return _peaks(side, MEMORY)


def cpu_peaks(side: Side, scope: Scope) -> Reading:
    """The same for CPU."""
    return _peaks(side, CPU)


def _subjects(side: Side, scope: Scope, resource: Resource) -> Reading:
    """All subjects of a server are left out together: they move together."""
    free: dict[str, float] = {}
    for name in scope.servers(side):
        mine = sum(
            side.homes[service.id].count(name) * resource.baseline(service)
            for service in scope.of(side)
        )
        free[name] = resource.bar(side.uses[name]).free + mine
    least = min(free, key=lambda name: (free[name], name))
    bar = resource.bar(side.uses[least])
    others = sum(side.uses[least].classes.values()) - sum(
        side.homes[name].count(least) for name in scope.subjects
    )
    what = "it" if len(scope.subjects) == 1 else "them"
    return Reading(
        text=f"{resource.words(free[least])} of {resource.words(bar.capacity)} free for {what}, "
        f"beside {count(others, 'other task')}",
        figure=free[least],
        details={"capacity": bar.capacity, "baseline": bar.baseline, "peak": bar.peak},
    )


def _tightest(side: Side, resource: Resource) -> Reading:
    shares = dict(_shares(side, resource))
    least = min(shares, key=lambda name: (shares[name], name))
    bar = resource.bar(side.uses[least])
    return Reading(
        text=f"tightest is {least}: {resource.words(bar.free)} of "
        f"{resource.words(bar.capacity)} free ({shares[least]:.0%})",
        figure=shares[least],
        details={"capacity": bar.capacity, "baseline": bar.baseline, "peak": bar.peak},
    )


def _shares(side: Side, resource: Resource) -> Iterator[tuple[str, float]]:
    for name, use in side.uses.items():
        bar = resource.bar(use)
        yield name, bar.free / bar.capacity if bar.capacity else 0.0


def _peaks(side: Side, resource: Resource) -> Reading:
    over = {
        name: resource.bar(use).peak - resource.bar(use).capacity
        for name, use in side.uses.items()
        if resource.bar(use).peak > resource.bar(use).capacity
    }
    worst = sorted(over, key=lambda name: (-over[name], name))
    said = listed([f"{resource.words(over[name])} too little on {name}" for name in worst], most=2)
    return Reading(
        text=said or "every server has enough",
        figure=sum(over.values()),
        details={name: over[name] for name in worst},
    )
