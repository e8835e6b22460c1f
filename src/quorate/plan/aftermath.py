"""After a loss: what stands still because of it, and which servers are too full."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from quorate.fleet.model import Fleet
from quorate.plan.scene import Scene
from quorate.swarm.outcomes import Outcomes


def down(
    start: Scene,
    lost: frozenset[int],
    left: Iterable[str],
    moved: Mapping[str, tuple[str, ...]],
) -> frozenset[str]:
    """Of the services `left` behind, those of which no task runs any more."""
    return frozenset(name for name in left if name not in moved and set(start.homes[name]) <= lost)


def needers(fleet: Fleet, gone: Collection[str]) -> tuple[str, ...]:
    """The services that need one that is gone, directly or through others; sorted."""
    if not gone:
        return ()
    return tuple(sorted(reached(users(fleet), gone)))


def users(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """Service → the services that need it directly; only those that somebody needs."""
    ids: dict[str, str] = {}
    for service in fleet.services:
        for name in (service.swarm_name, f"{service.stack}/{service.name}", service.id):
            ids[name] = service.id
    found: dict[str, list[str]] = {}
    for service in fleet.services:
        for name in service.needs:
            needed = ids.get(f"{service.stack}/{name}") or ids.get(name)
            if needed:
                found.setdefault(needed, []).append(service.id)
    return {name: tuple(needing) for name, needing in found.items()}


def reached(direct: Mapping[str, tuple[str, ...]], gone: Collection[str]) -> set[str]:
    """The services that need one of those `gone`, directly or through others; `direct`: `users`."""
    found: set[str] = set()
    ahead = list(gone)
    while ahead:
        for user in direct.get(ahead.pop(), ()):
            if user not in found and user not in gone:
                found.add(user)
                ahead.append(user)
    return found


def overfull(start: Scene, found: Outcomes, lost: frozenset[int]) -> dict[str, int]:
    """Server → bytes of memory in ordinary times at worst, where that is more than it has.

    Only servers that a moved task comes to: of the others the plan tells.
    """
    worst: dict[int, int] = {}
    loads = {name: start.services[name].load.memory for name in found.groups}
    for result in found.results:
        more: dict[int, int] = {}
        for name, places in result:
            for node, tasks in places:
                more[node] = more.get(node, 0) + tasks * loads[name]
        for node, amount in more.items():
            worst[node] = max(worst.get(node, 0), amount)
    full = {}
    for node, amount in sorted(worst.items()):
        server = start.fleet.servers[node]
        use = start.plan.servers.get(server.name)
        total = (int(use.memory.baseline) if use else 0) + amount
        if amount and total > server.memory:
            full[server.name] = total
    return full
