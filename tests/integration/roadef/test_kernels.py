"""What the compiled kernels say a placement costs, beside the independent checker."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.roadef import convert
from benchmarks.roadef.check import cost
from benchmarks.roadef.problem import Problem
from quorate.plan.search import compiled
from quorate.plan.search.arrays import Floats, Instance
from quorate.plan.search.kernels import load_state, machine_cost, overload
from quorate.plan.search.run import total
from quorate.plan.search.state import State, empty
from quorate.plan.search.weigh import weigh_chain, weigh_pair
from tests.unit.roadef.builders import placed

pytestmark = pytest.mark.slow
"""Compiling takes tens of seconds the first time."""


@settings(max_examples=200)
@given(placed())
def test_the_kernels_cost_is_the_checkers(given: tuple[Problem, list[int]]) -> None:
    problem, place = given
    of = convert.arrays(problem)
    state = empty(of)
    there = convert.origin(problem)
    # By way of the original assignment, so that moves are counted and sums are changed twice.
    load_state(compiled.instance(of), compiled.state(state), there)
    assert total(of, state) == cost(problem, there.tolist()).total
    there[:] = place
    load_state(compiled.instance(of), compiled.state(state), there)
    assert total(of, state) == cost(problem, place).total


@settings(max_examples=200)
@given(placed(), st.integers(0, 2**32 - 1))
def test_changes_weighed_in_one_pass_cost_what_they_cost_piece_by_piece(
    given: tuple[Problem, list[int]], seed: int
) -> None:
    problem, place = given
    of = convert.arrays(problem)
    assert of.plain
    state, dice = empty(of), np.random.default_rng(seed)
    shared, inside = compiled.instance(of), compiled.state(state)
    load_state(shared, inside, convert.origin(problem))
    load_state(shared, inside, np.array(place, np.int32))
    fine = dice.integers(0, 50, of.capacity.shape).astype(np.float64)  # exact in any order
    tasks = [*dice.permutation(len(of.kind)).tolist()[:3], -1, -1, -1]
    machines = len(of.capacity)
    for first, second, third in (tasks[:3], (tasks[0], tasks[1], -1)):
        a = int(state.place[first])
        b = int(state.place[second]) if second >= 0 else int(dice.integers(machines))
        c = int(state.place[third]) if third >= 0 else int(dice.integers(machines))
        if len({a, b, c}) == 3 and second >= 0:
            went = weigh_chain(shared, inside, fine, (first, second, third), (a, b, c), math.inf)
            changes = [(a, first, third), (b, second, first), (c, third, second)]
            assert went == piece_by_piece(of, state, fine, changes)
        if a != b:
            went = weigh_pair(shared, inside, fine, (first, second), (a, b), math.inf)
            assert went == piece_by_piece(of, state, fine, [(a, first, second), (b, second, first)])
            alone = weigh_pair(shared, inside, fine, (first, -1), (a, b), math.inf)
            assert alone == piece_by_piece(of, state, fine, [(a, first, -1), (b, -1, first)])
            room = float(dice.integers(-1000, 1000))
            hasty = weigh_pair(shared, inside, fine, (first, -1), (a, b), room)
            assert hasty == alone or (sum(hasty[:2]) > room and sum(alone[:2]) > room)


def piece_by_piece(
    of: Instance, state: State, fine: Floats, changes: list[tuple[int, int, int]]
) -> tuple[int, float, int]:
    """Points, fines and units by the kernels that costs are defined by."""
    shared, inside = compiled.instance(of), compiled.state(state)
    cost, fined, units = 0, 0.0, 0
    for machine, out, into in changes:
        kinds = [int(of.kind[task]) if task >= 0 else -1 for task in (out, into)]
        cost += machine_cost(shared, inside, machine, *kinds) - int(state.cost[machine])
        more, further = overload(shared, inside, fine, machine, out, into)
        fined += more
        units += further
    return cost, fined, units
