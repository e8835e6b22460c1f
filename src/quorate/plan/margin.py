"""How much a service, or what is beside it, may grow before it would have to move.

Each margin is checked by growing the service by exactly that in the fleet and looking
at the rules again: they hold at the margin, and one unit more breaks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

from pydantic import Field

from quorate.fleet.model import Fleet, Model, Service
from quorate.plan.problem import (
    CPU,
    DISK,
    MEMORY,
    RESERVED_CPU,
    RESERVED_MEMORY,
)
from quorate.plan.rules import capacity_of, figure, value
from quorate.plan.whatif.side import Side, side_of
from quorate.plan.words import MIB

WORDS = {
    RESERVED_MEMORY: "memory it reserves",
    MEMORY: "memory it uses",
    RESERVED_CPU: "CPU it reserves",
    CPU: "CPU it uses",
    DISK: "disk its data takes",
}


class Margin(Model):
    """What one task may still grow by on a server, and all there together."""

    server: str
    what: str
    unit: str = Field(description="`bytes` or `threads`.")
    now: float = Field(description="What one task takes.")
    may_grow: float = Field(description="By how much each of its tasks there may grow.")
    neighbours: float = Field(description="By how much everything there may grow together.")
    words: str
    verified: bool = Field(description="It holds at the margin, and breaks one unit beyond.")


def margins(side: Side, service: Service) -> tuple[Margin, ...]:
    """The tightest server's margin for each resource; none for what is not placed."""
    if service.id not in side.problem.item_of:
        return ()
    least: dict[int, tuple[int, int, str]] = {}
    for resource, server, slack, tasks in _slacks(side, service):
        least[resource] = min(least.get(resource, (slack // tasks, slack, server)),
                              (slack // tasks, slack, server))  # fmt: skip
    return tuple(_margin(side, service, *one) for one in sorted(least.items()))


def _slacks(side: Side, service: Service) -> Iterator[tuple[int, str, int, int]]:
    """(resource, server, what is left there, tasks of the service there)."""
    index = side.problem.item_of[service.id]
    row, ask = side.counts[index], side.problem.items[index].ask
    if side.large:
        yield from _slacks_large(side, index)
        return
    for rule in side.rules:
        resource = capacity_of(rule)
        if resource is None or not ask.resources[resource]:
            continue
        for limit in rule.limits:
            hosts = {host for _, (_, _, host) in limit.terms}
            for host in hosts:
                if row[host]:
                    used = sum(c * value(side.counts, v) for c, v in limit.terms)
                    name = side.problem.hosts[host].server.name
                    yield resource, name, limit.bound - used, row[host]


def _slacks_large(side: Side, index: int) -> Iterator[tuple[int, str, int, int]]:
    ledger, row = side.ledger, side.counts[index]
    for resource, asked in enumerate(side.problem.items[index].ask.resources):
        for host in compress(range(len(row)), row):
            if asked and not ledger.table.out(resource)[host]:
                slack = int(ledger.table.bound[host, resource] - ledger.used[host, resource])
                yield resource, side.problem.hosts[host].server.name, slack, row[host]


def _margin(side: Side, service: Service, resource: int, found: tuple[int, int, str]) -> Margin:
    each, slack, server = found
    now = side.problem.items[side.problem.item_of[service.id]].ask.resources[resource]
    unit = MIB if resource in (RESERVED_MEMORY, MEMORY, DISK) else 0.001
    return Margin(
        server=server,
        what=WORDS[resource],
        unit="threads" if resource in (CPU, RESERVED_CPU) else "bytes",
        now=now * unit,
        may_grow=round(each * unit, 6),
        neighbours=round(slack * unit, 6),
        words=f"{WORDS[resource]}: {figure(resource, now)}, may grow by "
        f"{figure(resource, each)} on {server}; all that is there together by "
        f"{figure(resource, slack)}",
        verified=_keeps(side, service, resource, each)
        and not _keeps(side, service, resource, each + 1),
    )


def _keeps(side: Side, service: Service, resource: int, more: int) -> bool:
    """Whether every rule kept now is kept when each task takes this much more."""
    after = side_of(grown(side.fleet, service, resource, more), side.homes)
    return set(after.broken) <= set(side.broken)


def grown(fleet: Fleet, service: Service, resource: int, more: int) -> Fleet:
    """The fleet with this service taking more of a resource, in its whole units (MiB, 1/1000)."""
    load = service.load
    updates: dict[int, dict[str, object]] = {
        RESERVED_MEMORY: {"reservation_memory": service.reservation_memory + more * MIB},
        MEMORY: {"load": load.model_copy(update={"memory": load.memory + more * MIB})},
        RESERVED_CPU: {"reservation_cpus": service.reservation_cpus + more / 1000},
        CPU: {"load": load.model_copy(update={"cpu": load.cpu + more / 1000})},
        DISK: {"data_size": service.data_size + more * MIB},
    }
    changed = service.model_copy(update=updates[resource])
    services = tuple(changed if s.id == service.id else s for s in fleet.services)
    return fleet.model_copy(update={"services": services})
