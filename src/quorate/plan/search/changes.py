"""Changes that annealing tries: a shift, a swap, a chain. Compiled by Numba.

Each is made if the rules allow it and it costs at most a limit, and else leaves all as it was.
"""

from __future__ import annotations

import math

from numba import njit

from quorate.plan.search.arrays import Floats, Instance
from quorate.plan.search.kernels import (
    NONE,
    machine_cost,
    may_enter,
    may_leave,
    move,
    overload,
    points,
    rules_hold,
    whole,
)
from quorate.plan.search.state import State
from quorate.plan.search.weigh import weigh_chain, weigh_pair


@njit(cache=True, nogil=True, forceinline=True)
def crowd(
    of: Instance, state: State, fine: Floats, here: int, there: int, pair: tuple[int, int]
) -> tuple[float, int]:
    """What is beyond capacities, more or less, once the first of a pair goes `there` and the
    second (-1: none) comes `here`; by fines and in units (`overload`). Infinite fines where
    nothing may be beyond."""
    points, units = overload(of, state, fine, there, pair[1], pair[0])
    if units > 0 and fine[0, 0] < 0:
        return math.inf, units
    more, further = overload(of, state, fine, here, pair[0], pair[1])
    if further > 0 and fine[0, 0] < 0:
        return math.inf, units
    return points + more, units + further


@njit(cache=True, nogil=True)
def try_shift(
    of: Instance, state: State, fine: Floats, task: int, to: int, limit: float
) -> tuple[bool, int, int]:
    """Move a task if the rules allow and it costs at most `limit`.

    Whether it was moved, the cost, and the units beyond capacities, fined on top.
    """
    kind, here = whole(of.kind[task]), whole(state.place[task])
    service = whole(of.service[kind])
    if here < 0 or here == to or not of.allowed[kind, to]:
        return False, 0, 0
    if state.present[service, to] >= of.most[service]:
        return False, 0, 0
    if not of.plain or fine[0, 0] < 0:
        fined, units = crowd(of, state, fine, here, to, (task, NONE))
        if fined == math.inf:
            return False, 0, 0
    if of.plain:
        room = limit + of.moved_weight - of.price[kind, to] + of.price[kind, here]
        cost, fined, units = weigh_pair(of, state, fine, (task, NONE), (here, to), room)
        if cost + fined > room:
            return False, 0, 0
    else:
        cost = machine_cost(of, state, to, NONE, kind) - state.cost[to]
        cost += machine_cost(of, state, here, kind, NONE) - state.cost[here]
    cost += points(of, state, task, here, to)
    if cost + fined > limit:
        return False, 0, 0
    if not may_enter(of, state, service, to) or not may_leave(of, state, service, here, to):
        return False, 0, 0
    move(of, state, task, to)
    return True, cost, units


@njit(cache=True, nogil=True, forceinline=True)
def only_prices(of: Instance) -> bool:
    """Whether a task's place costs what `price` says, whatever else is there."""
    return len(of.group_points) == 0 and len(of.links.items) == 0 and len(of.burst_share) == 0


@njit(cache=True, nogil=True, forceinline=True)
def may_swap(of: Instance, state: State, task: int, other: int) -> bool:
    """Whether two tasks may exchange places as far as each alone is concerned."""
    here, there = whole(state.place[task]), whole(state.place[other])
    kind, kind_other = whole(of.kind[task]), whole(of.kind[other])
    if here == there or here < 0 or there < 0 or kind == kind_other:
        return False
    if not of.allowed[kind, there] or not of.allowed[kind_other, here]:
        return False
    service, service_other = whole(of.service[kind]), whole(of.service[kind_other])
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
    here, there = whole(state.place[task]), whole(state.place[other])
    kind, kind_other = whole(of.kind[task]), whole(of.kind[other])
    service, service_other = whole(of.service[kind]), whole(of.service[kind_other])
    # Only the points for moved tasks depend on which goes first, and by little.
    room = limit + 2 * of.moved_weight - of.price[kind, there] + of.price[kind, here]
    room += of.price[kind_other, there] - of.price[kind_other, here]
    if not of.plain or fine[0, 0] < 0:
        fined, units = crowd(of, state, fine, here, there, (task, other))
        if fined == math.inf:
            return False, 0, 0
    if of.plain:
        cost, fined, units = weigh_pair(of, state, fine, (task, other), (here, there), room)
    else:
        cost = machine_cost(of, state, there, kind_other, kind) - state.cost[there]
        cost += machine_cost(of, state, here, kind, kind_other) - state.cost[here]
    if only_prices(of) and cost + fined > room:
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


