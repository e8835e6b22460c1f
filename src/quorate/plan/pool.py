"""Where Swarm may put a service when its home is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.fleet.model import Engine, Service
from quorate.plan.problem import MEMORY, RESERVED_MEMORY, Counts, Problem
from quorate.plan.rules import allowed, sharing
from quorate.plan.words import listed


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Hosts a service may run on, its homes included, and why these.

    `outgrown`: it might move by its rules, but every other server is too small for it.
    """

    hosts: tuple[int, ...]
    why: str
    movable: bool
    outgrown: bool = False


def pools(problem: Problem, counts: Counts) -> dict[str, Pool]:
    """Every service's pool, by id."""
    found: dict[str, Pool] = {}
    for fixed in problem.fixed:
        compose = fixed.service.engine is Engine.COMPOSE
        why = (
            "run by docker compose, which Swarm does not move"
            if compose
            else "global: one task on every server it reaches"
        )
        found[fixed.service.id] = Pool(
            hosts=tuple(sorted(set(fixed.hosts))), why=why, movable=False
        )
    bound = _bound_together(problem)
    for item in problem.items:
        if item.service.id not in found:
            group = bound.get(item.service.id, [item.service])
            for service in group:
                found[service.id] = _pool(problem, counts, service, group)
    for service in problem.fleet.services:
        if service.id not in found:
            hosts = tuple(sorted(allowed(problem, service)))
            found[service.id] = Pool(hosts=hosts, why="scaled to 0 replicas", movable=True)
    return found


def homes(problem: Problem, counts: Counts, service: Service) -> tuple[int, ...]:
    """The host of every task of a service, in order."""
    fixed = problem.fixed_of.get(service.id)
    if fixed is not None:
        return tuple(sorted(fixed.hosts))
    if service.id not in problem.item_of:
        return ()
    row = counts[problem.item_of[service.id]]
    return tuple(host for host, tasks in enumerate(row) for _ in range(tasks))


def _pool(problem: Problem, counts: Counts, service: Service, group: list[Service]) -> Pool:
    home = frozenset(homes(problem, counts, service))
    names = [problem.hosts[host].server.name for host in sorted(home)]
    if not service.movable:
        why = f"its data is on {listed(names)}: elsewhere it would start empty"
        return Pool(hosts=tuple(sorted(home)), why=why, movable=False)
    stuck = [other.id for other in group if not other.movable]
    if stuck:
        why = f"stays with {listed(stuck)}, whose data cannot move"
        return Pool(hosts=tuple(sorted(home)), why=why, movable=False)
    fixed = [other.id for other in group if other.id in problem.fixed_of]
    if fixed:
        why = f"stays with {listed(fixed)}, whose servers are given"
        return Pool(hosts=tuple(sorted(home)), why=why, movable=False)
    hosts = _could_hold(problem, service) | home
    for other in group:
        hosts &= _could_hold(problem, other) | home
    outgrown = hosts == home and bool(allowed(problem, service) - home)
    hosts, said = _narrow(problem, counts, service, home, hosts)
    if len(group) > 1 and len(hosts - home) > 1:
        hosts = home | {_roomiest(problem, counts, hosts - home)}
        others = listed([other.id for other in group if other.id != service.id])
        said.append(f"one fallback, so that it meets {others} there")
    left_out = len(problem.hosts) - len(hosts)
    why = "any server" if not left_out else "the servers its rules allow"
    if said:
        why = "; ".join(said)
    elif hosts == home:
        why = "every other server is too small" if outgrown else "no other server may have it"
    movable = _returns(service, homes(problem, counts, service), hosts)
    if not movable and len(hosts) > 1:
        most = service.max_replicas_per_node
        why += f"; with max_replicas_per_node {most} no server has room for a lost replica"
    return Pool(hosts=tuple(sorted(hosts)), why=why, movable=movable, outgrown=outgrown)


def _returns(service: Service, home: tuple[int, ...], hosts: frozenset[int]) -> bool:
    """Whether, whichever home is lost, its tasks may all run on other hosts of the pool."""
    most = service.max_replicas_per_node or service.replicas
    return all(
        sum(most - home.count(other) for other in hosts - {lost}) >= home.count(lost)
        for lost in set(home)
    )


def _narrow(
    problem: Problem,
    counts: Counts,
    service: Service,
    home: frozenset[int],
    hosts: frozenset[int],
) -> tuple[frozenset[int], list[str]]:
    """Leave out servers that isolation and `apart` speak against, while one fallback stays."""
    said: list[str] = []
    for avoided, words in _avoided(problem, counts, service):
        out = avoided - home
        if not out & hosts:
            continue
        names = listed([problem.hosts[host].server.name for host in sorted(out & hosts)])
        if (hosts - out) - home:
            hosts -= out
            said.append(f"kept off {names}: {words}")
        else:
            said.append(f"{names} stay in it although {words}: nothing else would remain")
    return hosts, said


def _avoided(
    problem: Problem, counts: Counts, service: Service
) -> Iterator[tuple[frozenset[int], str]]:
    for isolation in problem.fleet.policy.isolation:
        if service.workload_class != isolation.spiky:
            continue
        there = {
            host
            for other in problem.fleet.services
            if other.workload_class == isolation.away_from and not _everywhere(problem, other)
            for host in homes(problem, counts, other)
        }
        yield frozenset(there), f"{isolation.away_from} services live there"
    for other in _apart_from(problem, service):
        yield frozenset(homes(problem, counts, other)), f"it must be apart from {other.id}"


def _everywhere(problem: Problem, service: Service) -> bool:
    """Global services reach every server and so make none special."""
    return service.id in problem.fixed_of and service.engine is Engine.SWARM


def _apart_from(problem: Problem, service: Service) -> list[Service]:
    others: dict[str, Service] = {}
    for one in problem.fleet.services:
        for name in one.apart:
            other = problem.find(one, name)
            if other is None or other.id == one.id:
                continue
            if one.id == service.id:
                others[other.id] = other
            elif other.id == service.id:
                others[one.id] = one
    return list(others.values())


def _bound_together(problem: Problem) -> dict[str, list[Service]]:
    """Service id → all services that must share its server (near and shared volumes, chained)."""
    leader: dict[str, str] = {service.id: service.id for service in problem.fleet.services}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for service in problem.fleet.services:
        for name in service.near:
            other = problem.find(service, name)
            if other is not None:
                leader[find(other.id)] = find(service.id)
    for users in sharing(problem).values():
        for other in users[1:]:
            leader[find(other.id)] = find(users[0].id)
    groups: dict[str, list[Service]] = {}
    for service in problem.fleet.services:
        groups.setdefault(find(service.id), []).append(service)
    return {service.id: group for group in groups.values() for service in group}


def _could_hold(problem: Problem, service: Service) -> frozenset[int]:
    """Allowed by its own rules, and large enough if it were alone there."""
    index = problem.item_of.get(service.id)
    hosts = allowed(problem, service)
    if index is None:
        return hosts
    reserved = problem.items[index].ask.resources[RESERVED_MEMORY]
    return frozenset(
        host for host in hosts if reserved <= problem.hosts[host].usable(RESERVED_MEMORY)
    )


def _roomiest(problem: Problem, counts: Counts, hosts: frozenset[int]) -> int:
    """The host with the most memory left at baseline."""

    def free(host: int) -> int:
        used = sum(
            row[host] * item.ask.resources[MEMORY]
            for item, row in zip(problem.items, counts, strict=True)
        )
        return problem.hosts[host].usable(MEMORY) - problem.taken(host, MEMORY) - used

    return max(sorted(hosts), key=free)
