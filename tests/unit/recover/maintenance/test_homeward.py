"""Services home again: which, in what order, a few at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import MachineError
from quorate.fleet.model import Role
from quorate.recover.maintenance import specs
from quorate.recover.maintenance.homeward import rebalance, undrain
from quorate.recover.maintenance.scene import Scene
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.recover.maintenance.small_swarm import node, running, scene

FLEET = fleet(
    [server(name, role=Role.MANAGER) for name in "abc"],
    [service("web", replicas=2), service("job"), service("db", pins=("a",), **data())],
)
HOMES = {"web": ("a", "b"), "job": ("a",), "db": ("a",)}


def nodes(**changes: dict[str, Any]) -> list[Any]:
    return [node(name, **changes.get(name, {})) for name in "abc"]


def stopped(name: str, where: str) -> tuple[dict[str, Any], list[str]]:
    one, _ = running(name, [where])
    return specs.stopped(one, where), []


def test_a_server_is_taken_back_step_by_step() -> None:
    there = [running("app_web", ["b", "c"]), running("app_job", ["c"]), stopped("app_db", "a")]
    back = {"role": "worker", "availability": "drain", "reachability": None}
    seen = scene(FLEET, nodes(a=back), there, homes=HOMES)
    operation = undrain(seen, "a", at_once=1)
    assert [one.id for one in operation.steps] == [
        "activate", "promote", "start-app_db", "home-1", "home-2",
    ]  # fmt: skip
    first = operation.facts["work"]["home-1"]["shifts"][0]
    assert first["service"] == "app_web", "those of several replicas first"
    assert (first["to"], first["back"]) == (["a", "b"], ["b", "c"])
    assert operation.facts["work"]["start-app_db"]["service"] == "app_db"


def test_a_server_that_is_off_cannot_be_taken_back() -> None:
    with pytest.raises(MachineError, match="not back yet"):
        undrain(scene(FLEET, nodes(a={"state": "down"}), []), "a", at_once=2)


def test_undrain_leaves_alone_what_does_not_live_there() -> None:
    seen = scene(FLEET, nodes(), [running("app_web", ["a", "c"])], homes=HOMES)
    assert undrain(seen, "c", at_once=2).steps == ()
    assert [one.id for one in rebalance(seen, at_once=2).steps] == ["home-1"]


def test_nothing_is_done_where_all_is_at_home() -> None:
    there = [running("app_web", ["a", "b"]), running("app_job", ["a"])]
    assert rebalance(scene(FLEET, nodes(), there, homes=HOMES), at_once=2).steps == ()


def test_a_home_that_takes_no_tasks_is_said() -> None:
    there = [running("app_web", ["b", "c"])]
    seen = scene(FLEET, nodes(a={"availability": "drain"}), there, homes=HOMES)
    operation = rebalance(seen, at_once=2)
    assert operation.steps == () and "a takes no tasks" in operation.warnings[0]


def test_a_home_without_room_is_said() -> None:
    there = [running("app_job", ["c"]), running("app_x", ["a"], memory=15.5)]
    operation = rebalance(scene(FLEET, nodes(), there, homes=HOMES), at_once=2)
    assert operation.steps == () and "no room at a" in operation.warnings[0]


def test_who_leaves_makes_room_for_the_next() -> None:
    whole = fleet([server(name) for name in "abc"], [service("one"), service("two")])
    there = [running("app_one", ["b"], memory=9), running("app_two", ["c"], memory=9)]
    seen = scene(whole, nodes(), there, homes={"one": ("c",), "two": ("a",)})
    operation = rebalance(seen, at_once=1)
    services = [operation.facts["work"][one.id]["shifts"][0]["service"] for one in operation.steps]
    assert services == ["app_two", "app_one"]


def test_a_gap_is_said_before() -> None:
    whole = fleet([server(name) for name in "abc"], [service("files", **shared())])
    seen = scene(whole, nodes(), [running("app_files", ["b"])], homes={"files": ("a",)})
    (step,) = rebalance(seen, at_once=2).steps
    assert "gap" in step.says


def shared() -> dict[str, Any]:
    """State on storage that every server reaches."""
    fields = data()
    (volume,) = fields["volumes"]
    return {**fields, "volumes": (volume.model_copy(update={"kind": "shared"}),)}


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
            st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
        ),
        max_size=5,
    ),
    st.integers(1, 3),
)
def test_a_few_at_a_time_and_each_once(
    pairs: list[tuple[list[str], list[str]]], at_once: int
) -> None:
    services, there, homes = [], [], {}
    for number, (where, to) in enumerate(pairs):
        name = f"s{number}"
        services.append(service(name, replicas=len(where)))
        there.append(running(f"app_{name}", where, memory=0.1))
        homes[name] = tuple((to * 3)[: len(where)])
    seen: Scene = scene(
        fleet([server(name) for name in "abc"], services), nodes(), there, homes=homes
    )
    operation = rebalance(seen, at_once=at_once)
    moved = []
    for step in operation.steps:
        shifts = operation.facts["work"][step.id]["shifts"]
        assert 0 < len(shifts) <= at_once
        moved += [one["service"] for one in shifts]
    away = [
        f"app_s{number}"
        for number, (where, _) in enumerate(pairs)
        if Counter(where) != Counter(homes[f"s{number}"])
    ]
    assert sorted(moved) == sorted(away), "there is room for all: each goes home once"
