"""What a placement of the general problem costs, read off its definition; no kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from quorate.plan.search.arrays import Instance, Lists


def row(of: Lists, index: int) -> list[int]:
    found: list[int] = of.items[of.start[index] : of.start[index + 1]].tolist()
    return found


def share(of: Instance, kind: int, machine: int, load: int) -> int:
    amount, whole = (
        int(of.use[kind, of.load_resource[load]]),
        int(of.load_whole[machine, load]),
    )
    if whole > 0:
        return (10_000 * amount + whole // 2) // whole
    return amount if whole == 0 else 10_000 * min(1, amount)


def plain_cost(of: Instance, place: Sequence[int]) -> int:
    """Loads, balance, prices, moves, groups and links; not bursts."""
    machines = range(len(of.capacity))
    on: list[list[int]] = [[] for _ in machines]
    for task, machine in enumerate(place):
        on[machine].append(int(of.kind[task]))
    return (
        sum(_machine(of, machine, on[machine]) for machine in machines)
        + sum(int(of.price[of.kind[task], machine]) for task, machine in enumerate(place))
        + _moved(of, place)
        + _groups(of, on)
        + _links(of, on)
    )


def _machine(of: Instance, machine: int, kinds: list[int]) -> int:
    cost = 0
    for load in range(len(of.load_resource)):
        value = int(of.load_start[machine, load])
        value += sum(share(of, kind, machine, load) for kind in kinds)
        for step in range(of.step_start[load], of.step_start[load + 1]):
            cost += int(of.step_slope[step]) * max(0, value - int(of.step_at[machine, step]))
    for first, second, target, weight in of.balance.tolist():
        free = [
            int(of.capacity[machine, resource]) - sum(int(of.use[kind, resource]) for kind in kinds)
            for resource in (first, second)
        ]
        cost += weight * max(0, target * free[0] - free[1])
    return cost


def _moved(of: Instance, place: Sequence[int]) -> int:
    moved = Counter(
        int(of.service[of.kind[task]])
        for task, machine in enumerate(place)
        if of.origin[task] >= 0 and of.origin[task] != machine
    )
    return int(of.moved_weight) * max(moved.values(), default=0)


def _groups(of: Instance, on: list[list[int]]) -> int:
    cost = 0
    for group, points in enumerate(of.group_points.tolist()):
        used = sum(
            bool(of.group_fixed[group, machine])
            or any(group in row(of.groups, int(of.service[kind])) for kind in kinds)
            for machine, kinds in enumerate(on)
        )
        cost += points * max(0, used - 1)
    return cost


def _links(of: Instance, on: list[list[int]]) -> int:
    cost = 0
    for kinds in on:
        services = [int(of.service[kind]) for kind in kinds]
        for service in services:
            pairs = row(of.links, service)
            for target, points in zip(pairs[::2], pairs[1::2], strict=True):
                cost += points * (target not in services)
    return cost
