"""A lower bound that needs no search: no placement of every task can cost less.

What a placement costs is a sum of terms that are never negative but for prices (slopes,
weights and points are not), so bounds of single terms add up. All whole numbers, exact.

A task's machines are those its kind is allowed on and that it fits alone; a machine
that is nobody's stays empty. Then, term by term:

Prices. Each task pays at least its cheapest machine's.

A step of a load, slope × Σ_m max(0, start_m + x_m - at_m), where x_m ≥ 0 is what the tasks
on m add. With over_m = max(0, start_m - at_m) and room_m = max(0, at_m - start_m) each
machine's part is over_m + max(0, x_m - room_m), as one of both is 0. For any factor
0 ≤ f_m ≤ 1 that is at least over_m + f_m x_m - f_m room_m. Summed over machines, Σ f_m x_m is
at least Σ_tasks min_m f_m share(task, m), which no longer depends on the placement. Tried
are f = 1 and, where loads are shares of a whole, f = whole_m / the largest whole, which makes
shares of different machines comparable; the better one counts. A plain load's x_m is at
most the hard capacity, so that more room than that is never used and does not count;
neither does the room of a machine that stays empty.

Balance, weight × Σ_m max(0, target × A_m - B_m) with A and B what is free. A machine that
stays empty costs just that; the others together at least max(0, target × ΣA - ΣB), and
what is free in all is what there is less what all tasks use.

Groups, points × (machines used - 1). Machines used are at least: those fixed; for each
resource, as many of the largest as hold what the group uses; for each service as many
as its limit per machine asks for, and its locations; for each set of exclusive tasks as
many as the group has in it.

Links, bursts and the points for moved tasks count 0: they may be 0 together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from quorate.plan.cost import FULL
from quorate.plan.search.arrays import Flags, Instance, Ints, Lists

AT_ONCE = 2**20
"""Entries of a table of kinds × machines looked at together: 8 MiB of numbers."""

MOST = np.iinfo(np.int64).max


def lower_bound(of: Instance) -> int:
    """Points that every placement of all tasks that keeps the hard rules costs at least."""
    count = np.bincount(of.kind, minlength=len(of.service))
    factors = [_factors(of, load) for load in range(len(of.load_resource))]
    added = [[0] * len(choices) for choices in factors]
    busy = np.zeros(len(of.capacity), np.bool_)
    total = 0
    for kinds in _parts(of):
        possible = _possible(of, kinds)
        busy |= possible[count[kinds] > 0].any(axis=0)
        total += _sum(count[kinds], _least(of.price[kinds], possible))
        for load, choices in enumerate(factors):
            shares = _shares(of, kinds, load)
            for index, factor in enumerate(choices):
                added[load][index] += _sum(count[kinds], _least(factor * shares, possible))
    for load, choices in enumerate(factors):
        total += _load(of, load, list(zip(choices, added[load], strict=True)), busy)
    return total + _balance(of, count, busy) + _groups(of, count, busy)


def _parts(of: Instance) -> Iterator[slice]:
    """All kinds, as many together as make a table of `AT_ONCE` entries."""
    step = max(1, AT_ONCE // max(1, len(of.capacity)))
    for first in range(0, len(of.service), step):
        yield slice(first, first + step)


def _possible(of: Instance, kinds: slice) -> Flags:
    """The machines of each kind [kinds, M]; all where none is (then there is no placement)."""
    found = of.allowed[kinds].copy()
    for resource in range(of.capacity.shape[1]):
        found &= of.use[kinds, resource][:, None] <= of.capacity[:, resource]
    found[~found.any(axis=1)] = True
    return found


def _factors(of: Instance, load: int) -> list[Ints]:
    """The factors [M] to try for a load, times the largest of each so that they are whole."""
    whole = of.load_whole[:, load]
    ones = np.ones(len(whole), np.int64)
    return [ones, whole] if len(whole) and (whole > 0).all() else [ones]


def _shares(of: Instance, kinds: slice, load: int) -> Ints:
    """What one task of each kind adds to a load of each machine [kinds, M] (as kernels.share)."""
    amount = of.use[kinds, of.load_resource[load]][:, None]
    whole = of.load_whole[:, load]
    plain = np.broadcast_to(amount, (len(amount), len(whole)))
    if not whole.any():
        return plain
    shares = (FULL * amount + whole // 2) // np.maximum(1, whole)
    return np.where(whole > 0, shares, np.where(whole < 0, FULL * np.minimum(1, amount), plain))


def _least(values: Ints, possible: Flags) -> Ints:
    least: Ints = np.min(values, axis=1, where=possible, initial=MOST)
    return least


def _sum(count: Ints, values: Ints) -> int:
    """Σ count × value in Python's numbers, which do not overflow."""
    return sum(a * b for a, b in zip(count.tolist(), values.tolist(), strict=True))


