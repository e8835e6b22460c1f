"""Simulated annealing by shifts and swaps. Compiled by Numba; the same seed, the same run."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from quorate.plan.search.arrays import Flags, Floats, Instance, Smalls
from quorate.plan.search.kernels import (
    machine_cost,
    may_enter,
    may_leave,
    may_move,
    move,
    move_cost,
    overload,
    points,
    rules_hold,
)
from quorate.plan.search.state import State


@njit(cache=True, nogil=True)
def draw(seed: object) -> float:
    """A number in [0, 1) by xorshift64*; `seed` [1] of 64 bits, not 0, changes."""
    x = seed[0]  # type: ignore[index]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x  # type: ignore[index]
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def below(seed: object, count: int) -> int:
    """A whole number from 0 to count - 1."""
    return int(draw(seed) * count)


@njit(cache=True, nogil=True)
def crowd(
    of: Instance, state: State, fine: Floats, here: int, there: int, pair: tuple[int, int]
) -> tuple[float, int]:
    """What is beyond capacities, more or less, once the first of a pair goes `there` and the
    second (-1: none) comes `here`; by fines and in units (`overload`). Infinite fines where
    nothing may be beyond."""
    points, units = overload(of, state, fine, there, pair[1], pair[0])
    if units > 0 and fine[0] < 0:
        return math.inf, units
    more, further = overload(of, state, fine, here, pair[0], pair[1])
    if further > 0 and fine[0] < 0:
        return math.inf, units
    return points + more, units + further


@njit(cache=True, nogil=True)
def try_shift(
    of: Instance, state: State, fine: Floats, task: int, to: int, limit: float
) -> tuple[bool, int, int]:
    """Move a task if the rules allow and it costs at most `limit`.

    Whether it was moved, the cost, and the units beyond capacities, fined on top.
    """
    kind, here = of.kind[task], state.place[task]
    service = of.service[kind]
    if here < 0 or here == to or not of.allowed[kind, to]:
        return False, 0, 0
    if state.present[service, to] >= of.most[service]:
        return False, 0, 0
    fined, units = crowd(of, state, fine, here, to, (task, -1))
    if fined == math.inf:
        return False, 0, 0
    cost = machine_cost(of, state, to, -1, kind) - state.cost[to]
    cost += machine_cost(of, state, here, kind, -1) - state.cost[here]
    cost += points(of, state, task, here, to)
    if cost + fined > limit:
        return False, 0, 0
    if not may_enter(of, state, service, to) or not may_leave(of, state, service, here, to):
        return False, 0, 0
    move(of, state, task, to)
    return True, cost, units


@njit(cache=True, nogil=True)
def may_swap(of: Instance, state: State, task: int, other: int) -> bool:
    """Whether two tasks may exchange places as far as each alone is concerned."""
    here, there = state.place[task], state.place[other]
    kind, kind_other = of.kind[task], of.kind[other]
    if here == there or here < 0 or there < 0 or kind == kind_other:
        return False
    if not of.allowed[kind, there] or not of.allowed[kind_other, here]:
        return False
    service, service_other = of.service[kind], of.service[kind_other]
    return service == service_other or (
        state.present[service, there] < of.most[service]
        and state.present[service_other, here] < of.most[service_other]
    )


@njit(cache=True, nogil=True)
def try_swap(
    of: Instance, state: State, fine: Floats, task: int, other: int, limit: float
) -> tuple[bool, int, int]:
    """Exchange two tasks' places; as `try_shift`."""
    if not may_swap(of, state, task, other):
        return False, 0, 0
    here, there = state.place[task], state.place[other]
    kind, kind_other = of.kind[task], of.kind[other]
    service, service_other = of.service[kind], of.service[kind_other]
    fined, units = crowd(of, state, fine, here, there, (task, other))
    if fined == math.inf:
        return False, 0, 0
    cost = machine_cost(of, state, there, kind_other, kind) - state.cost[there]
    cost += machine_cost(of, state, here, kind, kind_other) - state.cost[here]
    plain = len(of.group_points) == 0 and len(of.links.items) == 0 and len(of.burst_share) == 0
    if plain:
        # Only the points for moved tasks depend on which goes first, and by little.
        early = cost + of.price[kind, there] - of.price[kind, here]
        early += of.price[kind_other, here] - of.price[kind_other, there]
        if early + fined - 2 * of.moved_weight > limit:
            return False, 0, 0
    cost += points(of, state, task, here, there)
    move(of, state, task, there)
    cost += points(of, state, other, there, here)
    move(of, state, other, here)
    if cost + fined <= limit and (
        service == service_other
        or (
            rules_hold(of, state, service, here)
            and rules_hold(of, state, service, there)
            and rules_hold(of, state, service_other, here)
            and rules_hold(of, state, service_other, there)
        )
    ):
        return True, cost, units
    move(of, state, other, there)
    move(of, state, task, here)
    return False, 0, 0


