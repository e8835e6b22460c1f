"""Always, sometimes, never; all orders, or a number of seeds and a word about it."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.swarm.model import Node, Service, State, Task, TaskState
from quorate.swarm.outcomes import Certainty, Outcomes, outcomes


def find(memory: dict[str, int], waiting: dict[str, tuple[int, int]], **bounds: Any) -> Outcomes:
    """By node its memory; by service its waiting tasks, and the memory of each."""
    return outcomes(
        State(
            nodes=tuple(Node(id=n, hostname=n, cpu=8, memory=m) for n, m in memory.items()),
            services=tuple(Service(id=s, memory=m) for s, (_, m) in waiting.items()),
            tasks=tuple(
                Task(id=f"{s}.{slot}", service=s, observed=TaskState.PENDING)
                for s, (count, _) in waiting.items()
                for slot in range(count)
            ),
        ),
        **bounds,
    )


ALWAYS, SOMETIMES, NEVER = Certainty


@pytest.mark.parametrize(
    ("memory", "waiting", "pending", "places"),
    [
        ({"a": 4}, {"web": (2, 2)}, {"web": (NEVER, 0, 0)}, {"web": ("a",)}),
        ({"a": 3}, {"web": (2, 2)}, {"web": (ALWAYS, 1, 1)}, {"web": ("a",)}),
        ({"a": 1}, {"web": (2, 2)}, {"web": (ALWAYS, 2, 2)}, {"web": ()}),
        (
            {"a": 3},
            {"one": (1, 2), "two": (1, 2)},
            {"one": (SOMETIMES, 0, 1), "two": (SOMETIMES, 0, 1)},
            {"one": ("a",), "two": ("a",)},
        ),
        (
            {"a": 4, "b": 4},
            {"big": (1, 4), "small": (2, 2)},
            {"big": (SOMETIMES, 0, 1), "small": (NEVER, 0, 0)},
            {"big": ("a", "b"), "small": ("a", "b")},
        ),
    ],
)
def test_certainty(
    memory: dict[str, int],
    waiting: dict[str, tuple[int, int]],
    pending: dict[str, tuple[Certainty, int, int]],
    places: dict[str, tuple[str, ...]],
) -> None:
    found = find(memory, waiting)
    assert {s: (found.pending(s), *found.left(s)) for s in waiting} == pending
    assert {s: found.places(s) for s in waiting} == places
    assert not found.sampled


def test_where_a_service_comes() -> None:
    found = find({"a": 4, "b": 9, "c": 1}, {"web": (2, 3)})
    assert {n: found.on("web", n) for n in "abc"} == {"a": ALWAYS, "b": ALWAYS, "c": NEVER}
    found = find({"a": 4, "b": 9, "c": 1}, {"web": (1, 3)})
    assert {n: found.on("web", n) for n in "abc"} == {"a": SOMETIMES, "b": SOMETIMES, "c": NEVER}


def test_nothing_waits() -> None:
    found = find({"a": 4}, {})
    assert list(found.results) == [()]
    assert not found.sampled


def test_too_many_orders_are_drawn_from_and_said_so() -> None:
    many = {f"n{number}": 9 for number in range(9)}
    found = find(many, {"web": (9, 1), "other": (9, 1)})
    assert found.sampled
    assert found == find(many, {"web": (9, 1), "other": (9, 1)})
    assert found.pending("web") is NEVER
    few = find(many, {"web": (1, 1)}, limit=8, samples=3)
    assert few.sampled and len(few.results) <= 3
    assert not find(many, {"web": (1, 1)}, limit=9).sampled


def test_many_global_tasks_that_wait_are_drawn_from_too() -> None:
    state = State(
        nodes=(Node(id="a", hostname="a", cpu=8, memory=8),),
        services=(
            *(Service(id=f"g{number}", memory=number) for number in range(1, 8)),
            Service(id="web", memory=1),
        ),
        tasks=(
            *(
                Task(id=f"g{number}", service=f"g{number}", node="a", observed=TaskState.PENDING)
                for number in range(1, 8)
            ),
            Task(id="web", service="web", observed=TaskState.PENDING),
        ),
    )
    found = outcomes(state)
    assert found.sampled
    assert found.pending("web") is SOMETIMES
    assert not outcomes(state, limit=10_000).sampled
