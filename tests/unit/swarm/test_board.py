"""The scheduler's books: what is placed is taken, what ends is given back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.swarm.board import Board
from quorate.swarm.model import Node, NodeState, Service, State, Task, TaskState, lose
from quorate.swarm.schedule import schedule
from tests.unit.swarm.fleets import swarm

WEB = Service(id="web", cpu=2, memory=3, generic={"gpu": 1}, host_ports=(("tcp", 80),))
OTHER = Service(id="other", memory=1)


def board(*tasks: Task) -> Board:
    nodes = tuple(
        Node(id=name, hostname=name, cpu=8, memory=8, generic={"gpu": 2}) for name in "ab"
    )
    return Board(State(nodes=nodes, services=(WEB, OTHER), tasks=tasks))


def books(made: Board) -> dict[str, Any]:
    """All that a board says, in a form that compares."""
    return {
        "cpu": made.cpu,
        "memory": made.memory,
        "total": made.total,
        "ranking": made.ranking,
        "ready": made.ready,
        "generic": made.generic,
        "ports": [
            {port: n for port, n in made.ports.get(node, {}).items() if n}
            for node in range(len(made.cpu))
        ],
        "counts": [
            made.count(name, node) for name in ("web", "other") for node in range(len(made.cpu))
        ],
    }


@pytest.mark.parametrize(
    ("desired", "observed", "counts", "memory"),
    [
        (TaskState.RUNNING, TaskState.NEW, 0, 8),
        (TaskState.RUNNING, TaskState.PENDING, 0, 8),
        (TaskState.RUNNING, TaskState.ASSIGNED, 1, 5),
        (TaskState.READY, TaskState.PREPARING, 1, 5),
        (TaskState.RUNNING, TaskState.RUNNING, 1, 5),
        (TaskState.COMPLETE, TaskState.RUNNING, 1, 5),
        (TaskState.COMPLETE, TaskState.COMPLETE, 0, 8),
        (TaskState.RUNNING, TaskState.FAILED, 0, 8),
        (TaskState.SHUTDOWN, TaskState.RUNNING, 0, 5),
        (TaskState.SHUTDOWN, TaskState.SHUTDOWN, 0, 8),
        (TaskState.REMOVE, TaskState.RUNNING, 0, 5),
    ],
)
def test_what_a_task_counts_for(
    desired: TaskState, observed: TaskState, counts: int, memory: int
) -> None:
    made = board(Task(id="t", service="web", node="a", desired=desired, observed=observed))
    assert made.count("web", 0) == made.total[0] == counts
    assert made.memory == [memory, 8]


def test_a_task_of_a_node_that_is_gone_counts_nowhere() -> None:
    assert books(board(Task(id="t", service="web", node="z"))) == books(board())


@given(st.lists(st.tuples(st.sampled_from(["web", "other"]), st.integers(0, 1)), max_size=8))
def test_what_is_placed_and_ends_leaves_no_trace(steps: list[tuple[str, int]]) -> None:
    start = board(Task(id="t", service="other", node="b"))
    made = start.copy()
    for service, node in steps:
        made.place(service, node)
    assert made.memory[0] == 8 - sum((WEB, OTHER)[s == "other"].memory for s, n in steps if not n)
    for service, node in reversed(steps):
        made.end(service, node)
    assert {**books(made), "generic": None} == {**books(start), "generic": None}


def test_a_copy_goes_its_own_way() -> None:
    made = board(Task(id="t", service="web", node="a"))
    before = books(made.copy())
    other = made.copy()
    other.place("web", 0)
    other.end("web", 0, 2)
    other.place("other", 1)
    other.remove([0])
    assert books(made) == before
    assert books(other) != before


def test_a_removed_node_takes_nothing_and_is_removed_once() -> None:
    made = board()
    made.remove([0])
    made.remove([0])
    assert not made.feasible(OTHER, 0)
    assert made.feasible(OTHER, 1)
    assert made.ranking == [(0, 1)]


@pytest.mark.parametrize("number", range(40))
def test_nothing_is_placed_beyond_what_a_node_has(number: int) -> None:
    """Whatever the order: a node that was not overfull does not become it."""
    state = swarm(number).state
    services = {service.id: service for service in state.services}
    for lost in state.nodes:
        after = lose(state, frozenset({lost.id}))
        start = Board(after)
        made = start.copy()
        for name, node in schedule(after, number).items():
            if node is not None:
                task = next(task for task in after.tasks if task.id == name)
                assert made.feasible(services[task.service], made.number(node)) or (
                    made.memory[made.number(node)] >= services[task.service].memory
                )
                made.place(task.service, made.number(node))
        for left, had in zip(made.memory + made.cpu, start.memory + start.cpu, strict=True):
            assert left >= 0 or left == had


def test_losing_a_node_leaves_its_tasks_without_one() -> None:
    state = State(
        nodes=tuple(Node(id=name, hostname=name, cpu=1, memory=1) for name in "ab"),
        services=(WEB,),
        tasks=(
            Task(id="runs", service="web", node="a"),
            Task(id="elsewhere", service="web", node="b"),
            Task(id="ends", service="web", node="a", desired=TaskState.SHUTDOWN),
            Task(id="done", service="web", node="a", observed=TaskState.COMPLETE),
        ),
    )
    after = lose(state, frozenset({"a"}))
    assert [node.state for node in after.nodes] == [NodeState.DOWN, NodeState.READY]
    assert {task.id: (task.node, task.waits) for task in after.tasks} == {
        "runs": (None, True),
        "elsewhere": ("b", False),
        "ends": ("a", False),
        "done": ("a", False),
    }


def test_tasks_of_no_service_count_where_tasks_are_counted() -> None:
    made = board()
    made.crowd(0, 2)
    assert (made.total, made.ranking) == ([2, 0], [(0, 1), (2, 0)])
    assert made.memory == [8, 8]
    made.remove([1])
    made.crowd(1, 1)
    made.restore([1])
    assert made.ranking == [(1, 1), (2, 0)]
    assert made.copy().total == [2, 1]