@njit(cache=True, nogil=True, forceinline=True)
def may_follow(of: Instance, state: State, task: int, to: int, leaving: int) -> bool:
    """Whether a task may go where another leaves (-1: none), as far as it alone is concerned."""
    kind = whole(of.kind[task])
    if not of.allowed[kind, to]:
        return False
    service = whole(of.service[kind])
    if leaving >= 0 and of.service[of.kind[leaving]] == service:
        return True
    return bool(state.present[service, to] < of.most[service])


@njit(cache=True, nogil=True)
def holds_for(of: Instance, state: State, task: int, here: int, there: int) -> bool:
    """Whether the rules of a task's service hold on the two machines it went between."""
    service = whole(of.service[of.kind[task]])
    return rules_hold(of, state, service, here) and rules_hold(of, state, service, there)


@njit(cache=True, nogil=True, forceinline=True)
def may_chain(
    of: Instance, state: State, tasks: tuple[int, int, int], places: tuple[int, int, int]
) -> bool:
    """Whether each of a chain may go where it would, as far as it alone is concerned."""
    first, second, third = tasks
    a, b, c = places
    if min(a, b, c) < 0 or a == b or b == c or c == a:
        return False
    if not may_follow(of, state, first, b, second) or not may_follow(of, state, second, c, third):
        return False
    return third < 0 or may_follow(of, state, third, a, first)


@njit(cache=True, nogil=True)
def crowd_of_three(
    of: Instance,
    state: State,
    fine: Floats,
    tasks: tuple[int, int, int],
    places: tuple[int, int, int],
) -> tuple[float, int]:
    """As `crowd`, for a chain: each place loses its own task and gets the one before (-1: none)."""
    total, units = 0.0, 0
    for index in (1, 2, 0):
        out, into = tasks[index], tasks[(index + 2) % 3]
        points, further = overload(of, state, fine, places[index], out, into)
        if further > 0 and fine[0, 0] < 0:
            return math.inf, units
        total += points
        units += further
    return (total if fine[0, 0] >= 0 else 0.0), units


@njit(cache=True, nogil=True)
def try_chain(
    of: Instance, state: State, fine: Floats, tasks: tuple[int, int, int], to: int, limit: float
) -> tuple[bool, int, int]:
    """The first task takes the second's place, which goes `to` a third machine; where there is a
    third task (not -1) it takes that one's place, and the third the first's. As `try_shift`."""
    first, second, third = tasks
    # Numba indexes a tuple by a variable only where all in it are of one type.
    a, b = whole(state.place[first]), whole(state.place[second])
    c = whole(state.place[third]) if third >= 0 else to
    if not may_chain(of, state, tasks, (a, b, c)):
        return False, 0, 0
    kinds = whole(of.kind[first]), whole(of.kind[second]), NONE
    if third >= 0:
        kinds = kinds[0], kinds[1], whole(of.kind[third])
    room = limit + 3 * of.moved_weight - of.price[kinds[0], b] + of.price[kinds[0], a]
    room += of.price[kinds[1], b] - of.price[kinds[1], c]
    if third >= 0:
        room += of.price[kinds[2], c] - of.price[kinds[2], a]
    if not of.plain or fine[0, 0] < 0:
        fined, units = crowd_of_three(of, state, fine, tasks, (a, b, c))
        if fined == math.inf:
            return False, 0, 0
    if of.plain:
        cost, fined, units = weigh_chain(of, state, fine, tasks, (a, b, c), room)
    else:
        cost = machine_cost(of, state, b, kinds[1], kinds[0]) - state.cost[b]
        cost += machine_cost(of, state, c, kinds[2], kinds[1]) - state.cost[c]
        cost += machine_cost(of, state, a, kinds[0], kinds[2]) - state.cost[a]
    if only_prices(of) and cost + fined > room:
        return False, 0, 0
    cost += points(of, state, second, b, c)
    move(of, state, second, c)
    if third >= 0:
        cost += points(of, state, third, c, a)
        move(of, state, third, a)
    cost += points(of, state, first, a, b)
    move(of, state, first, b)
    if (
        cost + fined <= limit
        and holds_for(of, state, first, a, b)
        and holds_for(of, state, second, b, c)
        and (third < 0 or holds_for(of, state, third, c, a))
    ):
        return True, cost, units
    move(of, state, first, a)
    if third >= 0:
        move(of, state, third, c)
    move(of, state, second, b)
    return False, 0, 0
