"""Small instances of the challenge for tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from benchmarks.roadef.problem import Balance, Problem


def three_machines() -> Problem:
    """Two services on three machines; small enough to work out by hand.

    Service 0 (processes 0 and 1) must be in two locations; service 1 (process 2) needs it.
    """
    return Problem(
        transient=np.array([False, True]),
        load_weight=np.array([10, 1]),
        neighbourhood=np.array([0, 0, 1]),
        location=np.array([0, 1, 1]),
        capacity=np.array([[10, 10], [10, 10], [20, 20]]),
        safety=np.array([[5, 10], [5, 10], [5, 20]]),
        machine_move=np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]]),
        spread=np.array([2, 0]),
        needs=((), (0,)),
        service=np.array([0, 0, 1]),
        requirement=np.array([[4, 4], [3, 3], [6, 2]]),
        process_move=np.array([7, 5, 3]),
        original=np.array([0, 1, 0]),
        balances=(Balance(first=0, second=1, target=2, weight=3),),
        process_move_weight=2,
        service_move_weight=11,
        machine_move_weight=13,
    )


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Random instances of a few machines and processes; most have placements that break rules."""
    resources, machines = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    services, processes = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def some(high: int, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return random.integers(0, high + 1, shape)

    return Problem(
        transient=some(1, resources).astype(np.bool_),
        load_weight=some(3, resources),
        neighbourhood=some(2, machines) * 5,
        location=some(2, machines) * 7,
        capacity=some(40, machines, resources),
        safety=some(40, machines, resources),
        machine_move=some(5, machines, machines),
        spread=some(2, services),
        needs=tuple(
            tuple(np.flatnonzero(some(3, services) == 0).tolist()) for _ in range(services)
        ),
        service=some(services - 1, processes),
        requirement=some(15, processes, resources),
        process_move=some(9, processes),
        original=some(machines - 1, processes),
        balances=tuple(
            Balance(
                first=int(random.integers(resources)),
                second=int(random.integers(resources)),
                target=int(random.integers(4)),
                weight=int(random.integers(4)),
            )
            for _ in range(random.integers(3))
        ),
        process_move_weight=int(random.integers(4)),
        service_move_weight=int(random.integers(4)),
        machine_move_weight=int(random.integers(4)),
    )


@st.composite
def placed(draw: st.DrawFn) -> tuple[Problem, list[int]]:
    """A random instance and any placement of its processes."""
    problem = draw(problems())
    machine = st.integers(0, problem.machines - 1)
    size = problem.processes
    return problem, draw(st.lists(machine, min_size=size, max_size=size))
