"""Nodes as a tree of label values."""

from __future__ import annotations

from quorate.swarm.board import Board
from quorate.swarm.choice import Dice
from quorate.swarm.model import Node, Service, State, Task
from quorate.swarm.tree import Branch, grow

LABELS = {
    "a": {"zone": "x", "rack": "1"},
    "b": {"zone": "x", "rack": "2"},
    "c": {"zone": "y", "rack": "1"},
    "d": {"rack": "1"},
}


def tree(*preferences: str, tasks: int = 9, memory: int = 0) -> Branch:
    service = Service(id="web", preferences=preferences, memory=memory)
    state = State(
        nodes=tuple(
            Node(id=name, hostname=name, cpu=1, memory=1, labels=labels)
            for name, labels in LABELS.items()
        ),
        services=(service,),
        tasks=tuple(
            Task(id=f"{number}", service="web", node=name) for number, name in enumerate("aabd")
        ),
    )
    return grow(Board(state), service, tasks, Dice(0))


def shape(branch: Branch) -> object:
    if not branch.children:
        return branch.tasks, sorted(branch.nodes)
    return branch.tasks, {value: shape(child) for value, child in branch.children.items()}


def test_without_preferences_there_is_one_leaf() -> None:
    assert shape(tree()) == (4, [0, 1, 2, 3])


def test_a_level_for_each_preference_and_a_branch_for_nodes_without_the_label() -> None:
    assert shape(tree("node.labels.zone", "node.labels.rack")) == (
        4,
        {
            "x": (3, {"1": (2, [0]), "2": (1, [1])}),
            "y": (0, {"1": (0, [2])}),
            "": (1, {"1": (1, [3])}),
        },
    )


def test_what_is_no_label_makes_no_level() -> None:
    assert shape(tree("node.hostname", "node.labels.", "NODE.labels.rack")) == (
        4,
        {"1": (3, [0, 2, 3]), "2": (1, [1])},
    )


def test_branches_count_tasks_on_nodes_that_take_no_more() -> None:
    assert shape(tree("node.labels.rack", memory=2)) == (4, {"1": (3, []), "2": (1, [])})


def test_a_leaf_keeps_no_more_nodes_than_there_are_tasks() -> None:
    assert shape(tree("node.labels.rack", tasks=1)) == (4, {"1": (3, [2]), "2": (1, [1])})
