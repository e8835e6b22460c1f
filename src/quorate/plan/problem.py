"""The fleet as a placement problem in whole numbers.

Memory and disk in MiB, CPU in thousandths: of a thread where Swarm counts
reservations, of a speed-1.0 thread where load is meant. What is asked is rounded
up, what is offered is rounded down, so a plan never depends on rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from quorate.fleet.model import Engine, Fleet, Mode, Server, Service
from quorate.plan.constraints import holds
from quorate.plan.words import MIB

RESOURCES = ("reserved memory", "memory", "reserved CPU", "CPU", "disk")
RESERVED_MEMORY, MEMORY, RESERVED_CPU, CPU, DISK = range(len(RESOURCES))

GLOBAL_MODES = (Mode.GLOBAL, Mode.GLOBAL_JOB)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What one task takes, by resource, and its peaks (never below the baseline)."""

    resources: tuple[int, ...]
    memory_peak: int
    cpu_peak: int

    @property
    def burst(self) -> int:
        """CPU above its baseline at its worst."""
        return self.cpu_peak - self.resources[CPU]


@dataclass(frozen=True, kw_only=True)
class Host:
    """A server in whole numbers.

    `total` is what it has, `beside` what the fleet file reserves there, `outside`
    that and what compose stacks use, `headroom` what must stay free, all by
    resource. `disk_known` is False when the fleet file lists no disk.
    """

    server: Server
    total: tuple[int, ...]
    beside: tuple[int, ...]
    outside: tuple[int, ...]
    headroom: tuple[int, ...]
    disk_known: bool

    def usable(self, resource: int) -> int:
        """What Swarm's services may take; 0 where what runs outside leaves nothing."""
        return max(0, self.total[resource] - self.outside[resource] - self.headroom[resource])


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something to place: a service, or several that are alike in every figure.

    `count` is its number of tasks.
    """

    services: tuple[Service, ...]
    count: int
    ask: Ask

    @property
    def service(self) -> Service:
        return self.services[0]


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A service whose servers are given: global, or a compose stack's."""

    service: Service
    hosts: tuple[int, ...]
    ask: Ask


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything the planner knows. `current`: service id → hosts it runs on now."""

    fleet: Fleet
    hosts: tuple[Host, ...]
    items: tuple[Item, ...]
    fixed: tuple[Fixed, ...]
    current: Mapping[str, tuple[int, ...]]

    @cached_property
    def item_of(self) -> dict[str, int]:
        """Service id → index of its item."""
        return {s.id: index for index, item in enumerate(self.items) for s in item.services}

    @cached_property
    def fixed_of(self) -> dict[str, Fixed]:
        return {fixed.service.id: fixed for fixed in self.fixed}

    @cached_property
    def ids(self) -> dict[str, str]:
        """Every name a service goes by (id, `stack/name`, swarm name) → its id."""
        names: dict[str, str] = {}
        for service in self.fleet.services:
            for name in (service.swarm_name, f"{service.stack}/{service.name}", service.id):
                names[name] = service.id
        return names

    def find(self, service: Service, name: str) -> Service | None:
        """The service another one names: of its own stack first; None when there is none."""
        found = self.ids.get(f"{service.stack}/{name}") or self.ids.get(name)
        return self.by_id[found] if found else None

    @cached_property
    def data_groups(self) -> Counter[tuple[str, str | None]]:
        """By stack and group: how many of its services keep data."""
        return Counter((s.stack, s.group) for s in self.fleet.services if s.state.keeps_data)

    @cached_property
    def by_id(self) -> dict[str, Service]:
        return {service.id: service for service in self.fleet.services}

    def taken(self, host: int, resource: int) -> int:
        """What fixed Swarm services take of a host."""
        return self._taken[host][resource]

    @cached_property
    def _taken(self) -> list[list[int]]:
        taken = [[0] * len(RESOURCES) for _ in self.hosts]
        for fixed in self.fixed:
            if fixed.service.engine is Engine.SWARM:
                for host in set(fixed.hosts):
                    for resource, amount in enumerate(fixed.ask.resources):
                        taken[host][resource] += amount
        return taken

    @cached_property
    def fixed_at(self) -> tuple[tuple[Fixed, ...], ...]:
        """By host: the services that are given there."""
        return _by_host(self.fixed, len(self.hosts))

    def excluded(self, expression: str) -> frozenset[int]:
        """The hosts that surely do not satisfy a constraint; looked at once."""
        return self._judged(expression)[0]

    def unclear(self, expression: str) -> bool:
        """Whether there are hosts of which the fleet file cannot tell if they satisfy it."""
        return self._judged(expression)[1]

    def _judged(self, expression: str) -> tuple[frozenset[int], bool]:
        if expression not in self._judgements:
            found = [holds(expression, host.server) for host in self.hosts]
            out = frozenset(index for index, one in enumerate(found) if one is False)
            self._judgements[expression] = out, None in found
        return self._judgements[expression]

    @cached_property
    def _judgements(self) -> dict[str, tuple[frozenset[int], bool]]:
        return {}

    def unpinned(self, pins: tuple[str, ...]) -> frozenset[int]:
        """The hosts outside pins; looked at once."""
        if pins not in self._unpinned:
            self._unpinned[pins] = frozenset(
                index for index, host in enumerate(self.hosts) if host.server.name not in pins
            )
        return self._unpinned[pins]

    @cached_property
    def _unpinned(self) -> dict[tuple[str, ...], frozenset[int]]:
        return {}

    def allowed(self, pins: tuple[str, ...], constraints: tuple[str, ...]) -> frozenset[int]:
        """The hosts that pins and constraints leave; services alike share one answer."""
        key = (pins, constraints)
        if key not in self._allowed:
            out = [self.excluded(expression) for expression in constraints]
            if pins:
                out.append(self.unpinned(pins))
            self._allowed[key] = frozenset(range(len(self.hosts))).difference(*out)
        return self._allowed[key]

    @cached_property
    def _allowed(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], frozenset[int]]:
        return {}


LARGE = 20_000
"""Items × hosts from which a fleet is large: it is always solved by search, and
what is told of it is bounded (docs/adr/0016)."""


def is_large(problem: Problem) -> bool:
    """Whether a problem is beyond what is solved, and explained, pair by pair."""
    return len(problem.items) * len(problem.hosts) >= LARGE


Counts = list[list[int]]
"""Tasks by item and host: an answer."""


def build(fleet: Fleet, *, current: Mapping[str, tuple[str, ...]] | None = None) -> Problem:
    """The problem of a fleet, one item per service (see `merge` for fewer).

    `current`: service id → servers it runs on now; unknown names are ignored.
    """
    names = {server.name: index for index, server in enumerate(fleet.servers)}
    fixed = tuple(_fixed(fleet, names))
    given_at = _by_host(fixed, len(fleet.servers))
    hosts = tuple(_host(fleet, index, given_at[index]) for index in range(len(fleet.servers)))
    given = {f.service.id for f in fixed}
    items = tuple(
        Item(services=(service,), count=service.replicas, ask=ask(service))
        for service in fleet.services
        if service.id not in given and service.engine is Engine.SWARM and service.replicas > 0
    )
    known = {
        service: tuple(names[name] for name in where if name in names)
        for service, where in (current or {}).items()
    }
    return Problem(fleet=fleet, hosts=hosts, items=items, fixed=fixed, current=known)


def ask(service: Service) -> Ask:
    """What one task of a service takes."""
    load = service.load
    baseline = (_mebibytes(load.memory), _millis(load.cpu))
    keeps = service.state.keeps_data or any(volume.local_data for volume in service.volumes)
    return Ask(
        resources=(
            _mebibytes(service.reservation_memory),
            baseline[0],
            _millis(service.reservation_cpus),
            baseline[1],
            _mebibytes(service.data_size) if keeps else 0,
        ),
        memory_peak=max(baseline[0], _mebibytes(load.memory_peak)),
        cpu_peak=max(baseline[1], _millis(load.cpu_peak)),
    )


def reach(fleet: Fleet, service: Service) -> tuple[int, ...]:
    """The hosts a global service reaches: those its pins and constraints leave."""
    return tuple(
        index
        for index, server in enumerate(fleet.servers)
        if (not service.pins or server.name in service.pins)
        and all(holds(expression, server) is not False for expression in service.constraints)
    )


def _fixed(fleet: Fleet, names: Mapping[str, int]) -> Iterable[Fixed]:
    servers = {stack.name: stack.server for stack in fleet.stacks}
    for service in fleet.services:
        if service.engine is Engine.COMPOSE:
            name = servers.get(service.stack) or ""
            hosts = (names[name],) * max(1, service.replicas) if name in names else ()
            yield Fixed(service=service, hosts=hosts, ask=ask(service))
        elif service.mode in GLOBAL_MODES:
            yield Fixed(service=service, hosts=reach(fleet, service), ask=ask(service))


def _by_host(fixed: Iterable[Fixed], hosts: int) -> tuple[tuple[Fixed, ...], ...]:
    found: list[list[Fixed]] = [[] for _ in range(hosts)]
    for one in fixed:
        for host in dict.fromkeys(one.hosts):
            found[host].append(one)
    return tuple(map(tuple, found))


def _host(fleet: Fleet, index: int, fixed: Iterable[Fixed]) -> Host:
    server = fleet.servers[index]
    memory, disk = server.memory // MIB, server.disk // MIB
    total = (memory, memory, int(server.cpus * 1000), int(server.cpus * server.speed * 1000), disk)
    beside = (
        _mebibytes(server.reserved_memory),
        _millis(server.reserved_cpus),
        _mebibytes(sum(item.disk for item in server.reserved)),
    )
    compose = [f for f in fixed if f.service.engine is Engine.COMPOSE]
    outside = [
        amount + sum(f.ask.resources[resource] * f.hosts.count(index) for f in compose)
        for amount, resource in zip(beside, (MEMORY, CPU, DISK), strict=True)
    ]
    policy = fleet.policy
    shares = (policy.headroom_memory,) * 2 + (policy.headroom_cpu,) * 2 + (0.0,)
    return Host(
        server=server,
        total=total,
        beside=_by_resource(*beside, speed=server.speed),
        outside=_by_resource(*outside, speed=server.speed),
        headroom=tuple(
            math.ceil(share * whole) for share, whole in zip(shares, total, strict=True)
        ),
        disk_known=bool(server.disks),
    )


def _by_resource(memory: int, cpu: int, disk: int, *, speed: float) -> tuple[int, ...]:
    """What runs outside Swarm, by resource: its load stands for the reservation it has not."""
    return (memory, memory, math.ceil(cpu / speed), cpu, disk)


def _mebibytes(size: int) -> int:
    return -(-size // MIB)


def _millis(cpus: float) -> int:
    # Rounded first: 0.1 * 3 must not become 301 thousandths.
    return math.ceil(round(cpus * 1000, 6))
