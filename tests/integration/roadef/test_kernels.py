"""What the compiled kernels say a placement costs, beside the independent checker."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from benchmarks.roadef import convert
from benchmarks.roadef.check import cost
from benchmarks.roadef.problem import Problem
from quorate.plan.search import compiled
from quorate.plan.search.kernels import load_state
from quorate.plan.search.run import total
from quorate.plan.search.state import empty
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
