"""Which machines cost more than they must, in cases worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quorate.plan.search.arrays import instance
from quorate.plan.search.lns import wasted


class Loads:
    """Stands for a state: only the loads of its machines are looked at."""

    def __init__(self, loads: list[list[int]]) -> None:
        self.load = np.array(loads, np.int64)


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ((9, 9, 3), (0, 0, 6)),  # together beyond 15: the third leaves 2 of its room unused
        ((9, 2, 1), (12, 0, 0)),  # together below: the first is beyond for nothing
        ((5, 5, 5), (0, 0, 0)),
    ],
)
def test_waste_is_what_a_machine_leaves_unused_where_all_are_beyond_else_what_it_is_beyond(
    loads: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    tasks = np.arange(3, dtype=np.int32)
    of = instance(
        kind=tasks,
        service=tasks,
        use=np.ones((3, 1), np.int64),
        capacity=np.full((3, 1), 10, np.int64),
        load_resource=np.zeros(1, np.int32),
        load_whole=np.zeros((3, 1), np.int64),
        load_start=np.zeros((3, 1), np.int64),
        step_start=np.array([0, 1], np.int32),
        step_slope=np.array([3], np.int64),
        step_at=np.full((3, 1), 5, np.int64),
    )
    state: Any = Loads([[each] for each in loads])
    assert wasted(of, state).tolist() == list(expected)
