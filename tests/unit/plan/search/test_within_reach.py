"""Machines that a task can never come to because of what is held at origins, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quorate.plan.search.arrays import instance


def _of(**given: Any) -> Any:
    """Three tasks of 2, 3 and 0 units, from machines 0, 0 and 1, on three machines of 6 units."""
    tasks = np.arange(3, dtype=np.int32)
    known = {
        "kind": tasks,
        "origin": np.array([0, 0, 1], np.int32),
        "service": tasks,
        "use": np.array([[2], [3], [0]], np.int64),
        "capacity": np.array([[6], [2], [2]], np.int64),
        "transient": np.ones(1, np.bool_),
    }
    return instance(**{**known, **given})


def test_what_origins_hold_leaves_room_for_few_and_never_keeps_a_task_from_its_origin() -> None:
    of = _of()
    # Machine 0 holds 5 of 6 for good: no room for 2, nor for 3, unless they began there.
    assert of.allowed.tolist() == [[True, True, True], [True, False, False], [True, True, True]]
    assert not of.everywhere
    assert of.choices.items.tolist() == [0, 1, 2, 0, 0, 1, 2]


def test_a_machine_that_is_full_takes_only_what_takes_nothing() -> None:
    of = _of(capacity=np.array([[4], [1], [2]], np.int64))
    assert of.allowed.tolist() == [[True, False, True], [True, False, False], [True, True, True]]


def test_what_is_forbidden_stays_forbidden() -> None:
    allowed = np.ones((3, 3), np.bool_)
    allowed[0, 2] = False
    assert _of(allowed=allowed).allowed.tolist() == [
        [True, True, False],
        [True, False, False],
        [True, True, True],
    ]
    assert not allowed[0, 2] and allowed.sum() == 8, "what is given is not changed"


@pytest.mark.parametrize(
    "given",
    [
        {"transient": np.zeros(1, np.bool_)},
        {"origin": np.full(3, -1, np.int32), "capacity": np.full((3, 1), 3, np.int64)},
    ],
)
def test_without_anything_held_every_machine_is_within_reach(given: dict[str, Any]) -> None:
    of = _of(**given)
    assert of.everywhere and of.allowed.all() and not len(of.choices.items)


def test_tasks_of_a_kind_share_what_is_within_reach_and_each_origin() -> None:
    of = _of(
        kind=np.array([1, 1, 2], np.int32),
        origin=np.array([1, 2, 0], np.int32),
        capacity=np.array([[2], [3], [3]], np.int64),
    )
    assert of.allowed[1].tolist() == [False, True, True]
