"""The challenge's terms as the solver's arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.roadef import convert
from benchmarks.roadef.check import cost, violations
from benchmarks.roadef.problem import Problem, RoadefError
from quorate.plan.search.bound import lower_bound
from tests.fakes.plain_cost import plain_cost
from tests.unit.roadef.builders import placed, problems, three_machines


@settings(max_examples=100)
@given(placed())
def test_the_arrays_cost_the_same(given: tuple[Problem, list[int]]) -> None:
    problem, place = given
    assert plain_cost(convert.arrays(problem), place) == cost(problem, place).total


@settings(max_examples=100)
@given(placed())
def test_the_bound_holds_for_what_is_allowed(given: tuple[Problem, list[int]]) -> None:
    problem, place = given
    # Capacities that hold this placement, moved processes counted twice to be sure.
    roomy = replace(problem, capacity=problem.capacity + problem.requirement.sum(axis=0))
    assert not any(said.startswith("capacity") for said in violations(roomy, place))
    assert lower_bound(convert.arrays(roomy)) <= cost(roomy, place).total


def test_the_bound_worked_out_by_hand() -> None:
    # Load: 13 to place, 15 safe: 0. Balance: 3 × (2 × (40 - 13) - (40 - 9)).
    assert lower_bound(convert.arrays(three_machines())) == 3 * (54 - 31)


@settings(max_examples=30)
@given(problems())
def test_there_and_back(problem: Problem) -> None:
    place = convert.origin(problem)
    assert place.dtype == np.int32
    assert convert.solution(place) == problem.original.tolist()


def test_rules_as_arrays() -> None:
    of = convert.arrays(replace(three_machines(), neighbourhood=np.array([7, 7, 10**12])))
    assert of.neighbourhood.tolist() == [0, 0, 1]
    assert of.most.tolist() == [1, 1]
    assert of.locations.tolist() == [2, 0]
    assert of.needs.items.tolist() == [0]
    assert of.needs.start.tolist() == [0, 0, 1]
    assert of.transient.tolist() == [False, True]
    assert of.everywhere
    # Process 1 stays on machine 1 for nothing; elsewhere 2 × 5 and 13 × the way.
    assert of.price[1].tolist() == [10 + 13, 0, 10 + 39]


def test_numbers_that_would_overflow() -> None:
    huge = replace(
        three_machines(), machine_move_weight=10**12, machine_move=np.full((3, 3), 10**8)
    )
    with pytest.raises(RoadefError, match="64 bits"):
        convert.arrays(huge)
