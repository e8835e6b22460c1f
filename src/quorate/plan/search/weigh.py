"""What a change of one machine costs where costs are plain, in one pass. Compiled by Numba.

Most changes that annealing tries are turned down: how fast that is decides how far it comes.
A machine that only gets a task is passed over as soon as it has cost all there is to spend.
"""

from __future__ import annotations

from numba import njit

from quorate.plan.search.arrays import Floats, Instance
from quorate.plan.search.kernels import NONE, whole
from quorate.plan.search.state import State


@njit(cache=True, nogil=True, forceinline=True)
def balance_change(of: Instance, state: State, machine: int, out: int, into: int) -> int:
    """What balance costs more, or less, once kind `out` is gone and `into` there (-1: none)."""
    change = 0
    for row in range(len(of.balance)):
        first, second = of.balance[row, 0], of.balance[row, 1]
        target, weight = of.balance[row, 2], of.balance[row, 3]
        lacking = target * (of.capacity[machine, first] - state.used[machine, first])
        lacking -= of.capacity[machine, second] - state.used[machine, second]
        more = 0
        if out >= 0:
            more += target * of.use[out, first] - of.use[out, second]
        if into >= 0:
            more -= target * of.use[into, first] - of.use[into, second]
        change += weight * (max(0, lacking + more) - max(0, lacking))
    return change


@njit(cache=True, nogil=True, forceinline=True)
def entered(
    of: Instance, state: State, fine: Floats, machine: int, into: int, room: float
) -> tuple[int, float, int]:
    """What a machine costs more once task `into` is there too: points, fines, units beyond.

    Ends early, with less than the whole, as soon as that is more than `room` points.
    """
    kind, home = whole(of.kind[into]), of.origin[into] == machine
    cost, fined, units = balance_change(of, state, machine, NONE, kind), 0.0, 0
    for resource in range(of.capacity.shape[1]):
        more = of.use[kind, resource]
        above = state.used[machine, resource] - of.plain_at[machine, resource]
        cost += of.plain_slope[resource] * (max(0, above + more) - max(0, above))
        if not (home and of.transient[resource]):
            above = state.held[machine, resource] - of.capacity[machine, resource]
            further = max(0, above + more) - max(0, above)
            units += further
            fined += fine[machine, resource] * further
        if cost + fined > room:
            break
    return cost, fined, units


@njit(cache=True, nogil=True, forceinline=True)
def left(
    of: Instance, state: State, fine: Floats, machine: int, out: int
) -> tuple[int, float, int]:
    """What a machine costs more (less, that is) once task `out` has gone, as `entered`."""
    kind, home = whole(of.kind[out]), of.origin[out] == machine
    cost, fined, units = balance_change(of, state, machine, kind, NONE), 0.0, 0
    for resource in range(of.capacity.shape[1]):
        less = of.use[kind, resource]
        above = max(0, state.used[machine, resource] - of.plain_at[machine, resource])
        cost -= of.plain_slope[resource] * min(less, above)
        if not (home and of.transient[resource]):
            above = max(0, state.held[machine, resource] - of.capacity[machine, resource])
            fewer = min(less, above)
            units -= fewer
            fined -= fine[machine, resource] * fewer
    return cost, fined, units


@njit(cache=True, nogil=True, forceinline=True)
def replaced(
    of: Instance, state: State, fine: Floats, machine: int, out: int, into: int
) -> tuple[int, float, int]:
    """What a machine costs more once task `into` has the place of task `out`, as `entered`."""
    kind_out, kind_in = whole(of.kind[out]), whole(of.kind[into])
    home_out, home_in = of.origin[out] == machine, of.origin[into] == machine
    cost, fined, units = balance_change(of, state, machine, kind_out, kind_in), 0.0, 0
    for resource in range(of.capacity.shape[1]):
        more = of.use[kind_in, resource] - of.use[kind_out, resource]
        above = state.used[machine, resource] - of.plain_at[machine, resource]
        cost += of.plain_slope[resource] * (max(0, above + more) - max(0, above))
        if of.transient[resource]:
            if home_in:
                more -= of.use[kind_in, resource]
            if home_out:
                more += of.use[kind_out, resource]
        above = state.held[machine, resource] - of.capacity[machine, resource]
        further = max(0, above + more) - max(0, above)
        units += further
        fined += fine[machine, resource] * further
    return cost, fined, units


@njit(cache=True, nogil=True, forceinline=True)
def changed(
    of: Instance, state: State, fine: Floats, machine: int, out: int, into: int, room: float
) -> tuple[int, float, int]:
    """What a machine costs more once task `out` has gone and `into` is there (-1: none)."""
    if into < 0:
        return left(of, state, fine, machine, out)
    if out < 0:
        return entered(of, state, fine, machine, into, room)
    return replaced(of, state, fine, machine, out, into)


@njit(cache=True, nogil=True, forceinline=True)
def weigh_pair(
    of: Instance,
    state: State,
    fine: Floats,
    tasks: tuple[int, int],
    places: tuple[int, int],
    room: float,
) -> tuple[int, float, int]:
    """What two machines cost more after the first task went from the first place to the second,
    and the second (-1: none) the other way: points, fines, units beyond capacities.

    Less than the whole, but more than `room`, where it is more than that.
    """
    first, second = tasks
    here, there = places
    cost, fined, units = changed(of, state, fine, here, first, second, room)
    more, fines, further = changed(of, state, fine, there, second, first, room - cost - fined)
    return cost + more, fined + fines, units + further


@njit(cache=True, nogil=True, forceinline=True)
def weigh_chain(
    of: Instance,
    state: State,
    fine: Floats,
    tasks: tuple[int, int, int],
    places: tuple[int, int, int],
    room: float,
) -> tuple[int, float, int]:
    """As `weigh_pair`, for a chain: each task goes to the next place, the third (-1: none) to
    the first."""
    first, second, third = tasks
    a, b, c = places
    cost, fined, units = changed(of, state, fine, a, first, third, room)
    more, fines, further = changed(of, state, fine, b, second, first, room)
    cost += more
    fined += fines
    units += further
    more, fines, further = changed(of, state, fine, c, third, second, room - cost - fined)
    return cost + more, fined + fines, units + further
