"""Could what a loss leaves homeless be packed into the rest at all, however it is placed?

By reservations (memory and CPU), on what each server has left beside what runs
outside Swarm; headroom may be used up. Packed greedily first, the largest service
first, and exactly where that fails. Whether Swarm would place it so is for `survive`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.plan.pool import Pool
from quorate.plan.problem import RESERVED_CPU, RESERVED_MEMORY, Counts, Problem

PROOF_SECONDS = 2.0
"""For one exact packing; beyond it the best found is what is reported."""


@dataclass(frozen=True, kw_only=True)
class Refugee:
    """A task that lost its server. Memory in MiB, CPU in thousandths of a thread."""

    service: str
    memory: int
    cpu: int
    hosts: tuple[int, ...]


def after(
    problem: Problem, counts: Counts, pools: Mapping[str, Pool], lost: tuple[int, ...]
) -> list[Refugee]:
    """The tasks that find no room when these hosts are lost (the fewest MiB possible)."""
    free = {
        host: [
            _free(problem, counts, host, resource) for resource in (RESERVED_MEMORY, RESERVED_CPU)
        ]
        for host in range(len(problem.hosts))
        if host not in lost
    }
    refugees = [
        Refugee(
            service=item.service.id,
            memory=item.ask.resources[RESERVED_MEMORY],
            cpu=item.ask.resources[RESERVED_CPU],
            hosts=tuple(
                host
                for host in pools[item.service.id].hosts
                if host not in lost
                and row[host] < (item.service.max_replicas_per_node or item.count)
            ),
        )
        for item, row in zip(problem.items, counts, strict=True)
        if pools[item.service.id].movable or pools[item.service.id].outgrown
        for host in lost
        for _ in range(row[host])
    ]
    if _greedy(refugees, free):
        return []
    return _exact(refugees, free)


def _free(problem: Problem, counts: Counts, host: int, resource: int) -> int:
    target = problem.hosts[host]
    used = sum(
        row[host] * item.ask.resources[resource]
        for item, row in zip(problem.items, counts, strict=True)
    )
    outside = target.outside[resource] + problem.taken(host, resource)
    return max(0, target.total[resource] - outside - used)


def _greedy(refugees: list[Refugee], free: Mapping[int, list[int]]) -> bool:
    left = {host: list(room) for host, room in free.items()}
    for refugee in sorted(refugees, key=lambda r: (len(r.hosts), -r.memory, -r.cpu, r.service)):
        fitting = [
            host
            for host in refugee.hosts
            if left[host][0] >= refugee.memory and left[host][1] >= refugee.cpu
        ]
        if not fitting:
            return False
        best = max(fitting, key=lambda host: (left[host][0], -host))
        left[best][0] -= refugee.memory
        left[best][1] -= refugee.cpu
    return True


def _exact(refugees: list[Refugee], free: Mapping[int, list[int]]) -> list[Refugee]:
    from quorate.plan.cpsat import Model

    model = Model()
    places = [{host: model.integer(0, 1) for host in refugee.hosts} for refugee in refugees]
    pending = [model.integer(0, 1) for _ in refugees]
    for place, out in zip(places, pending, strict=True):
        model.equal([*((1, v) for v in place.values()), (1, out)], 1)
    for host, (memory, cpu) in free.items():
        for amounts, bound in (
            ([r.memory for r in refugees], memory),
            ([r.cpu for r in refugees], cpu),
        ):
            here = zip(amounts, places, strict=True)
            model.at_most([(a, place[host]) for a, place in here if host in place], bound)
    # One MiB more or less decides; then CPU; then the number of services.
    model.minimise(
        (r.memory * 1_000 + r.cpu + 1, v) for r, v in zip(refugees, pending, strict=True)
    )
    answer = model.solve(time_limit=PROOF_SECONDS)
    if answer.status not in ("optimal", "feasible"):
        return refugees
    return [r for r, out in zip(refugees, pending, strict=True) if answer.values[out]]