@njit(cache=True, nogil=True)
def somewhere(of: Instance, task: int, seed: object) -> int:
    """A random machine of those a task is allowed on."""
    if of.everywhere:
        return below(seed, len(of.capacity))
    kind = of.kind[task]
    first = of.choices.start[kind]
    chosen: int = of.choices.items[first + below(seed, of.choices.start[kind + 1] - first)]
    return chosen


@njit(cache=True, nogil=True)
def note(task: int, differ: Smalls, known: Flags, many: int) -> int:
    """Add a task to those that differ, `many` so far; how many then."""
    if known[task]:
        return many
    known[task] = True
    differ[many] = task
    return many + 1


@njit(cache=True, nogil=True)
def keep(best: Smalls, place: Smalls, differ: Smalls, known: Flags) -> None:
    """Make `best` what is now, where it differs."""
    for task in differ:
        best[task] = place[task]
        known[task] = False


@njit(cache=True, nogil=True)
def haunting(of: Instance, state: State, task: int, to: int) -> float:
    """How much more, or less, is held at origins once a task has moved (`ghost`)."""
    origin = of.origin[task]
    if origin < 0:
        return 0.0
    away = int(to != origin) - int(state.place[task] != origin)
    return away * of.ghost[of.kind[task]]


@njit(cache=True, nogil=True)
def attempt(
    of: Instance,
    state: State,
    seed: object,
    fine: Floats,
    pair: tuple[int, int],
    limit: float,
    haunted: float,
) -> tuple[bool, int, int]:
    """Try to swap two tasks, or to shift the first when there is no second (-1).

    `haunted` points are counted on top for what is then held at an origin.
    """
    task, other = pair
    if other >= 0:
        if state.place[other] >= 0 and state.place[task] >= 0:
            limit -= haunted * haunting(of, state, task, state.place[other])
            limit -= haunted * haunting(of, state, other, state.place[task])
        return try_swap(of, state, fine, task, other, limit)
    to = somewhere(of, task, seed)
    return try_shift(of, state, fine, task, to, limit - haunted * haunting(of, state, task, to))


@njit(cache=True, nogil=True)
def anneal(
    of: Instance,
    state: State,
    seed: object,
    steps: int,
    heat: tuple[float, float],
    fine: Floats,
    mix: tuple[float, float],
    best: Smalls,
    costs: tuple[int, int, int],
) -> tuple[int, int, int]:
    """Go `steps` steps while the temperature falls geometrically; keeps the best placement seen.

    `heat` are the first and the last temperature in points; `fine` [D] points for each
    unit beyond a capacity, negative where nothing may be; `mix` the share of steps that
    try a swap, and temperatures that a mean `ghost` costs on top; `best` [P] what was
    best before. `costs`, and what is returned, are the cost now, the best one, and the
    units that are beyond capacities now. Only what keeps every capacity can be best.
    """
    cost, best_cost, beyond = costs
    tasks = len(of.kind)
    fall = math.log(heat[1] / heat[0]) / max(1, steps)
    temperature = heat[0]
    # Tasks that may be elsewhere than in `best`: few, so keeping it is cheap.
    differ, known = np.empty(tasks, np.int32), np.zeros(tasks, np.bool_)
    many = 0
    for task in range(tasks):
        if best[task] != state.place[task]:
            many = note(task, differ, known, many)
    at_best = False
    for step in range(steps):
        if step % 256 == 0:
            temperature = heat[0] * math.exp(fall * step)
        limit = -temperature * math.log(1.0 - draw(seed))
        task, other = below(seed, tasks), -1
        here, there = state.place[task], -1
        if draw(seed) < mix[0]:
            other = below(seed, tasks)
            there = state.place[other]
        done, change, units = attempt(
            of, state, seed, fine, (task, other), limit, mix[1] * temperature
        )
        if not done:
            continue
        beyond += units
        if at_best and (change > 0 or beyond > 0):
            keep(best, state.place, differ[:many], known)
            many = 0
            best[task] = here
            if other >= 0:
                best[other] = there
            at_best = False
        many = note(task, differ, known, many)
        if other >= 0:
            many = note(other, differ, known, many)
        cost += change
        if beyond == 0 and cost < best_cost:
            best_cost = cost
            at_best = True
    if at_best:
        best[:] = state.place
    return cost, best_cost, beyond


@njit(cache=True, nogil=True)
def sample(of: Instance, state: State, seed: object, tries: int) -> float:
    """The mean cost of a random allowed shift for the worse, in points; 0 when none is found."""
    worse, found = 0.0, 0
    for _ in range(tries):
        task = below(seed, len(of.kind))
        to = below(seed, len(of.capacity))
        if state.place[task] >= 0 and to != state.place[task] and may_move(of, state, task, to):
            cost = move_cost(of, state, task, to)
            if cost > 0:
                worse += cost
                found += 1
    return worse / max(1, found)
