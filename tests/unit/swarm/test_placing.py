"""Small swarms with every possible outcome worked out by hand: model and second reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from quorate.swarm.model import Availability, Node, NodeState, Service, State, Task, TaskState
from quorate.swarm.outcomes import outcomes
from tests.unit.swarm.reading import possible

ROWS = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "swarm" / "placing.yaml")
TUPLES = ("constraints", "preferences", "host_ports", "platforms", "plugins")

Outcome = frozenset[tuple[str, str, int]]


def node(name: str, fields: dict[str, Any]) -> Node:
    settings = {"cpu": 8, "memory": 8, **fields}
    if "plugins" in settings:
        settings["plugins"] = frozenset(tuple(plugin) for plugin in settings["plugins"])
    settings["state"] = NodeState(settings.get("state", "ready"))
    settings["availability"] = Availability(settings.get("availability", "active"))
    return Node(id=name, hostname=name, **settings)


def service(name: str, fields: dict[str, Any]) -> Service:
    lists = {
        key: tuple(tuple(item) if isinstance(item, list) else item for item in fields[key])
        for key in TUPLES
        if key in fields
    }
    return Service(id=name, **{**fields, **lists})


def tasks(row: dict[str, Any], key: str, default: TaskState) -> list[Task]:
    found = []
    for name, entries in row.get(key, {}).items():
        for slot, entry in enumerate([None] * entries if isinstance(entries, int) else entries):
            home, desired, observed = entry if isinstance(entry, list) else (entry, None, None)
            found.append(
                Task(
                    id=f"{key}.{name}.{slot}",
                    service=name,
                    node=home,
                    desired=TaskState[desired.upper()] if desired else TaskState.RUNNING,
                    observed=TaskState[observed.upper()] if observed else default,
                )
            )
    return found


def state_of(row: dict[str, Any]) -> State:
    return State(
        nodes=tuple(node(name, fields) for name, fields in row["nodes"].items()),
        services=tuple(service(name, fields) for name, fields in row["services"].items()),
        tasks=(
            *tasks(row, "there", TaskState.RUNNING),
            *tasks(row, "waiting", TaskState.PENDING),
        ),
        failures={
            (name, where): number
            for name, by_node in row.get("failures", {}).items()
            for where, number in by_node.items()
        },
    )


def expected(row: dict[str, Any]) -> set[Outcome]:
    return {
        frozenset(
            (name, where, places.count(where))
            for name, places in outcome.items()
            for where in set(places)
        )
        for outcome in row["outcomes"]
    }


@pytest.mark.parametrize("row", ROWS, ids=[row["what"] for row in ROWS])
def test_what_may_come_of_a_round(row: dict[str, Any]) -> None:
    found = outcomes(state_of(row))
    assert {
        frozenset(
            (name, found.nodes[number], many) for name, places in result for number, many in places
        )
        for result in found.results
    } == expected(row)


@pytest.mark.parametrize("row", ROWS, ids=[row["what"] for row in ROWS])
def test_the_second_reading_says_the_same(row: dict[str, Any]) -> None:
    answers = possible(state_of(row))
    assert {frozenset(answer.assigned) for answer in answers} == expected(row)
