"""What one change does: whether it is allowed, what it costs, and doing it. Compiled by Numba.

Everything here takes an `Instance` and a `State` and runs without Python's lock,
so that a search on one thread leaves the other core to the exact solver.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numba import njit

from quorate.plan.search.arrays import Floats, Instance, Lists, Smalls
from quorate.plan.search.state import State

FULL = 10_000
"""A whole server, in hundredths of a percent (as plan.cost)."""

STARVE = 3_000
"""As plan.cost.STARVE; a test holds both to each other."""

NONE = cast(int, np.int64(-1))
"""No task, kind or machine, where a kernel is told one. Of the type that `whole` gives."""


@njit(cache=True, nogil=True, forceinline=True)
def whole(number: int) -> int:
    """A number of the type that kernels pass to each other.

    Numba compiles a kernel for each mix of types it is called with: 32 bits, 64 bits, constants.
    """
    return int(np.int64(number))


@njit(cache=True, nogil=True, forceinline=True)
def share(of: Instance, kind: int, machine: int, load: int) -> int:
    """What a task of a kind adds to a load of a machine."""
    amount = of.use[kind, of.load_resource[load]]
    whole = of.load_whole[machine, load]
    if whole == 0:
        return amount
    if whole < 0:
        return FULL * min(1, amount)
    return (FULL * amount + whole // 2) // whole


@njit(cache=True, nogil=True)
def machine_cost(of: Instance, state: State, machine: int, out: int, into: int) -> int:
    """What loads and balance cost once kind `out` is gone and `into` there (-1: none)."""
    cost = 0
    for load in range(len(of.load_resource)):
        value = state.load[machine, load]
        if out >= 0:
            value -= share(of, out, machine, load)
        if into >= 0:
            value += share(of, into, machine, load)
        for step in range(of.step_start[load], of.step_start[load + 1]):
            above = value - of.step_at[machine, step]
            if above > 0:
                cost += of.step_slope[step] * above
    for row in range(len(of.balance)):
        first, second = of.balance[row, 0], of.balance[row, 1]
        free_first = of.capacity[machine, first] - state.used[machine, first]
        free_second = of.capacity[machine, second] - state.used[machine, second]
        if out >= 0:
            free_first += of.use[out, first]
            free_second += of.use[out, second]
        if into >= 0:
            free_first -= of.use[into, first]
            free_second -= of.use[into, second]
        lacking = of.balance[row, 2] * free_first - free_second
        if lacking > 0:
            cost += of.balance[row, 3] * lacking
    return cost


@njit(cache=True, nogil=True)
def fits(of: Instance, state: State, machine: int, out: int, into: int) -> bool:
    """Whether task `into` fits a machine once task `out` has gone (-1: none)."""
    kind_in = of.kind[into]
    for resource in range(of.capacity.shape[1]):
        more = of.use[kind_in, resource]
        if of.transient[resource] and of.origin[into] == machine:
            more = 0
        if out >= 0 and not (of.transient[resource] and of.origin[out] == machine):
            more -= of.use[of.kind[out], resource]
        if more > 0 and state.held[machine, resource] + more > of.capacity[machine, resource]:
            return False
    return True


@njit(cache=True, nogil=True, forceinline=True)
def overload(
    of: Instance, state: State, fine: Floats, machine: int, out: int, into: int
) -> tuple[float, int]:
    """What changes beyond a machine's capacity once task `out` has gone and `into` is there.

    By `fine` [M, D] points for each unit, and in units of all resources together.
    """
    points, units = 0.0, 0
    for resource in range(of.capacity.shape[1]):
        more = 0
        if into >= 0 and not (of.transient[resource] and of.origin[into] == machine):
            more += of.use[of.kind[into], resource]
        if out >= 0 and not (of.transient[resource] and of.origin[out] == machine):
            more -= of.use[of.kind[out], resource]
        if more == 0:
            continue
        above = state.held[machine, resource] - of.capacity[machine, resource]
        change = max(0, above + more) - max(0, above)
        units += change
        points += fine[machine, resource] * change
    return points, units


@njit(cache=True, nogil=True)
def any_on(lists: Lists, service: int, counts: Smalls, place: int, wanted: bool) -> bool:
    """Whether any service of a list has tasks at a place (`wanted`), or any has none."""
    for i in range(lists.start[service], lists.start[service + 1]):
        if (counts[lists.items[i], place] > 0) == wanted:
            return True
    return False


@njit(cache=True, nogil=True)
def may_enter(of: Instance, state: State, service: int, machine: int) -> bool:
    """Whether the rules between services let one more task of a service onto a machine."""
    here = state.present[service, machine]
    if here >= of.most[service]:
        return False
    for i in range(of.exclusive.start[service], of.exclusive.start[service + 1]):
        if state.exclusive[of.exclusive.items[i], machine] > 0:
            return False
    if here > 0:
        return True
    if any_on(of.apart, service, state.present, machine, True):
        return False
    for i in range(of.near.start[service], of.near.start[service + 1]):
        other = of.near.items[i]
        # Nobody has to be near a service of which nothing is placed yet.
        if state.present[other, machine] == 0 and state.spread[other] > 0:
            return False
    hood = whole(of.neighbourhood[machine])
    return state.in_neighbourhood[service, hood] > 0 or not any_on(
        of.needs, service, state.in_neighbourhood, hood, False
    )


@njit(cache=True, nogil=True)
def may_leave(of: Instance, state: State, service: int, machine: int, to: int) -> bool:
    """Whether the rules let a task of a service go from a machine to another."""
    if state.present[service, machine] == 1 and any_on(
        of.nearby, service, state.present, machine, True
    ):
        return False
    hood = whole(of.neighbourhood[machine])
    if (
        hood != of.neighbourhood[to]
        and state.in_neighbourhood[service, hood] == 1
        and any_on(of.needed, service, state.in_neighbourhood, hood, True)
    ):
        return False
    here, there = of.location[machine], of.location[to]
    if of.locations[service] > 1 and here != there:
        used = state.spread[service]
        used -= state.at_location[service, here] == 1
        used += state.at_location[service, there] == 0
        if used < of.locations[service]:
            return False
    return True


@njit(cache=True, nogil=True)
def rules_hold(of: Instance, state: State, service: int, machine: int) -> bool:
    """Whether every rule of a service holds as far as a machine is concerned."""
    here = state.present[service, machine]
    if here > of.most[service] or state.spread[service] < of.locations[service]:
        return False
    for i in range(of.exclusive.start[service], of.exclusive.start[service + 1]):
        if state.exclusive[of.exclusive.items[i], machine] > 1:
            return False
    if here > 0:
        if any_on(of.apart, service, state.present, machine, True):
            return False
        if any_on(of.near, service, state.present, machine, False):
            return False
    elif any_on(of.nearby, service, state.present, machine, True):
        return False
    hood = whole(of.neighbourhood[machine])
    if state.in_neighbourhood[service, hood] > 0:
        return not any_on(of.needs, service, state.in_neighbourhood, hood, False)
    return not any_on(of.needed, service, state.in_neighbourhood, hood, True)


@njit(cache=True, nogil=True, forceinline=True)
def moved_points(of: Instance, state: State, task: int, here: int, to: int) -> int:
    """What a move adds to the points for the service with the most moved tasks."""
    origin = of.origin[task]
    if of.moved_weight == 0 or origin < 0 or (here != origin) == (to != origin):
        return 0
    moved, most = state.moved[of.service[of.kind[task]]], state.moved_most[0]
    if to != origin:
        return of.moved_weight if moved == most else 0
    return -of.moved_weight if moved == most and state.moved_at[most] == 1 else 0


@njit(cache=True, nogil=True)
def starved(of: Instance, spiky: int, victim: int, machine: int) -> int:
    """Points for one task of a victim beside a spiky service, for every rule both are in."""
    common = of.spiky_rules[spiky] & of.victim_rules[victim]
    if common == 0 or spiky == victim:
        return 0
    rules = 0
    while common:
        rules += common & 1
        common >>= 1
    part = of.burst_share[of.spiky[spiky], machine]
    return rules * round(STARVE * part * of.victim_cpu[victim] / 1000)


@njit(cache=True, nogil=True)
def first_of_service(of: Instance, state: State, task: int, machine: int) -> bool:
    """Whether a task comes first among those of its service in a machine's list."""
    service = whole(of.service[of.kind[task]])
    if state.present[service, machine] <= 1:
        return True
    other = state.first[machine]
    while other != task:
        if of.service[of.kind[other]] == service:
            return False
        other = state.next[other]
    return True


