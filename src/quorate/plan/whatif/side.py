"""One side of a comparison: a fleet with a home for every task, and all that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from quorate.fleet.model import Engine, Fleet, Server, Service
from quorate.plan.cost import Costs, costs, evaluate
from quorate.plan.model import Placement, Plan, ServerUse
from quorate.plan.occupancy import Occupancy
from quorate.plan.pool import Pool, pools
from quorate.plan.problem import GLOBAL_MODES, Counts, Problem, build, is_large
from quorate.plan.rules import Rule, all_rules
from quorate.plan.use import uses

if TYPE_CHECKING:
    from quorate.plan.bulk.ledger import Ledger

Homes = Mapping[str, tuple[str, ...]]
"""Service id → the server of each of its tasks, by name, sorted."""


@dataclass(frozen=True)
class Side:
    """A fleet under a placement. Tasks without a server are `pending`.

    `waiting` are servers that are lost on this side: what ran there and cannot
    move waits for them.
    """

    fleet: Fleet
    problem: Problem
    counts: Counts
    lost: tuple[Server, ...] = ()

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return all_rules(self.problem)

    @cached_property
    def costs(self) -> Costs:
        return costs(self.problem)

    def moved_to(self, counts: Counts) -> Side:
        """The same fleet under another placement; what does not depend on it is kept."""
        other = Side(self.fleet, self.problem, counts, self.lost)
        if not self.large:
            # Where a cached property keeps its value.
            other.__dict__.update(rules=self.rules, costs=self.costs)
        return other

    @property
    def large(self) -> bool:
        """Whether rules and prices are looked at on arrays (`ledger`), not pair by pair."""
        return is_large(self.problem)

    @cached_property
    def ledger(self) -> Ledger:
        """The placement on arrays."""
        from quorate.plan.bulk.ledger import Ledger

        return Ledger(self.problem, self.counts)

    @cached_property
    def price(self) -> Counter[str]:
        """The planner's points by term, lower is better."""
        return self.ledger.price() if self.large else evaluate(self.costs, self.counts)

    @cached_property
    def pools(self) -> dict[str, Pool]:
        return pools(self.occupancy)

    @cached_property
    def uses(self) -> dict[str, ServerUse]:
        return uses(self.occupancy)

    @cached_property
    def occupancy(self) -> Occupancy:
        """Who is where."""
        return Occupancy(self.problem, self.counts)

    @cached_property
    def homes(self) -> dict[str, tuple[str, ...]]:
        """Every service's servers, one entry a task."""
        names = [host.server.name for host in self.problem.hosts]
        return {
            service.id: tuple(sorted(names[h] for h in self.occupancy.homes(service)))
            for service in self.fleet.services
        }

    @cached_property
    def pending(self) -> dict[str, int]:
        """Service id → tasks that have no server."""
        found = {
            service.id: wanted(service) - len(self.homes[service.id])
            for service in self.fleet.services
        }
        return {name: number for name, number in found.items() if number > 0}

    @cached_property
    def broken_rules(self) -> tuple[Rule, ...]:
        """The hard rules this placement breaks."""
        if self.large:
            from quorate.plan.bulk.rulebook import broken_rules

            return tuple(broken_rules(self.ledger))
        return tuple(
            rule
            for rule in self.rules
            if not all(limit.holds(self.counts) for limit in rule.limits)
        )

    @property
    def broken(self) -> tuple[str, ...]:
        """The same in words."""
        return tuple(rule.words for rule in self.broken_rules)

    @cached_property
    def services(self) -> dict[str, Service]:
        return {service.id: service for service in self.fleet.services}

    def server(self, name: str) -> Server:
        return self.fleet.server(name)

    def host(self, name: str) -> int:
        """The index of a server's host in the problem."""
        return self._hosts[name]

    @cached_property
    def _hosts(self) -> dict[str, int]:
        return {host.server.name: index for index, host in enumerate(self.problem.hosts)}

    @cached_property
    def plan(self) -> Plan:
        """This placement as a plan, without reasons."""
        names = [host.server.name for host in self.problem.hosts]
        services = {}
        for service in self.fleet.services:
            pool = self.pools[service.id]
            if not pool.hosts:
                continue
            at = self.homes[service.id]
            services[service.id] = Placement(
                id=service.id,
                stack=service.stack,
                name=service.name,
                mode=service.mode.value,
                home=at[0] if at else names[pool.hosts[0]],
                homes=at,
                pool=tuple(sorted(names[host] for host in pool.hosts)),
                pinned=bool(service.pins),
                movable=pool.movable,
                outgrown=pool.outgrown,
            )
        return Plan(
            fleet=self.fleet.name,
            fleet_digest=self.fleet.digest,
            made_at="",
            status="feasible",
            objective=self.price.total(),
            bound=0,
            services=services,
            servers=self.uses,
        )


def side_of(fleet: Fleet, at: Homes, *, lost: tuple[Server, ...] = ()) -> Side:
    """The side where every task is at these homes; tasks beyond them are pending."""
    problem = build(fleet)
    return Side(fleet, problem, counts_of(problem, at), lost)


def counts_of(problem: Problem, at: Homes) -> Counts:
    """The tasks by item and host of these homes; servers that are gone are left out."""
    index = {host.server.name: number for number, host in enumerate(problem.hosts)}
    counts = [[0] * len(problem.hosts) for _ in problem.items]
    for row, item in zip(counts, problem.items, strict=True):
        for name in at.get(item.service.id, ()):
            if name in index:
                row[index[name]] += 1
    return counts


def wanted(service: Service) -> int:
    """How many tasks it should have; 0 for a global one, which has as many as it reaches."""
    if service.mode in GLOBAL_MODES and service.engine is Engine.SWARM:
        return 0
    if service.engine is Engine.COMPOSE:
        return max(1, service.replicas)
    return service.replicas
