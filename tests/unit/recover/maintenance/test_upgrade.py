"""Engines one after the other: the order, the gate, what stops it from beginning."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.errors import RefusedError, UsageError
from quorate.fleet.model import Role
from quorate.recover.maintenance.drain import Options
from quorate.recover.maintenance.scene import Scene
from quorate.recover.maintenance.upgrade import choose_upgrade, order, troubles
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.recover.maintenance.small_swarm import node, running, scene

ROLES = {"a": Role.MANAGER, "b": Role.MANAGER, "c": Role.MANAGER, "d": Role.WORKER}


def seen(*more: Any, services: Any = (), **changes: dict[str, Any]) -> Scene:
    plain: dict[str, dict[str, Any]] = {"a": {"leader": True}, "d": {"role": "worker"}}
    whole = fleet(
        [server(name, role=role) for name, role in ROLES.items()],
        [service("web", replicas=2), *services],
    )
    nodes = [node(name, **{**plain.get(name, {}), **changes.get(name, {})}) for name in ROLES]
    return scene(whole, nodes, [running("app_web", ["a", "d"]), *more])


def test_workers_first_and_the_leader_last() -> None:
    assert order(seen(), ()) == ["d", "b", "c", "a"]
    assert order(seen(), ["a", "d", "a"]) == ["d", "a"]


def test_each_server_goes_through_a_gate_out_up_and_back() -> None:
    operation = choose_upgrade(seen(), (), Options(), script="true\n")
    assert [one.id for one in operation.steps[:4]] == ["gate-d", "out-d", "engine-d", "back-d"]
    assert len(operation.steps) == 16 and operation.steps[-1].id == "back-a"
    assert operation.facts["work"]["engine-a"]["script"] == "true\n"


def test_it_does_not_begin_where_one_server_could_not_be_drained() -> None:
    there = running("app_db", ["c"])
    scene = seen(there, services=[service("db", pins=("c",), **data())])
    with pytest.raises(RefusedError, match="app_db"):
        choose_upgrade(scene, (), Options(), script="true\n")
    choose_upgrade(scene, ["d"], Options(), script="true\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"b": {"state": "down"}}, "b is not ready"),
        ({"b": {"availability": "pause"}}, "b is pause"),
        ({"b": {"role": "worker", "reachability": None}}, "b is a worker"),
        ({"b": {"reachability": "unreachable"}}, "b cannot be reached"),
    ],
)
def test_it_does_not_begin_while_something_is_not_whole(changes: Any, said: str) -> None:
    assert any(said in one for one in troubles(seen(**changes)))
    with pytest.raises(UsageError, match="it is not"):
        choose_upgrade(seen(**changes), (), Options(), script="true\n")


def test_a_service_with_a_task_too_few_is_not_whole() -> None:
    short = running("app_api", ["a"])
    short[0]["Mode"]["Replicated"]["Replicas"] = 2
    assert troubles(seen(short)) == ["app_api: 1 of 2 run"]
    assert troubles(seen()) == []
