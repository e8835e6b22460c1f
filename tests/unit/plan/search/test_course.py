"""Temperatures and fines along an annealing."""

from __future__ import annotations

import numpy as np
import pytest

from quorate.plan.search.arrays import instance
from quorate.plan.search.course import (
    CHEAPER,
    DEARER,
    DEAREST,
    LENIENT,
    STRICT,
    Course,
    adapted,
    scheduled,
)
from quorate.plan.search.state import empty


def test_a_course_goes_through_its_points_and_between_them_by_the_logarithm() -> None:
    points = ((0.0, 100.0), (0.5, 1.0), (1.0, 1e4))
    values = [scheduled(points, part) for part in (0.0, 0.25, 0.5, 0.75, 1.0, 1.2)]
    assert values == pytest.approx([100.0, 10.0, 1.0, 100.0, 1e4, 1e4])


@pytest.mark.parametrize("course", [STRICT, LENIENT])
def test_every_course_cools_and_never_forgives(course: Course) -> None:
    parts = np.linspace(0, 1, 50).tolist()
    heat = [scheduled(course.heat, part) for part in parts]
    assert heat == sorted(heat, reverse=True)
    if course.fines:
        fines = [scheduled(course.fines, part) for part in parts]
        assert fines == sorted(fines)


def test_only_what_is_beyond_its_capacity_gets_dearer() -> None:
    of = instance(
        kind=np.zeros(2, np.int32),
        service=np.zeros(1, np.int32),
        use=np.ones((1, 2), np.int64),
        capacity=np.full((2, 2), 2, np.int64),
    )
    state = empty(of)
    state.held[0, 1] = 3
    factors = np.array([[1.0, 2.0], [4.0, DEAREST]])
    found = adapted(factors, of, state)
    assert found.tolist() == [[1.0, 2.0 * DEARER], [4.0 * CHEAPER, DEAREST * CHEAPER]]
    state.held[:] = 3
    assert adapted(np.full((2, 2), DEAREST), of, state).max() == DEAREST
