"""A large fleet's placement by search: from a `Problem` to arrays, improved, and back.

The rules and prices are those of `plan.rules` and `plan.cost`, in whole numbers,
exactly; what the search answers is priced once more by the definitions. Small fleets
come here only where the exact solver finds nothing in time (`solve`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from quorate.errors import InfeasibleError, QuorateError, StoppedError
from quorate.plan.bulk.fit import tightest_first
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.table import Table
from quorate.plan.problem import RESOURCES, Problem
from quorate.plan.rules import CAPACITY_SHORT, CAPACITY_WHAT, figure, forbidden
from quorate.plan.search.arrays import Instance, Smalls
from quorate.plan.search.bound import lower_bound
from quorate.plan.search.convert import build
from quorate.plan.search.lns import listed
from quorate.plan.search.run import ROUND_SECONDS, Chain, improve, warm
from quorate.plan.search.state import NOWHERE
from quorate.plan.solution import Solution

Stop = Callable[[], bool]

OnProgress = Callable[[float, float], None]

FIRST_SHARE = 0.6
"""The share of the time that the first placement may take; the rest is search."""

PLANNED_SHARE = 0.8
"""The share of the time for which search is planned: what comes before it takes some."""


def solve_large(
    problem: Problem,
    *,
    time_limit: float,
    seed: int,
    on_progress: OnProgress | None,
    stop: Stop,
) -> Solution:
    """The best placement found in time, and a proven bound.

    The time to compile the kernels, the first time on a machine, is not counted.
    Deterministic with a seed, unless the time runs out before the planned work is done.

    Raises:
        InfeasibleError: what is given to a server already is more than it has.
        QuorateError: a task found no room, or the time was too short.
        StoppedError: stopped before every task had a place.
    """
    warm()
    started = time.perf_counter()
    table = Table(problem)
    _overfull(problem, table)
    of, offset = build(problem, table)
    _impossible(problem, of)
    bound = lower_bound(of) + offset
    first = _first(problem, of, seed, started + FIRST_SHARE * time_limit, stop)
    left = time_limit - (time.perf_counter() - started)
    place = first
    if left > 0 and not stop() and len(of.kind):
        place = improve(
            of,
            first,
            time_limit=left,
            seed=seed,
            on_progress=_shifted(on_progress, offset),
            stop=stop,
            bound=bound - offset,
            planned=max(4, round(PLANNED_SHARE * time_limit / ROUND_SECONDS)),
        ).place
    counts = tallied(of, place)
    objective = Ledger(problem, counts).price().total()
    return Solution(
        status="optimal" if objective == bound else "feasible",
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
            todo="give the server more, or keep a global service away from it",
        )


def _impossible(problem: Problem, of: Instance) -> None:
    """Items that no server may take, and more of a resource than all servers have."""
    for index in np.flatnonzero(~of.allowed.any(axis=1)).tolist():
        service = problem.items[index].service
        raise InfeasibleError(
            f"{service.id} has no server that its rules leave",
            conflict=[words for _, words, _ in forbidden(problem, service)],
            todo="loosen a pin or a constraint, or what it has to be near or apart from",
        )
    fits = (of.use[:, None, :] <= of.capacity).all(axis=2) & of.allowed
    for index in np.flatnonzero(~fits.any(axis=1)).tolist():
        service = problem.items[index].service
        raise InfeasibleError(
            f"{service.id} is larger than what any server it may use has for it",
            todo="lower its reservations or its load, or give a server more",
        )
    use = (of.use * np.bincount(of.kind, minlength=len(of.use))[:, None]).sum(axis=0)
    short = use - of.capacity.sum(axis=0)
    for resource in np.flatnonzero(short > 0).tolist():
        raise InfeasibleError(
            f"all services take {figure(resource, use[resource])} of "
            f"{CAPACITY_WHAT[resource]}, all servers have "
            f"{figure(resource, use[resource] - short[resource])}",
            todo="add a server, or lower reservations or loads",
        )


def _first(problem: Problem, of: Instance, seed: int, ends: float, stop: Stop) -> Smalls:
    """A host for every task: the tightest first, each where it costs least."""
    chain = Chain(of, np.full(len(of.kind), NOWHERE, np.int32), seed)
    if chain.complete(_order(problem, of), ends, stop):
        return chain.best
    if stop():
        raise StoppedError("stopped before any placement was found")
    left = sorted({int(of.kind[task]) for task in np.flatnonzero(chain.state.place < 0)})
    names = [problem.items[item].service.id for item in left[:3]]
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    raise QuorateError(
        f"no placement was found in the time given: no room for {', '.join(names)}{more}",
        cause="the fleet is large or very full, or its rules are very tight",
        todo="add servers, lower reservations, or give it longer with --time-limit",
    )


def _order(problem: Problem, of: Instance) -> Smalls:
    """The tasks, the tightest first; what has to be near something right after it."""
    items: dict[int, None] = {}
    for item in tightest_first(problem):
        family = sorted(_family(of, item), key=lambda i: (-problem.items[i].count, i))
        items.update(dict.fromkeys(family))
    start = np.searchsorted(of.kind, np.arange(len(of.service) + 1))
    return np.concatenate([np.arange(start[i], start[i + 1]) for i in items]).astype(np.int32)


def _family(of: Instance, item: int) -> set[int]:
    """The items that must share servers with one, directly or through others."""
    found, open_ = {item}, [item]
    while open_:
        one = open_.pop()
        for other in (*listed(of.near, one), *listed(of.nearby, one)):
            if other not in found:
                found.add(other)
                open_.append(other)
    return found


def tallied(of: Instance, place: Smalls) -> Smalls:
    """Tasks by item and host, from the host of each task."""
    counts = np.zeros((len(of.service), len(of.capacity)), np.int32)
    np.add.at(counts, (of.kind, place), 1)
    return counts