@njit(cache=True, nogil=True)
def burst_points(of: Instance, state: State, service: int, machine: int, others: int) -> int:
    """Points for bursts that one task of a service brings to a machine.

    `others`: tasks of the same service there beside it.
    """
    points = 0
    if of.victim_rules[service] != 0:
        task = whole(state.first[machine])
        while task >= 0:
            spiky = whole(of.service[of.kind[task]])
            if of.spiky[spiky] >= 0 and first_of_service(of, state, task, machine):
                points += starved(of, spiky, service, machine)
            task = whole(state.next[task])
    if of.spiky[service] >= 0 and others == 0:
        points += of.burst_present[of.spiky[service], machine]
        task = whole(state.first[machine])
        while task >= 0:
            points += starved(of, service, whole(of.service[of.kind[task]]), machine)
            task = whole(state.next[task])
    return points


@njit(cache=True, nogil=True)
def group_points(of: Instance, state: State, service: int, here: int, to: int) -> int:
    """What a move changes in the points for the machines that groups are on."""
    change = 0
    for i in range(of.groups.start[service], of.groups.start[service + 1]):
        group = of.groups.items[i]
        span = state.span[group]
        after = span
        if here >= 0:
            after -= state.group[group, here] == 1
        if to >= 0:
            after += state.group[group, to] == 0
        change += of.group_points[group] * (max(0, after - 1) - max(0, span - 1))
    return change