def _load(of: Instance, load: int, added: list[tuple[Ints, int]], busy: Flags) -> int:
    """The bound of a load's steps; `added` are factors and Σ_tasks min factor × share."""
    start = of.load_start[:, load]
    plain = of.load_whole[:, load] == 0
    total = 0
    for step in range(of.step_start[load], of.step_start[load + 1]):
        at = of.step_at[:, step]
        room = np.maximum(0, at - start)
        hard = np.maximum(0, of.capacity[:, of.load_resource[load]])
        room = np.where(busy, np.where(plain, np.minimum(room, hard), room), 0)
        more = 0
        for factor, least in added:
            above = least - _sum(factor, room)
            more = max(more, -(-above // int(factor.max(initial=1))))
        over = int(np.maximum(0, start - at).sum())
        total += int(of.step_slope[step]) * (over + more)
    return total


def _balance(of: Instance, count: Ints, busy: Flags) -> int:
    total = 0
    for first, second, target, weight in of.balance.tolist():
        free = []
        for resource in (first, second):
            there = int(of.capacity[busy, resource].sum())
            free.append(there - _sum(count, of.use[:, resource]))
        lacking = max(0, target * free[0] - free[1])
        for a, b in of.capacity[~busy][:, [first, second]].tolist():
            lacking += max(0, target * a - b)
        total += weight * lacking
    return total


def _groups(of: Instance, count: Ints, busy: Flags) -> int:
    tasks = np.bincount(of.service, weights=count, minlength=len(of.most)).astype(np.int64)
    use = np.zeros((len(of.most), of.capacity.shape[1]), np.int64)
    np.add.at(use, of.service, count[:, None] * of.use)
    # What the 1, 2, 3 … largest machines hold of each resource.
    held = np.cumsum(-np.sort(-np.maximum(0, of.capacity[busy]), axis=0), axis=0)
    members: list[list[int]] = [[] for _ in of.group_points]
    for service in np.flatnonzero(tasks):
        for group in _row(of.groups, int(service)):
            members[group].append(int(service))
    total = 0
    for group, services in enumerate(members):
        span = int(of.group_fixed[group].sum())
        if services:
            needed = use[services].sum(axis=0)
            for resource in range(len(needed)):
                span = max(span, 1 + int(np.searchsorted(held[:, resource], needed[resource])))
            span = max(span, *_apart(of, services, tasks))
        total += int(of.group_points[group]) * max(0, span - 1)
    return total


def _apart(of: Instance, services: list[int], tasks: Ints) -> Iterator[int]:
    """Numbers of machines that the rules of a group's services ask for."""
    exclusive: Counter[int] = Counter()
    for service in services:
        yield -(-int(tasks[service]) // max(1, int(of.most[service])))
        yield int(of.locations[service])
        for item in set(_row(of.exclusive, service)):
            exclusive[item] += int(tasks[service])
    yield from exclusive.values()


def _row(of: Lists, index: int) -> list[int]:
    found: list[int] = of.items[of.start[index] : of.start[index + 1]].tolist()
    return found
