"""An independent reading of the challenge's rules: is a solution allowed, and what does it cost?

It shares no code with the solver and is written for being read beside the rules, not
for speed. Costs are Python's whole numbers, so nothing overflows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks.roadef.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The parts of the objective, each with its weight in it already."""

    load: int
    balance: int
    process_moves: int
    service_moves: int
    machine_moves: int

    @property
    def total(self) -> int:
        """The objective."""
        return sum(asdict(self).values())

    def as_json(self) -> dict[str, int]:
        """JSON-ready: the total and its parts."""
        return {"total": self.total, **asdict(self)}


def violations(problem: Problem, place: Sequence[int]) -> list[str]:
    """What is not allowed about a solution, in words; empty when it is feasible.

    `place` [P] is the machine of each process. Where it has the wrong length, or names
    machines that do not exist, only that is said.
    """
    if len(place) != problem.processes:
        return [f"{len(place)} processes are placed, there are {problem.processes}"]
    nowhere = [
        f"process {process} is on machine {machine}, machines go from 0 to {problem.machines - 1}"
        for process, machine in enumerate(place)
        if not 0 <= machine < problem.machines
    ]
    if nowhere:
        return nowhere
    return [
        *_capacity(problem, place),
        *_conflict(problem, place),
        *_spread(problem, place),
        *_dependency(problem, place),
    ]


def _used(problem: Problem, tasks: Iterable[tuple[int, int]]) -> list[list[int]]:
    """What is used [M][R] when (process, machine) pairs count."""
    used = [[0] * problem.resources for _ in range(problem.machines)]
    requirement = problem.requirement.tolist()
    for process, machine in tasks:
        for resource, amount in enumerate(requirement[process]):
            used[machine][resource] += amount
    return used


def _capacity(problem: Problem, place: Sequence[int]) -> Iterator[str]:
    original, capacity = problem.original.tolist(), problem.capacity.tolist()
    used = _used(problem, enumerate(place))
    left = _used(problem, ((task, old) for task, old in enumerate(original) if place[task] != old))
    for machine in range(problem.machines):
        for resource in range(problem.resources):
            amount, most = used[machine][resource], capacity[machine][resource]
            leaving = left[machine][resource] if problem.transient[resource] else 0
            if amount + leaving > most:
                moved = f" and {leaving} by processes that leave" if leaving else ""
                yield (
                    f"capacity: machine {machine}, resource {resource}: "
                    f"{amount} used{moved}, {most} there"
                )


def _conflict(problem: Problem, place: Sequence[int]) -> Iterator[str]:
    together = Counter(zip(problem.service.tolist(), place, strict=True))
    for (service, machine), count in sorted(together.items()):
        if count > 1:
            yield f"conflict: {count} processes of service {service} on machine {machine}"


def _spread(problem: Problem, place: Sequence[int]) -> Iterator[str]:
    used = defaultdict[int, set[int]](set)
    for process, machine in enumerate(place):
        used[int(problem.service[process])].add(int(problem.location[machine]))
    for service, least in enumerate(problem.spread.tolist()):
        if len(used[service]) < least:
            yield f"spread: service {service} is in {len(used[service])} locations of {least}"


def _dependency(problem: Problem, place: Sequence[int]) -> Iterator[str]:
    around = defaultdict[int, set[int]](set)
    for process, machine in enumerate(place):
        around[int(problem.service[process])].add(int(problem.neighbourhood[machine]))
    for service, targets in enumerate(problem.needs):
        for target in dict.fromkeys(targets):
            for neighbourhood in sorted(around[service] - around[target]):
                yield (
                    f"dependency: service {service} is in neighbourhood {neighbourhood}, "
                    f"service {target}, which it needs, is not"
                )


def cost(problem: Problem, place: Sequence[int]) -> Cost:
    """What a solution costs, allowed or not; every machine in `place` [P] must exist."""
    used = _used(problem, enumerate(place))
    original = problem.original.tolist()
    moved = [process for process, machine in enumerate(place) if machine != original[process]]
    by_service = Counter(int(problem.service[process]) for process in moved)
    return Cost(
        load=_load(problem, used),
        balance=_balance(problem, used),
        process_moves=problem.process_move_weight
        * sum(int(problem.process_move[process]) for process in moved),
        service_moves=problem.service_move_weight * max(by_service.values(), default=0),
        machine_moves=problem.machine_move_weight
        * sum(
            int(problem.machine_move[old, new]) for old, new in zip(original, place, strict=True)
        ),
    )


def _load(problem: Problem, used: list[list[int]]) -> int:
    safety, weights = problem.safety.tolist(), problem.load_weight.tolist()
    return sum(
        weight * max(0, used[machine][resource] - safety[machine][resource])
        for machine in range(problem.machines)
        for resource, weight in enumerate(weights)
    )


def _balance(problem: Problem, used: list[list[int]]) -> int:
    capacity = problem.capacity.tolist()
    total = 0
    for balance in problem.balances:
        for machine in range(problem.machines):
            first = capacity[machine][balance.first] - used[machine][balance.first]
            second = capacity[machine][balance.second] - used[machine][balance.second]
            total += balance.weight * max(0, balance.target * first - second)
    return total
