"""The order of nodes, and that taking only the best of many is taking the best."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.swarm import rank
from quorate.swarm.board import Board
from quorate.swarm.choice import Dice, every
from quorate.swarm.model import Node, Service, State, Task
from quorate.swarm.rank import best, key

WEB = Service(id="web", memory=1)


def board(tasks: dict[str, list[int]], *, memory: list[int], **fields: Any) -> Board:
    """A board; by service, how many of its tasks each node has."""
    nodes = [Node(id=f"n{i}", hostname=f"n{i}", cpu=8, memory=m) for i, m in enumerate(memory)]
    return Board(
        State(
            nodes=tuple(nodes),
            services=(WEB, Service(id="other")),
            tasks=tuple(
                Task(id=f"{name}.{number}.{slot}", service=name, node=f"n{number}")
                for name, counts in tasks.items()
                for number, count in enumerate(counts)
                for slot in range(count)
            ),
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("failures", "web", "other", "order"),
    [
        ([0, 0, 0], [1, 0, 2], [0, 9, 0], [1, 0, 2]),
        ([0, 0, 0], [1, 1, 1], [2, 1, 0], [2, 1, 0]),
        ([5, 0, 0], [0, 1, 2], [0, 0, 0], [1, 2, 0]),
        ([4, 0, 0], [0, 1, 2], [0, 0, 0], [0, 1, 2]),
        ([7, 5, 4], [0, 1, 2], [0, 0, 0], [2, 1, 0]),
        ([5, 5, 5], [2, 1, 0], [0, 0, 0], [2, 1, 0]),
    ],
)
def test_the_order(failures: list[int], web: list[int], other: list[int], order: list[int]) -> None:
    counts = {("web", f"n{number}"): count for number, count in enumerate(failures)}
    made = board({"web": web, "other": other}, memory=[9] * 3, failures=counts)
    assert best(made, WEB, {0, 1, 2}, 3, Dice(0)) == order


def test_equal_nodes_come_in_every_order_and_any_may_stay_out() -> None:
    made = board({}, memory=[9] * 3)
    orders = {tuple(order) for order in every(lambda c: best(made, WEB, {0, 1, 2}, 2, c))}
    assert orders == {(a, b) for a in range(3) for b in range(3) if a != b}


@settings(max_examples=150)
@given(
    loads=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 6)), min_size=3, max_size=12
    ),
    number=st.integers(1, 12),
    apart=st.integers(0, 4),
)
def test_looking_at_a_few_of_many_finds_as_good_ones(
    loads: list[tuple[int, int, int]], number: int, apart: int
) -> None:
    """With many nodes only as many as needed are looked at: the result must not tell."""
    web, other, memory = (list(column) for column in zip(*loads, strict=True))
    made = board({"web": web, "other": other}, memory=memory)
    nodes = set(range(len(loads))) - {apart}
    plain = best(made, WEB, nodes, number, Dice(0))
    assert len(nodes) <= rank.FEW
    patched = pytest.MonkeyPatch()
    with patched.context() as patch:
        patch.setattr(rank, "FEW", 0)
        few = best(made, WEB, nodes, number, Dice(0))
    assert [key(made, WEB, node) for node in few] == [key(made, WEB, node) for node in plain]
    assert len(set(few)) == len(few)
    assert all(made.feasible(WEB, node) and node in nodes for node in few)