@njit(cache=True, nogil=True)
def link_points(of: Instance, state: State, service: int, here: int, to: int) -> int:
    """What a move changes in the points for being away from what is needed."""
    change = 0
    for i in range(of.links.start[service], of.links.start[service + 1], 2):
        target, each = of.links.items[i], of.links.items[i + 1]
        if here >= 0 and state.present[target, here] == 0:
            change -= each
        if to >= 0 and state.present[target, to] == 0:
            change += each
    for i in range(of.linked.start[service], of.linked.start[service + 1], 2):
        source, each = of.linked.items[i], of.linked.items[i + 1]
        if here >= 0 and state.present[service, here] == 1:
            change += each * state.present[source, here]
        if to >= 0 and state.present[service, to] == 0:
            change -= each * state.present[source, to]
    return change


@njit(cache=True, nogil=True)
def points(of: Instance, state: State, task: int, here: int, to: int) -> int:
    """What moving a task changes beside loads and balance (-1: from or to nowhere)."""
    kind = whole(of.kind[task])
    service = whole(of.service[kind])
    change = moved_points(of, state, task, here, to)
    if here >= 0:
        change -= of.price[kind, here]
    if to >= 0:
        change += of.price[kind, to]
    change += group_points(of, state, service, here, to)
    change += link_points(of, state, service, here, to)
    if of.spiky[service] >= 0 or of.victim_rules[service] != 0:
        if here >= 0:
            change -= burst_points(
                of, state, service, here, whole(state.present[service, here]) - 1
            )
        if to >= 0:
            change += burst_points(of, state, service, to, whole(state.present[service, to]))
    return change


@njit(cache=True, nogil=True)
def _take(of: Instance, state: State, task: int, machine: int) -> None:
    kind = whole(of.kind[task])
    service = whole(of.service[kind])
    hood, location = of.neighbourhood[machine], of.location[machine]
    for resource in range(of.capacity.shape[1]):
        amount = of.use[kind, resource]
        state.used[machine, resource] -= amount
        if not (of.transient[resource] and of.origin[task] == machine):
            state.held[machine, resource] -= amount
    for load in range(len(of.load_resource)):
        state.load[machine, load] -= share(of, kind, machine, load)
    state.present[service, machine] -= 1
    state.in_neighbourhood[service, hood] -= 1
    state.at_location[service, location] -= 1
    if state.at_location[service, location] == 0:
        state.spread[service] -= 1
    for i in range(of.exclusive.start[service], of.exclusive.start[service + 1]):
        state.exclusive[of.exclusive.items[i], machine] -= 1
    for i in range(of.groups.start[service], of.groups.start[service + 1]):
        group = of.groups.items[i]
        state.group[group, machine] -= 1
        if state.group[group, machine] == 0:
            state.span[group] -= 1
    before, after = state.previous[task], state.next[task]
    if before >= 0:
        state.next[before] = after
    else:
        state.first[machine] = after
    if after >= 0:
        state.previous[after] = before


