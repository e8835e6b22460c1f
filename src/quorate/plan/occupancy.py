"""Who is where under a placement, both ways: looked up, not searched for."""

from __future__ import annotations

from functools import cached_property
from itertools import compress

from quorate.fleet.model import Engine, Service
from quorate.plan.problem import MEMORY, Ask, Counts, Problem

Resident = tuple[str, str, Ask, bool, int]
"""Id, class, what one task takes, whether Swarm runs it, tasks."""


class Occupancy:
    """A placement by service and by host."""

    def __init__(self, problem: Problem, counts: Counts) -> None:
        self.problem = problem
        self.counts = counts
        hosts = range(len(problem.hosts))
        self.items_at: list[list[int]] = [[] for _ in hosts]
        """By host: the items there, in their order."""
        self._homes: dict[str, tuple[int, ...]] = {}
        for index, (item, row) in enumerate(zip(problem.items, counts, strict=True)):
            here = list(compress(hosts, row))
            for host in here:
                self.items_at[host].append(index)
            self._homes[item.service.id] = tuple(host for host in here for _ in range(row[host]))
        for fixed in problem.fixed:
            self._homes[fixed.service.id] = tuple(sorted(fixed.hosts))

    def homes(self, service: Service) -> tuple[int, ...]:
        """The host of every task of a service, in order."""
        return self._homes.get(service.id, ())

    @cached_property
    def _home_sets(self) -> dict[str, frozenset[int]]:
        return {name: frozenset(homes) for name, homes in self._homes.items()}

    def meets(self, service: Service, hosts: frozenset[int]) -> bool:
        """Whether a task of a service is on one of the hosts."""
        return not hosts.isdisjoint(self._home_sets.get(service.id, ()))

    def residents(self, host: int) -> list[Resident]:
        """Who is on a host: placed ones first, then given ones."""
        items, counts = self.problem.items, self.counts
        placed: list[Resident] = [
            (
                items[index].service.id,
                items[index].service.workload_class,
                items[index].ask,
                True,
                counts[index][host],
            )
            for index in self.items_at[host]
        ]
        given = [
            (
                fixed.service.id,
                fixed.service.workload_class,
                fixed.ask,
                fixed.service.engine is Engine.SWARM,
                fixed.hosts.count(host),
            )
            for fixed in self.problem.fixed_at[host]
        ]
        return placed + given

    @cached_property
    def memory(self) -> list[int]:
        """By host: memory that all on it use at baseline, in MiB; what runs outside left out."""
        return [
            sum(tasks * ask.resources[MEMORY] for _, _, ask, _, tasks in self.residents(host))
            for host in range(len(self.problem.hosts))
        ]
