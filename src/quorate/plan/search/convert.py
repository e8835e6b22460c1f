"""A fleet's problem as the arrays of the search, and what is paid however it is placed."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from quorate.plan.bulk.table import FILLS, Table, starved
from quorate.plan.problem import CPU, RESOURCES, Problem
from quorate.plan.rules import allowed, copies_allowed
from quorate.plan.search.arrays import PLENTY, Flags, Floats, Instance, Ints, Lists, instance, lists


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
        **_bursts(table),
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
            prices[victim, here] += starved(reach, int(table.ask[victim, CPU]))
    return prices, constant


def _near(problem: Problem, table: Table) -> tuple[Lists, Flags]:
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


def _apart(problem: Problem, table: Table, permitted: Flags) -> tuple[Lists, Ints]:
    rows: list[list[int]] = [[] for _ in range(table.items)]
    most = np.full(table.items, PLENTY, np.int64)
    for index in range(table.items):
        for _, _, number in copies_allowed(problem, index):
            most[index] = min(most[index], number)
    for first, second in table.apart:
        for mine, other in ((first, second), (second, first)):
            if mine.id not in problem.item_of:
                continue
            index = problem.item_of[mine.id]
            if mine.id == other.id:
                most[index] = min(most[index], 1)
            elif other.id in problem.item_of:
                rows[index].append(problem.item_of[other.id])
            elif other.id in problem.fixed_of:
                permitted[index, list(problem.fixed_of[other.id].hosts)] = False
    return lists(rows), most


def _exclusive(problem: Problem, table: Table, permitted: Flags) -> tuple[Lists, int]:
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


def _bursts(table: Table) -> dict[str, object]:
    rules: dict[str, int] = {}
    spiky = np.full(table.items, -1, np.int32)
    spiky_rules = np.zeros(table.items, np.int64)
    victim_rules = np.zeros(table.items, np.int64)
    shares: list[Floats] = []
    present: list[Ints] = []
    for one in table.spiky:
        which = one.item
        if which is None:
            continue
        bit = 1 << rules.setdefault(one.away_from, len(rules))
        victim_rules[table.of_class.get(one.away_from, [])] |= bit
        spiky_rules[which] |= bit
        if spiky[which] < 0:
            spiky[which] = len(shares)
            shares.append(table.reach(one.burst))
            present.append(np.zeros(table.hosts, np.int64))
        present[spiky[which]] += table.given_starved(one)
    return {
        "spiky": spiky,
        "spiky_rules": spiky_rules,
        "victim_rules": victim_rules,
        "victim_cpu": table.ask[:, CPU].copy(),
        "burst_share": np.array(shares, np.float64).reshape(len(shares), table.hosts),
        "burst_present": np.array(present, np.int64).reshape(len(shares), table.hosts),
    }
