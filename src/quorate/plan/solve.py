"""From a fleet to a plan: build, solve (exactly, or by search when large), explain.

Deterministic: the same fleet, seed and time limit (unless the limit is hit) give
the same plan; one worker, fixed seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from quorate.errors import InfeasibleError, QuorateError, StoppedError
from quorate.fleet.model import Fleet
from quorate.plan.cost import costs
from quorate.plan.encode import Encoding, highest
from quorate.plan.merge import merge, split
from quorate.plan.model import Plan
from quorate.plan.problem import Problem, build, is_large
from quorate.plan.rules import all_rules
from quorate.plan.solution import Solution as Solution
from quorate.plan.start import start

WORKERS = 1
"""One thread: CP-SAT is deterministic with it, and the other core reads the fleet."""

PARAMETERS = "linearization_level: 2"
"""Every constraint into the linear relaxation: on the office without pins 0.4 s instead of 10 s."""

SECONDS, SECONDS_LARGE = 10.0, 30.0
"""For the solver, when nobody says: small fleets are mostly proven optimal long before."""

SEARCHED = 1_000
"""Items × hosts from which search finds better placements than the exact solver in the same time.
Measured in 10 s: 740 pairs equal, 2,000 pairs 498,018 against 557,466, 6,930 pairs the exact
solver found none."""

OnSolution = Callable[[float, float], None]
"""Receives the price of each better placement and the proven lower bound."""

Stop = Callable[[], bool]
"""Whether somebody asked for the best found so far."""


def never() -> bool:
    """Nobody asks."""
    return False


def make_plan(
    fleet: Fleet,
    *,
    current: Mapping[str, tuple[str, ...]] | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    made_at: str = "",
    on_solution: OnSolution | None = None,
    stop: Stop = never,
) -> Plan:
    """The best placement of a fleet, with its reasons.

    Args:
        fleet: what to place.
        current: service id → servers where it runs now; moves cost.
        time_limit: seconds for the solver; a plan not proven optimal by then has
            status `feasible`. None: `SECONDS`, or `SECONDS_LARGE` for a large fleet.
        seed: of the solver's random choices.
        made_at: recorded in the plan.
        on_solution: told of each better placement while solving.
        stop: asked while solving; once it says so, the best placement found so far is taken.

    Raises:
        InfeasibleError: no placement satisfies the rules; names a minimal conflict.
        QuorateError: none was found in the time given.
    """
    from quorate.plan.assemble import assemble

    problem = build(fleet, current=current)
    solution = solve(problem, time_limit=time_limit, seed=seed, on_solution=on_solution, stop=stop)
    return assemble(problem, solution, made_at=made_at)


def solve(
    problem: Problem,
    *,
    time_limit: float | None = None,
    seed: int = 0,
    on_solution: OnSolution | None = None,
    stop: Stop = never,
) -> Solution:
    """Place every item of a problem at the least price: exactly, or by search where it is large.

    Between the two, where one way finds nothing the other gets as long again.

    Raises:
        InfeasibleError, QuorateError: as `make_plan`.
    """
    if not problem.hosts:
        raise InfeasibleError(
            "there is no server to plan for", todo="add servers to the fleet file"
        )
    limit = time_limit
    if limit is None:
        limit = SECONDS_LARGE if is_large(problem) else SECONDS
    exactly = partial(
        solve_exactly, problem, time_limit=limit, seed=seed, on_solution=on_solution, stop=stop
    )
    searched = partial(
        _search, problem, time_limit=limit, seed=seed, on_solution=on_solution, stop=stop
    )
    if is_large(problem):
        return searched()
    if len(problem.items) * len(problem.hosts) < SEARCHED:
        return _or_else(exactly, searched, proven=True)
    # Only the exact solver can prove that there is none, and say which rules conflict.
    return _or_else(searched, exactly, proven=False)


def _or_else(
    first: Callable[[], Solution], second: Callable[[], Solution], *, proven: bool
) -> Solution:
    """The first way, or the second where it finds nothing; `proven`: it can prove there is none."""
    try:
        return first()
    except StoppedError:
        raise
    except QuorateError as error:
        if proven and isinstance(error, InfeasibleError):
            raise
        why = error
    try:
        return second()
    except (StoppedError, InfeasibleError):
        raise
    except QuorateError as error:
        raise why from error  # neither knows more; the first says what it met


def _search(
    problem: Problem, *, time_limit: float, seed: int, on_solution: OnSolution | None, stop: Stop
) -> Solution:
    from quorate.plan.search.fleet import solve_large

    return solve_large(
        problem, time_limit=time_limit, seed=seed, on_progress=on_solution, stop=stop
    )


def solve_exactly(
    problem: Problem,
    *,
    time_limit: float = SECONDS,
    seed: int = 0,
    on_solution: OnSolution | None = None,
    stop: Stop = never,
) -> Solution:
    """The solver's answer over every pair of an item and a host.

    Raises:
        InfeasibleError, QuorateError: as `make_plan`.
    """
    started = time.perf_counter()
    small = merge(problem)
    rules = all_rules(small)
    most, prices = highest(small, rules), costs(small)
    encoding = Encoding(small, most)
    for rule in rules:
        for limit in rule.limits:
            encoding.add(limit)
    encoding.price(prices)
    encoding.hint(start(small, rules, prices, most))
    answer = encoding.model.solve(
        time_limit=time_limit,
        seed=seed,
        workers=WORKERS,
        parameters=PARAMETERS,
        on_solution=on_solution,
        stop=stop,
    )
    if answer.status == "infeasible":
        from quorate.plan.conflict import conflict

        raise conflict(problem)
    if answer.status not in ("optimal", "feasible"):
        if answer.stopped:
            raise StoppedError("no placement was found before that")
        raise QuorateError(
            f"no placement was found within {time_limit:g} s",
            cause="the fleet is large or its rules are very tight",
            todo="give it longer with --time-limit",
        )
    return Solution(
        status=answer.status,
        counts=split(small, encoding.read(answer.values), problem),
        objective=answer.objective,
        bound=answer.bound,
        seconds=time.perf_counter() - started,
        stopped=answer.stopped,
    )
