"""Make the problem smaller: services alike in every figure become one item with a count.

Twenty-one identical workers on four servers are 2024 different answers as counts
and four thousand billion as names; the solver should never see the names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from quorate.fleet.model import Service
from quorate.plan.problem import Counts, Item, Problem
from quorate.plan.rules import allowed, sharing


def merge(problem: Problem) -> Problem:
    """The same problem with like services counted together.

    Only services that no rule and no cost tells apart are merged: one task, no
    near, apart, shared volume or host port, not spiky, needed by nobody.
    """
    special = _special(problem)
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in problem.items:
        service = item.service
        alone = service.id in special
        groups[service.id if alone else _key(problem, item)].append(item)
    items = tuple(
        Item(
            services=tuple(item.service for item in group),
            count=sum(item.count for item in group),
            ask=group[0].ask,
        )
        for group in groups.values()
    )
    return Problem(
        fleet=problem.fleet,
        hosts=problem.hosts,
        items=items,
        fixed=problem.fixed,
        current=problem.current,
    )


def split(merged: Problem, counts: Counts, problem: Problem) -> Counts:
    """The answer of a merged problem, service by service: by name, in the servers' order."""
    answer = [[0] * len(problem.hosts) for _ in problem.items]
    for item, row in zip(merged.items, counts, strict=True):
        if len(item.services) == 1:
            answer[problem.item_of[item.service.id]] = list(row)
            continue
        places = [host for host, tasks in enumerate(row) for _ in range(tasks)]
        ids = sorted(service.id for service in item.services)
        for service, host in zip(ids, places, strict=True):
            answer[problem.item_of[service]][host] = 1
    return answer


def _key(problem: Problem, item: Item) -> Hashable:
    service = item.service
    return (
        item.ask,
        service.stack,
        service.workload_class,
        service.state,
        service.movable,
        service.group,
        service.load.network,
        allowed(problem, service),
        frozenset(service.needs),
        problem.current.get(service.id),
    )


def _special(problem: Problem) -> set[str]:
    """Services that a rule or a cost names."""
    found: set[str] = set()
    for service in problem.fleet.services:
        for name in (*service.near, *service.apart):
            other = problem.find(service, name)
            found.add(service.id)
            if other is not None:
                found.add(other.id)
        needed = [problem.find(service, name) for name in service.needs]
        found.update(other.id for other in needed if other is not None)
        if _alone(service):
            found.add(service.id)
    for users in sharing(problem).values():
        found.update(service.id for service in users)
    return found


def _alone(service: Service) -> bool:
    ports = any(port.published for port in service.ports)
    return ports or service.load.spiky or service.replicas != 1
