"""What an observation gives as metrics, and what is left out where it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quorate.errors import EngineError, NoQuorumError, QuorateError, UnreachableError
from quorate.fleet.observed import ObservedNode, Snapshot
from quorate.observe.deep_model import Clock, Disk, ServerFacts, Settings, Validity
from quorate.observe.gather import Gathered
from quorate.observe.samples import Seen, nothing_yet, samples
from quorate.observe.standing import assess
from tests.unit.observe.deep_made import GIB, NOW, SNAPSHOT, fleet, node, server, task

HOMES = {"web": ("a", "b"), "db": ("c",)}
WEB, DB = ("web", "shop_web", "production"), ("db", "shop_db", "production")
RIGHT = Settings(heartbeat=5.0, task_history=5)

Found = Mapping[tuple[str, ...], float]


def managers(**reachability: str) -> tuple[ObservedNode, ...]:
    """Three managers, `a` their leader; reachable unless told."""
    return tuple(
        node(name, leader=name == "a", reachability=reachability.get(name, "reachable"))
        for name in "abc"
    )


def look(
    snapshot: Snapshot | None = None,
    *,
    swarm: bool = True,
    why: QuorateError | None = None,
    settings: Settings | None = RIGHT,
    servers: Mapping[str, ServerFacts] | None = None,
) -> Found:
    """(Metric, its labels but the fleet's …) → its value."""
    snapshot = snapshot or replace(SNAPSHOT, nodes=managers())
    gathered = Gathered(snapshot=snapshot, swarm=swarm, why=why)
    found = samples(
        Seen(
            fleet=fleet(),
            gathered=gathered,
            standing=assess(fleet(), gathered, HOMES),
            settings=settings,
            servers={name: server(name) for name in "abc"} if servers is None else servers,
            began=1000.5,
            took=0.25,
        )
    )
    assert {sample.labels[0] for sample in found} == {fleet().name}
    keys = [(s.metric.name.removeprefix("quorate_"), *s.labels[1:]) for s in found]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (sample.value for sample in found), strict=True))


def changed(**changes: Any) -> Snapshot:
    return replace(SNAPSHOT, **{"nodes": managers(), **changes})


def test_a_swarm_that_is_well() -> None:
    found = look()
    assert found["observation_ok",] == found["quorum",] == 1
    assert found["observed_timestamp_seconds",] == 1000.5
    assert found["observation_duration_seconds",] == 0.25
    assert [found[n,] for n in ("managers", "managers_reachable", "managers_needed")] == [3, 3, 2]
    assert (found["quorum_margin",], found["managers_answering",]) == (1, 3)
    assert [found["leader", name] for name in "abc"] == [1, 0, 0]
    assert [found["manager_reachable", name] for name in "abc"] == [1, 1, 1]
    assert [found["node_up", name, "manager"] for name in "abc"] == [1, 1, 1]
    assert [found["server_answers", name] for name in "abc"] == [1, 1, 1]
    assert [found[f"service_tasks_{n}", *WEB] for n in ("wanted", "running", "pending")] == [
        *(2, 2, 0)
    ]
    assert found["service_healthy", *WEB] == 1
    assert found["service_away", *WEB] == 0
    assert found["settings_drift", "dispatcher heartbeat"] == 0


@pytest.mark.parametrize(("state", "up"), [("ready", 1), ("down", 0), ("unknown", 0)])
def test_a_node_is_up_when_it_is_ready(state: str, up: int) -> None:
    nodes = (*managers()[:2], node("c", state=state, reachability="reachable"))
    assert look(changed(nodes=nodes))["node_up", "c", "manager"] == up


@pytest.mark.parametrize("availability", ["drain", "pause"])
def test_a_node_that_is_drained_is_up(availability: str) -> None:
    nodes = (*managers()[:2], node("c", availability=availability, reachability="reachable"))
    assert look(changed(nodes=nodes))["node_up", "c", "manager"] == 1


def test_a_server_that_never_joined_is_not_up() -> None:
    assert look(changed(nodes=managers()[:2]))["node_up", "c", "manager"] == 0


def test_one_manager_lost_leaves_no_margin() -> None:
    found = look(changed(nodes=managers(b="unreachable")))
    assert (found["managers_reachable",], found["quorum_margin",]) == (2, 0)
    assert found["manager_reachable", "b"] == 0
    assert found["quorum",] == 1


def test_dead_entries_of_managers_count_for_the_quorum() -> None:
    """A server that joined anew: its old entry still has a vote."""
    old = node("c", id="old", state="down", reachability="unreachable")
    found = look(changed(nodes=(*managers(), old)))
    assert [found[n,] for n in ("managers", "managers_reachable", "managers_needed")] == [4, 3, 3]
    assert found["quorum_margin",] == 0
    assert (found["node_up", "c", "manager"], found["manager_reachable", "c"]) == (1, 1)