@njit(cache=True, nogil=True)
def _put(of: Instance, state: State, task: int, machine: int) -> None:
    kind = whole(of.kind[task])
    service = whole(of.service[kind])
    hood, location = of.neighbourhood[machine], of.location[machine]
    for resource in range(of.capacity.shape[1]):
        amount = of.use[kind, resource]
        state.used[machine, resource] += amount
        if not (of.transient[resource] and of.origin[task] == machine):
            state.held[machine, resource] += amount
    for load in range(len(of.load_resource)):
        state.load[machine, load] += share(of, kind, machine, load)
    state.present[service, machine] += 1
    state.in_neighbourhood[service, hood] += 1
    state.at_location[service, location] += 1
    if state.at_location[service, location] == 1:
        state.spread[service] += 1
    for i in range(of.exclusive.start[service], of.exclusive.start[service + 1]):
        state.exclusive[of.exclusive.items[i], machine] += 1
    for i in range(of.groups.start[service], of.groups.start[service + 1]):
        group = of.groups.items[i]
        state.group[group, machine] += 1
        if state.group[group, machine] == 1:
            state.span[group] += 1
    after = state.first[machine]
    state.next[task], state.previous[task] = after, -1
    if after >= 0:
        state.previous[after] = task
    state.first[machine] = task


@njit(cache=True, nogil=True)
def _count_moved(of: Instance, state: State, task: int, to: int) -> None:
    origin = of.origin[task]
    if origin < 0:
        return
    service = whole(of.service[of.kind[task]])
    here = whole(state.place[task])
    before = state.moved[service]
    after = before + (to != origin and to >= 0) - (here != origin and here >= 0)
    state.moved[service] = after
    state.moved_at[before] -= 1
    state.moved_at[after] += 1
    if after > state.moved_most[0]:
        state.moved_most[0] = after
    while state.moved_most[0] > 0 and state.moved_at[state.moved_most[0]] == 0:
        state.moved_most[0] -= 1


@njit(cache=True, nogil=True)
def move(of: Instance, state: State, task: int, to: int) -> None:
    """Put a task on a machine, or nowhere (-1); whatever the rules say."""
    here = whole(state.place[task])
    _count_moved(of, state, task, to)
    if here >= 0:
        _take(of, state, task, here)
        state.cost[here] = machine_cost(of, state, here, NONE, NONE)
    if to >= 0:
        _put(of, state, task, to)
        state.cost[to] = machine_cost(of, state, to, NONE, NONE)
    state.place[task] = to


@njit(cache=True, nogil=True)
def move_cost(of: Instance, state: State, task: int, to: int) -> int:
    """What moving a task from where it is to another machine changes in all."""
    here, kind = whole(state.place[task]), whole(of.kind[task])
    change = machine_cost(of, state, to, NONE, kind) - state.cost[to]
    if here >= 0:
        change += machine_cost(of, state, here, kind, NONE) - state.cost[here]
    return change + points(of, state, task, here, to)


@njit(cache=True, nogil=True)
def may_move(of: Instance, state: State, task: int, to: int) -> bool:
    """Whether every rule lets a task go to a machine from where it is."""
    kind, here = whole(of.kind[task]), whole(state.place[task])
    service = whole(of.service[kind])
    if not of.allowed[kind, to] or not may_enter(of, state, service, to):
        return False
    if here >= 0 and not may_leave(of, state, service, here, to):
        return False
    return fits(of, state, to, NONE, task)


@njit(cache=True, nogil=True)
def load_state(of: Instance, state: State, place: Smalls) -> None:
    """Move every task to its place in an array [P]."""
    for machine in range(len(of.capacity)):
        state.cost[machine] = machine_cost(of, state, machine, NONE, NONE)
    for task in range(len(of.kind)):
        if state.place[task] != place[task]:
            move(of, state, task, whole(place[task]))
