"""A first placement of a large fleet: largest first, each task where it costs least."""

from __future__ import annotations

import time
from collections.abc import Callable

from quorate.errors import QuorateError, StoppedError
from quorate.plan.bulk.fit import cheapest, place, roomiest, tightest_first
from quorate.plan.problem import Problem
from quorate.plan.solution import Solution


def solve_large(
    problem: Problem,
    *,
    time_limit: float,
    seed: int,
    on_progress: Callable[[float, float], None] | None,
    stop: Callable[[], bool],
) -> Solution:
    """A feasible placement, not improved; the bound is 0. Deterministic: no seed is needed.

    Raises:
        QuorateError: a task found no room, or the time was too short.
    """
    del seed
    started = time.perf_counter()
    ends = started + time_limit
    late = False

    def over() -> bool:
        nonlocal late
        late = late or stop() or time.perf_counter() > ends
        return late

    ledger, left = place(problem, tightest_first(problem), cheapest, stop=over)
    if left and not late:
        ledger, left = place(problem, tightest_first(problem), roomiest, stop=over)
    if left and stop():
        raise StoppedError("no placement was found before that")
    if left:
        names = [problem.items[item].service.id for item in list(left)[:3]]
        why = f"no room was found for {', '.join(names)}" if not late else "the time was too short"
        raise QuorateError(
            f"no placement was found: {why}",
            cause="the fleet is very full or its rules are very tight",
            todo="add servers, lower reservations, or give it longer with --time-limit",
        )
    price = ledger.price().total()
    if on_progress is not None:
        on_progress(float(price), 0.0)
    return Solution(
        status="feasible",
        counts=ledger.counts.tolist(),
        objective=price,
        bound=0,
        seconds=time.perf_counter() - started,
    )
