"""What Swarm does when servers are lost: what may move moves, the rest waits."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.plan.problem import RESERVED_CPU, RESERVED_MEMORY
from quorate.plan.whatif.apply import without_servers
from quorate.plan.whatif.side import Side, side_of


def quorate(side: Side, lost: Iterable[str]) -> bool:
    """Whether a majority of the managers is left, without which nothing is replaced."""
    gone = set(lost)
    managers = [server.name for server in side.fleet.managers]
    return 2 * sum(name not in gone for name in managers) > len(managers)


def lose(side: Side, lost: tuple[str, ...]) -> Side:
    """The side after these servers are gone."""
    gone = set(lost)
    servers = tuple(server for server in side.fleet.servers if server.name in gone)
    stay = {name: tuple(h for h in at if h not in gone) for name, at in side.homes.items()}
    after = side_of(without_servers(side.fleet, gone), stay, lost=(*side.lost, *servers))
    if quorate(side, lost):
        _replace(side, after, gone)
    return Side(after.fleet, after.problem, after.counts, after.lost)


def _replace(side: Side, after: Side, gone: set[str]) -> None:
    """Place what was lost: fewest tasks of the service first, then fewest tasks at all."""
    names = [host.server.name for host in after.problem.hosts]
    for item, row in zip(after.problem.items, after.counts, strict=True):
        service = item.service
        pool = side.pools[service.id]
        if not pool.movable:
            continue
        allowed = {side.problem.hosts[h].server.name for h in pool.hosts} - gone
        hosts = [h for h, name in enumerate(names) if name in allowed]
        most = service.max_replicas_per_node or item.count
        for _ in range(sum(home in gone for home in side.homes[service.id])):
            free = [
                h
                for h in hosts
                if row[h] < most
                and all(
                    item.ask.resources[r] <= _free(after, h, r)
                    for r in (RESERVED_MEMORY, RESERVED_CPU)
                )
            ]
            if not free:
                break
            row[min(free, key=lambda h: (row[h], _tasks(after, h), h))] += 1


def _free(side: Side, host: int, resource: int) -> int:
    used = sum(
        row[host] * item.ask.resources[resource]
        for item, row in zip(side.problem.items, side.counts, strict=True)
    )
    target = side.problem.hosts[host]
    return target.total[resource] - side.problem.taken(host, resource) - used


def _tasks(side: Side, host: int) -> int:
    return sum(row[host] for row in side.counts)
