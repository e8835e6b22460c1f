"""From a fleet to a plan: build, merge, solve exactly, explain.

Deterministic: the same fleet, seed and time limit (unless the limit is hit) give
the same plan; one worker, fixed seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate.errors import InfeasibleError, QuorateError
from quorate.fleet.model import Fleet
from quorate.plan.cost import costs
from quorate.plan.encode import Encoding, highest
from quorate.plan.merge import merge, split
from quorate.plan.model import Plan
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.rules import all_rules
from quorate.plan.start import start

WORKERS = 1
"""One thread: CP-SAT is deterministic with it, and the other core reads the fleet."""

PARAMETERS = "linearization_level: 2"
"""Every constraint into the linear relaxation: on the office without pins 0.4 s instead of 10 s."""

OnSolution = Callable[[float, float], None]
"""Receives the price of each better placement and the proven lower bound."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The solver's answer. `objective` and `bound` in points."""

    status: str
    counts: Counts
    objective: float
    bound: float
    seconds: float


def make_plan(
    fleet: Fleet,
    *,
    current: Mapping[str, tuple[str, ...]] | None = None,
    time_limit: float = 10.0,
    seed: int = 0,
    made_at: str = "",
    on_solution: OnSolution | None = None,
) -> Plan:
    """The best placement of a fleet, with its reasons.

    Args:
        fleet: what to place.
        current: service id → servers where it runs now; moves cost.
        time_limit: seconds for the solver; a plan not proven optimal by then has
            status `feasible`.
        seed: of the solver's random choices.
        made_at: recorded in the plan.
        on_solution: told of each better placement while solving.

    Raises:
        InfeasibleError: no placement satisfies the rules; names a minimal conflict.
        QuorateError: none was found in the time given.
    """
    from quorate.plan.assemble import assemble

    problem = build(fleet, current=current)
    solution = solve(problem, time_limit=time_limit, seed=seed, on_solution=on_solution)
    return assemble(problem, solution, made_at=made_at)


def solve(
    problem: Problem,
    *,
    time_limit: float = 10.0,
    seed: int = 0,
    on_solution: OnSolution | None = None,
) -> Solution:
    """Place every item of a problem at the least price.

    Raises:
        InfeasibleError, QuorateError: as `make_plan`.
    """
    started = time.perf_counter()
    if not problem.hosts:
        raise InfeasibleError(
            "there is no server to plan for", todo="add servers to the fleet file"
        )
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
    )
    if answer.status == "infeasible":
        from quorate.plan.conflict import conflict

        raise conflict(problem)
    if answer.status not in ("optimal", "feasible"):
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
    )
