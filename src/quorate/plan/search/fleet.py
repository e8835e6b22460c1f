"""A large fleet's placement by search: from a `Problem` to arrays, improved, and back.

The rules and prices are those of `plan.rules` and `plan.cost`, in whole numbers,
exactly; what the search answers is priced once more by the definitions.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from quorate.errors import InfeasibleError, QuorateError, StoppedError
from quorate.plan.bulk.fit import cheapest, place, tightest_first
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.table import FILLS, Table
from quorate.plan.cost import FULL
from quorate.plan.problem import CPU, RESOURCES, Problem
from quorate.plan.rules import CAPACITY_SHORT, allowed, copies_allowed
from quorate.plan.search.arrays import PLENTY, Instance, Ints, Lists, Smalls, instance, lists
from quorate.plan.search.bound import lower_bound
from quorate.plan.solution import Solution

OnProgress = Callable[[float, float], None]

GREEDY_SHARE = 0.6
"""The share of the time that the first placement may take; the rest is search."""


def solve_large(
    problem: Problem,
    *,
    time_limit: float,
    seed: int,
    on_progress: OnProgress | None,
    stop: Callable[[], bool],
) -> Solution:
    """The best placement found in time, and a proven bound.

    Deterministic with a seed, unless the time runs out before the planned work is done.

    Raises:
        InfeasibleError: what is given to a server already is more than it has.
        QuorateError: a task found no room, or the time was too short.
        StoppedError: stopped before every task had a place.
    """
    from quorate.plan.search.run import improve

    started = time.perf_counter()
    table = Table(problem)
    _overfull(problem, table)
    of, offset = build(problem, table)
    first = _first(problem, started + GREEDY_SHARE * time_limit, stop)
    cost = float(first.price().total())
    bound = float(lower_bound(of) + offset)
    if on_progress is not None:
        on_progress(cost, bound)
    left = time_limit - (time.perf_counter() - started)
    counts = first.counts
    if left > 0 and not stop() and len(of.kind):
        result = improve(
            of,
            places(first.counts),
            time_limit=left,
            seed=seed,
            on_progress=_shifted(on_progress, offset),
            stop=stop,
            bound=bound - offset,
        )
        counts = tallied(of, result.place)
    objective = float(Ledger(problem, counts).price().total())
    return Solution(
        status="optimal" if objective <= bound else "feasible",
        counts=counts.tolist(),
        objective=objective,
        bound=bound,
        seconds=time.perf_counter() - started,
        stopped=stop(),
    )


def _shifted(on_progress: OnProgress | None, offset: int) -> OnProgress | None:
    if on_progress is None:
        return None
    return lambda cost, bound: on_progress(cost + offset, bound + offset)


def _overfull(problem: Problem, table: Table) -> None:
    """Servers that what is given to them fills beyond what they have."""
    short = table.bound < 0
    for resource in range(len(RESOURCES)):
        short[:, resource] &= ~table.out(resource)
    for host, resource in np.argwhere(short).tolist():
        name = problem.hosts[host].server.name
        raise InfeasibleError(
            f"{name} has too little {CAPACITY_SHORT[resource]} for the global services it runs",
            cause="its headroom and what runs outside Swarm leave less than they need",
            todo="give the server more, or keep a global service away from it",
        )


def _first(problem: Problem, ends: float, stop: Callable[[], bool]) -> Ledger:
    late = False

    def over() -> bool:
        nonlocal late
        late = late or stop() or time.perf_counter() > ends
        return late

    ledger, left = place(problem, tightest_first(problem), cheapest, stop=over)
    if not left:
        return ledger
    if stop():
        raise StoppedError("stopped before any placement was found")
    names = [problem.items[item].service.id for item in list(left)[:3]]
    why = "the time was too short" if late else f"no room was found for {', '.join(names)}"
    raise QuorateError(
        f"no placement was found: {why}",
        cause="the fleet is very full or its rules are very tight",
        todo="add servers, lower reservations, or give it longer with --time-limit",
    )


def places(counts: Smalls) -> Smalls:
    """By task the host, from tasks by item and host; an item's tasks in the hosts' order."""
    item, host = np.nonzero(counts)
    return np.repeat(host, counts[item, host]).astype(np.int32)


def tallied(of: Instance, place: Smalls) -> Smalls:
    """Tasks by item and host, from the host of each task."""
    counts = np.zeros((len(of.service), len(of.capacity)), np.int32)
    np.add.at(counts, (of.kind, place), 1)
    return counts


def build(problem: Problem, table: Table) -> tuple[Instance, int]:
    """The instance of a problem, and the points that every placement pays besides."""
    items, hosts = table.items, table.hosts
    prices, constant = _prices(problem, table)
    use = np.concatenate([table.ask, np.stack(table.amounts[2:], axis=1)], axis=1)
    capacity = table.bound.copy()
    for resource in range(len(RESOURCES)):
        capacity[table.out(resource), resource] = PLENTY
    busy = np.full((hosts, use.shape[1] - len(RESOURCES)), PLENTY, np.int64)
    steps = [step for _, _, steps in FILLS for step in steps]
    whole = np.stack([table.total[:, resource] for _, resource, _ in FILLS], axis=1)
    # The first two fills look at plain use, the others at a busy hour's, kept behind it.
    resources = [resource for _, resource, _ in FILLS[:2]]
    resources += [len(RESOURCES) + index for index in range(len(FILLS) - 2)]
    permitted = np.zeros((items, hosts), np.bool_)
    for index, item in enumerate(problem.items):
        permitted[index, list(allowed(problem, item.service))] = True
    near, forbid = _near(problem, table)
    permitted &= ~forbid
    apart, most = _apart(problem, table, permitted)
    exclusive, sets = _exclusive(problem, table, permitted)
    made = instance(
        kind=np.repeat(np.arange(items, dtype=np.int32), table.count),
        service=np.arange(items, dtype=np.int32),
        use=np.ascontiguousarray(use),
        price=prices,
        allowed=permitted,
        capacity=np.ascontiguousarray(np.concatenate([capacity, busy], axis=1)),
        load_resource=np.array(resources, np.int32),
        load_whole=np.where(whole > 0, whole, -1),
        load_start=np.ascontiguousarray(np.stack(table.start, axis=1)),
        step_start=np.cumsum([0, *(len(steps) for _, _, steps in FILLS)]).astype(np.int32),
        step_slope=np.array([slope for _, slope in steps], np.int64),
        step_at=np.tile(np.array([at for at, _ in steps], np.int64), (hosts, 1)),
        most=most,
        near=near,
        apart=apart,
        exclusive=exclusive,
        exclusive_count=sets,
        **_groups(table),
        **_links(table),
        **_bursts(problem, table),
    )
    return made, constant


def _prices(problem: Problem, table: Table) -> tuple[Ints, int]:
    """Points for one task of an item on a host; and those for what is given, however placed."""
    prices = np.zeros((table.items, table.hosts), np.int64)
    for item in range(table.items):
        for points in table.single(item).values():
            prices[item] += points
    for link in table.links:
        if link.target is None:
            away = np.ones(table.hosts, np.bool_)
            away[list(link.hosts)] = False
            prices[link.item] += link.points * away
    constant = 0
    for one in table.spiky:
        if one.item is not None:
            continue
        here = list(one.hosts)
        constant += int(table.given_starved(one)[here].sum())
        for victim in table.of_class.get(one.away_from, np.zeros(0, np.int64)).tolist():
            reach = table.reach(one.burst)[here]
            prices[victim, here] += _starved(reach, int(table.ask[victim, CPU]))
    return prices, constant


def _starved(reach: np.ndarray[tuple[int], np.dtype[np.float64]], cpu: int) -> Ints:
    from quorate.plan.bulk.table import starved

    return starved(reach, cpu)


def _near(problem: Problem, table: Table) -> tuple[Lists, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    rows: list[list[int]] = [[] for _ in range(table.items)]
    forbid = np.zeros((table.items, table.hosts), np.bool_)
    for pair in table.beside:
        for inner, outer in ((pair.inner, pair.outer), (pair.outer, pair.inner)):
            if inner is pair.outer and not pair.both:
                continue
            if inner.id not in problem.item_of:
                continue
            index = problem.item_of[inner.id]
            if outer.id in problem.fixed_of:
                away = np.ones(table.hosts, np.bool_)
                away[list(problem.fixed_of[outer.id].hosts)] = False
                forbid[index] |= away
            elif outer.id in problem.item_of:
                rows[index].append(problem.item_of[outer.id])
    return lists(rows), forbid


def _apart(
    problem: Problem, table: Table, permitted: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> tuple[Lists, Ints]:
    rows: list[list[int]] = [[] for _ in range(table.items)]
    most = np.full(table.items, PLENTY, np.int64)
    for index in range(table.items):
        for _, _, number in copies_allowed(problem, index):
            most[index] = min(most[index], number)
    for first, second in table.apart:
        for mine, other in ((first, second), (second, first)):
            index = problem.item_of.get(mine.id)
            if index is None:
                continue
            if mine.id == other.id:
                most[index] = min(most[index], 1)
            elif other.id in problem.item_of:
                rows[index].append(problem.item_of[other.id])
            elif other.id in problem.fixed_of:
                permitted[index, list(problem.fixed_of[other.id].hosts)] = False
    return lists(rows), most


def _exclusive(
    problem: Problem, table: Table, permitted: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> tuple[Lists, int]:
    rows: list[list[int]] = [[] for _ in range(table.items)]
    sets = 0
    for users in table.ports.values():
        placed = [problem.item_of[user.id] for user in users if user.id in problem.item_of]
        for user in users:
            if user.id in problem.fixed_of:
                taken = list(problem.fixed_of[user.id].hosts)
                for index in placed:
                    permitted[index, taken] = False
        for index in placed:
            rows[index].append(sets)
        sets += 1
    return lists(rows), sets


def _groups(table: Table) -> dict[str, object]:
    rows: list[list[int]] = [[] for _ in range(table.items)]
    fixed = np.zeros((len(table.together), table.hosts), np.bool_)
    for index, group in enumerate(table.together):
        fixed[index, list(group.fixed)] = True
        for item in group.items:
            rows[item].append(index)
    points = np.array([group.points for group in table.together], np.int64)
    return {"groups": lists(rows), "group_points": points, "group_fixed": fixed}


def _links(table: Table) -> dict[str, Lists]:
    forward: dict[int, list[int]] = defaultdict(list)
    backward: dict[int, list[int]] = defaultdict(list)
    for link in table.links:
        if link.target is not None:
            forward[link.item] += [link.target, link.points]
            backward[link.target] += [link.item, link.points]
    rows = range(table.items)
    return {
        "links": lists(forward[item] for item in rows),
        "linked": lists(backward[item] for item in rows),
    }


def _bursts(problem: Problem, table: Table) -> dict[str, object]:
    rules: dict[str, int] = {}
    spiky = np.full(table.items, -1, np.int32)
    spiky_rules = np.zeros(table.items, np.int64)
    victim_rules = np.zeros(table.items, np.int64)
    shares: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    present: list[Ints] = []
    for one in table.spiky:
        if one.item is None:
            continue
        bit = 1 << rules.setdefault(one.away_from, len(rules))
        victim_rules[table.of_class.get(one.away_from, [])] |= bit
        spiky_rules[one.item] |= bit
        if spiky[one.item] < 0:
            spiky[one.item] = len(shares)
            shares.append(table.reach(one.burst))
            present.append(np.zeros(table.hosts, np.int64))
        present[spiky[one.item]] += table.given_starved(one)
    del problem
    return {
        "spiky": spiky,
        "spiky_rules": spiky_rules,
        "victim_rules": victim_rules,
        "victim_cpu": table.ask[:, CPU].copy(),
        "burst_share": np.array(shares, np.float64).reshape(len(shares), table.hosts),
        "burst_present": np.array(present, np.int64).reshape(len(shares), table.hosts),
    }


assert FULL == 10_000  # as the kernels have it
