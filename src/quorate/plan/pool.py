"""Where Swarm may put a service when its home is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from quorate.fleet.model import Engine, Isolation, Service
from quorate.plan.occupancy import Occupancy
from quorate.plan.problem import MEMORY, RESERVED_MEMORY, Problem
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


def pools(there: Occupancy) -> dict[str, Pool]:
    """Every service's pool, by id."""
    problem = there.problem
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
    view = _View(there)
    for item in problem.items:
        if item.service.id not in found:
            group = bound.get(item.service.id, [item.service])
            for service in group:
                found[service.id] = _pool(view, service, group)
    for service in problem.fleet.services:
        if service.id not in found:
            hosts = view.sorted(allowed(problem, service))
            found[service.id] = Pool(hosts=hosts, why="scaled to 0 replicas", movable=True)
    return found


class _View:
    """A placement, and what is asked of it again and again."""

    def __init__(self, there: Occupancy) -> None:
        self.there = there
        self.problem = there.problem
        self._sorted: dict[frozenset[int], tuple[int, ...]] = {}
        self._homes_of: dict[Isolation, frozenset[int]] = {}

    def sorted(self, hosts: frozenset[int]) -> tuple[int, ...]:
        """Hosts in order; one tuple for all services with the same."""
        if hosts not in self._sorted:
            self._sorted[hosts] = tuple(sorted(hosts))
        return self._sorted[hosts]

    def protected(self, isolation: Isolation) -> frozenset[int]:
        """The hosts where services that the policy protects live."""
        if isolation not in self._homes_of:
            self._homes_of[isolation] = frozenset(
                host
                for other in self.problem.fleet.services
                if other.workload_class == isolation.away_from
                and not _everywhere(self.problem, other)
                for host in self.there.homes(other)
            )
        return self._homes_of[isolation]

    def could_hold(self, service: Service) -> frozenset[int]:
        """Allowed by its own rules, and large enough if it were alone there."""
        index = self.problem.item_of.get(service.id)
        hosts = allowed(self.problem, service)
        if index is None:
            return hosts
        reserved = self.problem.items[index].ask.resources[RESERVED_MEMORY]
        if reserved <= self._least_usable:
            return hosts
        return frozenset(host for host in hosts if reserved <= self._usable[host])

    def free(self, host: int) -> int:
        """Memory left at baseline, headroom kept."""
        target = self.problem.hosts[host]
        used = self.there.memory[host] - self._outside[host]
        return target.usable(MEMORY) - self.problem.taken(host, MEMORY) - used

    @cached_property
    def _outside(self) -> list[int]:
        """By host: memory of what is given there, in MiB."""
        return [
            sum(f.ask.resources[MEMORY] * f.hosts.count(host) for f in given)
            for host, given in enumerate(self.problem.fixed_at)
        ]

    @cached_property
    def apart(self) -> dict[str, dict[str, Service]]:
        """By id: the services it must be apart from, either way it was said."""
        found: dict[str, dict[str, Service]] = defaultdict(dict)
        for one in self.problem.fleet.services:
            for name in one.apart:
                other = self.problem.find(one, name)
                if other is not None and other.id != one.id:
                    found[one.id][other.id] = other
                    found[other.id][one.id] = one
        return found

    @cached_property
    def _usable(self) -> list[int]:
        return [host.usable(RESERVED_MEMORY) for host in self.problem.hosts]

    @cached_property
    def _least_usable(self) -> int:
        return min(self._usable, default=0)


def _pool(view: _View, service: Service, group: list[Service]) -> Pool:
    problem, homes = view.problem, view.there.homes(service)
    home = frozenset(homes)
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
    hosts = view.could_hold(service) | home
    for other in group:
        hosts &= view.could_hold(other) | home
    outgrown = hosts == home and bool(allowed(problem, service) - home)
    hosts, said = _narrow(view, service, home, hosts)
    if len(group) > 1 and len(hosts - home) > 1:
        hosts = home | {max(sorted(hosts - home), key=view.free)}
        others = listed([other.id for other in group if other.id != service.id])
        said.append(f"one fallback, so that it meets {others} there")
    left_out = len(problem.hosts) - len(hosts)
    why = "any server" if not left_out else "the servers its rules allow"
    if said:
        why = "; ".join(said)
    elif hosts == home:
        why = "every other server is too small" if outgrown else "no other server may have it"
    movable = _returns(service, homes, hosts)
    if not movable and len(hosts) > 1:
        most = service.max_replicas_per_node
        why += f"; with max_replicas_per_node {most} no server has room for a lost replica"
    return Pool(hosts=view.sorted(hosts), why=why, movable=movable, outgrown=outgrown)


def _returns(service: Service, home: tuple[int, ...], hosts: frozenset[int]) -> bool:
    """Whether, whichever home is lost, its tasks may all run on other hosts of the pool."""
    most = service.max_replicas_per_node or service.replicas
    # Homes are of the pool: what the others hold is all tasks but those that are lost.
    return all(
        most * (len(hosts) - 1) - (len(home) - home.count(lost)) >= home.count(lost)
        for lost in set(home)
    )


def _narrow(
    view: _View,
    service: Service,
    home: frozenset[int],
    hosts: frozenset[int],
) -> tuple[frozenset[int], list[str]]:
    """Leave out servers that isolation and `apart` speak against, while one fallback stays."""
    said: list[str] = []
    for avoided, words in _avoided(view, service):
        out = avoided - home
        if not out & hosts:
            continue
        names = listed([view.problem.hosts[host].server.name for host in sorted(out & hosts)])
        if (hosts - out) - home:
            hosts -= out
            said.append(f"kept off {names}: {words}")
        else:
            said.append(f"{names} stay in it although {words}: nothing else would remain")
    return hosts, said


def _avoided(view: _View, service: Service) -> Iterator[tuple[frozenset[int], str]]:
    for isolation in view.problem.fleet.policy.isolation:
        if service.workload_class == isolation.spiky:
            yield view.protected(isolation), f"{isolation.away_from} services live there"
    for other in view.apart.get(service.id, {}).values():
        yield frozenset(view.there.homes(other)), f"it must be apart from {other.id}"


def _everywhere(problem: Problem, service: Service) -> bool:
    """Global services reach every server and so make none special."""
    return service.id in problem.fixed_of and service.engine is Engine.SWARM


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