@pytest.mark.parametrize(
    ("why", "quorum"),
    [
        (NoQuorumError("the swarm has no quorum: a finds no leader"), 0),
        (UnreachableError("no manager of the fleet answers"), None),
        (EngineError("a is not in a swarm (its state is inactive)"), None),
    ],
)
def test_without_a_swarm_only_what_is_known_is_told(why: QuorateError, quorum: int | None) -> None:
    silent = {"b": "does not answer", "c": "does not answer"}
    found = look(Snapshot(taken_at=NOW, unreachable=silent), swarm=False, why=why, settings=None)
    assert found["observation_ok",] == 0
    assert found.get(("quorum",)) == quorum
    assert found["managers_answering",] == 1
    assert [found["server_answers", name] for name in "abc"] == [1, 0, 0]
    unknown = ("node", "service", "leader", "manager_", "managers_n", "settings", "quorum_")
    assert [key for key in found if key[0].startswith(unknown)] == []
    # Servers that are silent now may be no longer as they last said.
    assert [key[1] for key in found if key[0] == "disk_free_bytes"] == ["a"]


def test_a_service_that_waits() -> None:
    waiting = task("d1", "s-db", None, "", state="pending", error="no suitable node")
    tasks = (*SNAPSHOT.tasks[:2], waiting)
    found = look(changed(tasks=tasks))
    assert [found[f"service_tasks_{n}", *DB] for n in ("wanted", "running", "pending")] == [
        *(1, 0, 1)
    ]
    assert found["service_healthy", *DB] == 0
    assert ("service_away", *DB) not in found


def test_one_that_waits_to_be_removed_does_not_count() -> None:
    gone = task("d2", "s-db", None, "", state="pending", desired_state="shutdown")
    assert look(changed(tasks=(*SNAPSHOT.tasks, gone)))["service_tasks_pending", *DB] == 0


def test_a_service_away_from_home() -> None:
    tasks = (*SNAPSHOT.tasks[:2], task("d1", "s-db", "a", "10.0.1.21"))
    found = look(changed(tasks=tasks))
    assert (found["service_away", *DB], found["service_healthy", *DB]) == (1, 1)


def test_a_service_that_is_not_deployed_is_wanted_all_the_same() -> None:
    found = look(changed(services=SNAPSHOT.services[1:]))
    assert [found[f"service_tasks_{n}", *WEB] for n in ("wanted", "running", "pending")] == [
        *(2, 0, 0)
    ]
    assert found["service_healthy", *WEB] == 0


@pytest.mark.parametrize(
    ("settings", "drifted"),
    [
        (Settings(heartbeat=7.0, task_history=5), [1, 0]),
        (Settings(heartbeat=5.0, task_history=None), [0, 1]),
    ],
)
def test_settings_that_drifted(settings: Settings, drifted: list[int]) -> None:
    found = look(settings=settings)
    assert [found["settings_drift", s] for s in ("dispatcher heartbeat", "task history")] == drifted


def test_what_servers_tell_of_themselves() -> None:
    valid = Validity(since=NOW, until=NOW + timedelta(days=90))
    disk = Disk(path="/x", size=100 * GIB, free=25 * GIB)
    told = {"a": server("a", disk=disk, raft=4096, certificate=valid), "b": server("b")}
    found = look(servers=told)
    assert found["disk_free_bytes", "a"] == 25 * GIB
    assert found["disk_free_ratio", "a"] == 0.25
    assert found["raft_bytes", "a"] == 4096
    assert ("raft_bytes", "b") not in found
    assert found["certificate_start_timestamp_seconds", "a"] == NOW.timestamp()
    assert found["certificate_expiry_timestamp_seconds", "a"] == NOW.timestamp() + 90 * 86400


def test_clocks_are_compared_with_the_middle_one() -> None:
    told = {
        name: server(name, clock=Clock(ahead=ahead, error=0.01))
        for name, ahead in {"a": 5.0, "b": 5.1, "c": 2.0}.items()
    }
    found = look(servers=told)
    assert [found["clock_skew_seconds", name] for name in "abc"] == [0.0, 0.1, -3.0]
    assert found["clock_skew_error_seconds", "c"] == 0.02


def test_one_clock_alone_cannot_be_wrong() -> None:
    assert [k for k in look(servers={"a": server("a")}) if k[0].startswith("clock")] == []


def test_what_a_server_does_not_tell_is_left_out() -> None:
    found = look(servers={"a": ServerFacts(server="a")})
    assert [k for k in found if k[0].startswith(("disk", "raft", "certificate", "clock"))] == []


def test_before_the_first_look() -> None:
    (sample,) = nothing_yet(fleet())
    assert (sample.metric.name, sample.value) == ("quorate_observation_ok", 0.0)
