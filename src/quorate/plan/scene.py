"""The fleet as Swarm's scheduler sees it once a plan is deployed: every task at home.

Constraints are the pools', reservations what the stack files will say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quorate.fleet.constraints import architecture
from quorate.fleet.model import Engine, Fleet, Mode, Server, Service
from quorate.plan.constraints import holds
from quorate.plan.model import Placement, Plan
from quorate.plan.reserve import reservation
from quorate.plan.steering import ZONE_LABEL, constraint_for, is_hostname_pin, pool_label
from quorate.swarm import model as swarm
from quorate.swarm.board import Board

NANO = 1_000_000
"""Billionths of a processor in a thousandth."""

JOB_ENGINE = (23, 0)
"""The first docker whose stack files know job modes; before, jobs are rendered as services."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The scheduler's books, and what Swarm would replace after a loss.

    `homes`: service → server number → tasks there; `at`: by server number, the
    services there. `replaced`: services whose lost tasks Swarm schedules anew;
    `everywhere`: global ones, whose lost task is not missed while others run.
    """

    fleet: Fleet
    plan: Plan
    board: Board
    homes: dict[str, dict[int, int]]
    at: tuple[tuple[str, ...], ...]
    replaced: frozenset[str]
    everywhere: frozenset[str]

    def allowed(self, name: str) -> frozenset[int]:
        """The servers that the service's own pins and constraints leave."""
        service = self.services[name]
        return frozenset(
            number
            for number, server in enumerate(self.fleet.servers)
            if (not service.pins or server.name in service.pins)
            and all(holds(expression, server) is not False for expression in service.constraints)
        )

    @cached_property
    def services(self) -> dict[str, Service]:
        return {service.id: service for service in self.fleet.services}


def scene(fleet: Fleet, plan: Plan) -> Scene:
    """The scene of a plan; services it does not place are left out."""
    placed = [service for service in fleet.services if service.id in plan.services]
    everyone = tuple(server.name for server in fleet.servers)
    number = {name: index for index, name in enumerate(everyone)}
    homes: dict[str, dict[int, int]] = {}
    at: list[list[str]] = [[] for _ in everyone]
    for service in placed:
        mine: dict[int, int] = {}
        for name in plan.services[service.id].homes:
            mine[number[name]] = mine.get(number[name], 0) + 1
        homes[service.id] = mine
        for index in mine:
            at[index].append(service.id)
    steering = _Steering(fleet, everyone)
    inside = [service for service in placed if service.engine is Engine.SWARM]
    state = swarm.State(
        nodes=tuple(_nodes(fleet, plan, inside, everyone)),
        services=tuple(_service(s, plan.services[s.id], steering) for s in inside),
        tasks=tuple(
            swarm.Task(id=f"{s.id}.{slot}", service=s.id, node=name)
            for s in inside
            for slot, name in enumerate(plan.services[s.id].homes, start=1)
        ),
    )
    return Scene(
        fleet=fleet,
        plan=plan,
        board=Board(state),
        homes=homes,
        at=tuple(tuple(names) for names in at),
        everywhere=frozenset(s.id for s in inside if s.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB)),
        replaced=frozenset(s.id for s in inside if is_replaced(s, fleet)),
    )


def is_replaced(service: Service, fleet: Fleet) -> bool:
    """Whether Swarm schedules a lost task of the service anew.

    Not when its restart condition is none, and not in job mode: a job's task on
    a lost node counts as running for a day (swarmkit, orchestrator/jobs).
    """
    if service.engine is not Engine.SWARM or service.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB):
        return False
    if service.mode is Mode.REPLICATED_JOB and fleet.swarm.engine >= JOB_ENGINE:
        return False
    deploy: dict[str, Any] = service.raw.get("deploy") or {}
    policy = deploy.get("restart_policy") or {}
    if policy.get("condition") is not None:
        return str(policy["condition"]) != "none"
    return bool(policy) or str(service.raw.get("restart")).lower() not in ("no", "false")


def _nodes(
    fleet: Fleet, plan: Plan, services: list[Service], everyone: tuple[str, ...]
) -> Iterator[swarm.Node]:
    labels: dict[str, dict[str, str]] = {
        server.name: {
            **server.labels,
            **({ZONE_LABEL: server.zone} if server.zone else {}),
        }
        for server in fleet.servers
    }
    for pool in {plan.services[service.id].pool for service in services}:
        label = pool_label(pool)
        for name in pool:
            labels[name][label] = "yes"
    for server in fleet.servers:
        yield _node(server, labels[server.name])


def _node(server: Server, labels: dict[str, str]) -> swarm.Node:
    return swarm.Node(
        id=server.name,
        hostname=server.name,
        cpu=int(server.cpus) * 1000 * NANO,
        memory=server.memory,
        address=server.address,
        role=server.role.value,
        architecture=architecture(server),
        labels=labels,
    )


class _Steering:
    """What a pool becomes, once for all services that share it."""

    def __init__(self, fleet: Fleet, everyone: tuple[str, ...]) -> None:
        self._zone = {server.name: server.zone for server in fleet.servers}
        self._everyone = everyone
        self._constraints: dict[tuple[str, ...], str | None] = {}
        self._zoned: dict[tuple[str, ...], bool] = {}
        self.fastest = max((server.speed for server in fleet.servers), default=1.0)

    def constraint(self, pool: tuple[str, ...]) -> str | None:
        if pool not in self._constraints:
            self._constraints[pool] = constraint_for(pool, self._everyone)
        return self._constraints[pool]

    def zoned(self, pool: tuple[str, ...]) -> bool:
        """Whether its servers are in several zones, each in a known one."""
        if pool not in self._zoned:
            zones = {self._zone[name] for name in pool if name in self._zone}
            self._zoned[pool] = None not in zones and len(zones) > 1
        return self._zoned[pool]


def _service(service: Service, placement: Placement, steering: _Steering) -> swarm.Service:
    reserved = reservation(service, steering.fastest)
    ours = steering.constraint(placement.pool)
    users = [text for text in service.constraints if not is_hostname_pin(text)]
    return swarm.Service(
        id=service.id,
        cpu=reserved.cpu * NANO,
        memory=reserved.memory,
        constraints=(*([ours] if ours else []), *users),
        preferences=_preferences(service, placement, steering),
        max_replicas=service.max_replicas_per_node,
        host_ports=tuple(
            (port.protocol, port.published)
            for port in service.ports
            if port.mode == "host" and port.published
        ),
    )


def _preferences(service: Service, placement: Placement, steering: _Steering) -> tuple[str, ...]:
    if service.preferences or service.replicas < 2:
        return service.preferences
    return (f"node.labels.{ZONE_LABEL}",) if steering.zoned(placement.pool) else ()
