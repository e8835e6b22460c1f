"""Simulated annealing by shifts, swaps and chains, compiled by Numba: same seed, same run."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from quorate.plan.search.arrays import Flags, Floats, Instance, Smalls
from quorate.plan.search.changes import try_chain, try_shift, try_swap
from quorate.plan.search.kernels import NONE, may_move, move_cost, whole
from quorate.plan.search.state import State

TRIES = 64
"""Tasks drawn to find one on a machine where another is allowed; most are within reach of few."""


@njit(cache=True, nogil=True, forceinline=True)
def draw(seed: object) -> float:
    """A number in [0, 1) by xorshift64*; `seed` [1] of 64 bits, not 0, changes."""
    x = seed[0]  # type: ignore[index]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x  # type: ignore[index]
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True, forceinline=True)
def below(seed: object, count: int) -> int:
    """A whole number from 0 to count - 1."""
    return int(draw(seed) * count)


@njit(cache=True, nogil=True, forceinline=True)
def somewhere(of: Instance, task: int, seed: object) -> int:
    """A random machine of those a task is allowed on."""
    if of.everywhere:
        return below(seed, len(of.capacity))
    kind = of.kind[task]
    first = of.choices.start[kind]
    return whole(of.choices.items[first + below(seed, of.choices.start[kind + 1] - first)])


@njit(cache=True, nogil=True, forceinline=True)
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


@njit(cache=True, nogil=True, forceinline=True)
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
    tasks: tuple[int, int, int],
    chained: bool,
    limit: float,
    haunted: float,
) -> tuple[bool, int, int]:
    """Try a chain, a swap of the first two tasks, or a shift of the first (-1: no such task).

    `haunted` points are counted on top for what is then held at an origin.
    """
    task, other, third = tasks
    if state.place[task] < 0 or (other >= 0 and state.place[other] < 0):
        return False, 0, 0
    if chained:
        if third >= 0:
            to = whole(state.place[third])
            limit -= haunted * haunting(of, state, third, whole(state.place[task]))
        else:
            to = somewhere(of, other, seed)
            if (
                of.origin[other] >= 0
                and of.origin[other] != state.place[other]
                and draw(seed) < 0.5
            ):
                to = whole(of.origin[other])
        limit -= haunted * haunting(of, state, task, whole(state.place[other]))
        limit -= haunted * haunting(of, state, other, to)
        return try_chain(of, state, fine, (task, other, third), to, limit)
    if other >= 0:
        limit -= haunted * haunting(of, state, task, whole(state.place[other]))
        limit -= haunted * haunting(of, state, other, whole(state.place[task]))
        return try_swap(of, state, fine, task, other, limit)
    to = somewhere(of, task, seed)
    return try_shift(of, state, fine, task, to, limit - haunted * haunting(of, state, task, to))


@njit(cache=True, nogil=True, forceinline=True)
def partner(of: Instance, state: State, task: int, seed: object) -> int:
    """A random task of those on other machines that a task is allowed on.

    Any random one where all machines are, and where none is found soon.
    """
    other = below(seed, len(of.kind))
    if of.everywhere:
        return other
    kind = of.kind[task]
    for _ in range(TRIES):
        place = state.place[other]
        if place >= 0 and place != state.place[task] and of.allowed[kind, place]:
            break
        other = below(seed, len(of.kind))
    return other


@njit(cache=True, nogil=True, forceinline=True)
def pick(
    of: Instance, state: State, seed: object, mix: tuple[float, float, float, float]
) -> tuple[tuple[int, int, int], bool]:
    """One, two or three random tasks (-1: none) by the shares of `mix`, and whether in a chain.

    Each but the last is allowed where the next one is, as far as such a one is found.
    """
    kind = draw(seed)
    chained = kind < mix[2] + mix[3]
    first, second, third = below(seed, len(of.kind)), NONE, NONE
    if kind < mix[0] + mix[2] + mix[3]:
        second = partner(of, state, first, seed)
    if kind < mix[2]:
        third = partner(of, state, second, seed)
    return (first, second, third), chained


@njit(cache=True, nogil=True, forceinline=True)
def placed(state: State, tasks: tuple[int, int, int]) -> tuple[int, int, int]:
    """Where three tasks are (-1: no such task)."""
    first, second, third = tasks
    # One type for all three, so that the tuple can be indexed.
    return (
        whole(state.place[first]),
        whole(state.place[second]) if second >= 0 else NONE,
        whole(state.place[third]) if third >= 0 else NONE,
    )


@njit(cache=True, nogil=True, forceinline=True)
def put_back(best: Smalls, tasks: tuple[int, int, int], places: tuple[int, int, int]) -> None:
    """Make `best` [P] say of three tasks (-1: none) that they are at places."""
    for index in range(3):
        if tasks[index] >= 0:
            best[tasks[index]] = places[index]


@njit(cache=True, nogil=True)
def anneal(
    of: Instance,
    state: State,
    seed: object,
    steps: int,
    heat: tuple[float, float],
    fine: Floats,
    mix: tuple[float, float, float, float],
    best: Smalls,
    costs: tuple[int, int, int],
) -> tuple[int, int, int]:
    """Go `steps` steps while the temperature falls geometrically; keeps the best placement seen.

    `heat` are the first and the last temperature in points; `fine` [M, D] points for each
    unit beyond a capacity, negative where nothing may be; `mix` the share of steps that
    try a swap, temperatures that a mean `ghost` costs on top, and the shares of cycles and
    chains; `best` [P] what was
    best before. `costs`, and what is returned, are the cost now, the best one, and the
    units that are beyond capacities now. Only what keeps every capacity can be best.
    """
    cost, best_cost, beyond = costs
    tasks = len(of.kind)
    fall = math.log(heat[1] / heat[0]) / max(1, steps)
    temperature = heat[0]
    # Tasks that may be elsewhere than in `best`: few, so keeping it is cheap.
    differ, known = np.empty(tasks, np.int32), np.zeros(tasks, np.bool_)
    many = whole(0)
    for task in range(tasks):
        if best[task] != state.place[task]:
            many = note(task, differ, known, many)
    at_best = False
    for step in range(steps):
        if step % 256 == 0:
            temperature = heat[0] * math.exp(fall * step)
        limit = -temperature * math.log(1.0 - draw(seed))
        chosen, chained = pick(of, state, seed, mix)
        places = placed(state, chosen)
        done, change, units = attempt(
            of, state, seed, fine, chosen, chained, limit, mix[1] * temperature
        )
        if not done:
            continue
        beyond += units
        if at_best and (change > 0 or beyond > 0):
            keep(best, state.place, differ[:many], known)
            many = whole(0)
            put_back(best, chosen, places)
            at_best = False
        for task in chosen:
            if task >= 0:
                many = note(task, differ, known, many)
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
