"""The challenge's terms as the solver's arrays, and a placement back."""

from __future__ import annotations

import numpy as np

from benchmarks.roadef.problem import Problem, RoadefError
from quorate.plan.search.arrays import Instance, Ints, Smalls, instance, lists

ROOM = 2**62
"""No cost may reach this: the solver adds 64-bit numbers."""


def arrays(problem: Problem) -> Instance:
    """The same problem for the solver: every process is a kind of its own.

    Raises:
        RoadefError: costs may grow too large for the solver's numbers.
    """
    if _dearest(problem) >= ROOM:
        raise RoadefError("the instance's numbers are so large that costs pass 64 bits")
    priced = np.flatnonzero(problem.load_weight)
    return instance(
        kind=np.arange(problem.processes, dtype=np.int32),
        origin=origin(problem),
        service=problem.service.astype(np.int32),
        use=np.ascontiguousarray(problem.requirement),
        price=_prices(problem),
        capacity=np.ascontiguousarray(problem.capacity),
        transient=problem.transient,
        neighbourhood=_numbered(problem.neighbourhood),
        location=_numbered(problem.location),
        load_resource=priced.astype(np.int32),
        load_start=np.zeros((problem.machines, len(priced)), np.int64),
        step_start=np.arange(len(priced) + 1, dtype=np.int32),
        step_slope=np.ascontiguousarray(problem.load_weight[priced]),
        step_at=np.ascontiguousarray(problem.safety[:, priced]),
        balance=np.array(
            [(row.first, row.second, row.target, row.weight) for row in problem.balances],
            np.int64,
        ).reshape(-1, 4),
        most=np.ones(problem.services, np.int64),
        locations=np.minimum(problem.spread, problem.processes + 1).astype(np.int32),
        needs=lists(problem.needs),
        moved_weight=problem.service_move_weight,
    )


def origin(problem: Problem) -> Smalls:
    """The original assignment as a placement [P] for the solver."""
    return problem.original.astype(np.int32)


def solution(place: Smalls) -> list[int]:
    """A placement of the solver's as the challenge has it: the machine of each process."""
    return [int(machine) for machine in place]


def _numbered(values: Ints) -> Smalls:
    """The same groups, counted from 0 without gaps."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int32)


def _prices(problem: Problem) -> Ints:
    """What the moves of each process cost on each machine [P, M]."""
    price = problem.machine_move_weight * problem.machine_move[problem.original]
    price += problem.process_move_weight * problem.process_move[:, None]
    rows = np.arange(problem.processes)
    price[rows, problem.original] -= problem.process_move_weight * problem.process_move
    return np.ascontiguousarray(price)


def _dearest(problem: Problem) -> int:
    """More than any placement costs, in Python's whole numbers."""
    requirement: list[int] = problem.requirement.sum(axis=0).tolist()
    weights: list[int] = problem.load_weight.tolist()
    there: list[int] = problem.capacity.sum(axis=0).tolist()
    load = sum(weight * used for weight, used in zip(weights, requirement, strict=True))
    balance = sum(
        row.weight
        * (
            row.target * (there[row.first] + requirement[row.first])
            + there[row.second]
            + requirement[row.second]
        )
        for row in problem.balances
    )
    each = problem.process_move_weight * int(problem.process_move.max())
    each += problem.machine_move_weight * int(problem.machine_move.max())
    return load + balance + problem.processes * (each + problem.service_move_weight)
