"""Tasks and containers that do not fit together: each fault, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quorate.fleet.observed import ObservedContainer, ObservedService, ObservedTask
from quorate.observe.deep import decide
from quorate.observe.deep_model import Check, Facts, Finding, Grade, Kind, Ran
from tests.unit.observe.deep_made import (
    CONTAINERS,
    DB,
    GIB,
    NET,
    NOW,
    SNAPSHOT,
    TASKS,
    VIRTUAL,
    WEB,
    container,
    facts,
    fleet,
    node,
    seen,
    task,
)

DOWN = (node("a"), node("b"), node("c", state="down"))


def only(found: Facts, check: Check) -> tuple[Finding, ...]:
    return tuple(finding for finding in decide(fleet(), found) if finding.check is check)


def test_a_task_that_counts_as_running_on_a_dead_node() -> None:
    (found,) = only(seen(nodes=DOWN), Check.DEAD_NODE)
    assert found.where == "c"
    assert "shop_db" in found.what
    assert found.action is not None
    assert (found.action.kind, found.action.target) == (Kind.REPLACE, "id-c")


def test_a_task_that_swarm_has_given_up_is_none() -> None:
    given_up = replace(TASKS[2], desired_state="shutdown")
    assert only(seen(nodes=DOWN, tasks=(*TASKS[:2], given_up)), Check.DEAD_NODE) == ()


@pytest.mark.parametrize(
    ("stray", "tasks", "words"),
    [
        (container("x", "a", "unknown"), TASKS, "knows no such task"),
        (container("x", "a", "d1"), TASKS, "belongs on c"),
        (
            container("x", "c", "old"),
            (*TASKS, task("old", "s-db", "c", "", state="complete", desired_state="shutdown")),
            "has ended (complete)",
        ),
    ],
)
def test_a_container_without_a_task(
    stray: ObservedContainer, tasks: tuple[ObservedTask, ...], words: str
) -> None:
    (found,) = only(seen(tasks=tasks, containers=(*CONTAINERS, stray)), Check.STRAY)
    assert (found.where, found.subject) == (stray.server, "x")
    assert words in found.what
    assert found.action is not None
    assert (found.action.kind, found.action.server) == (Kind.REMOVE, stray.server)


@pytest.mark.parametrize(
    ("item", "tasks"),
    [
        (container("x", "a", "unknown", state="exited"), TASKS),
        (container("x", "a"), TASKS),
        (
            container("x", "c", "old"),
            (*TASKS, task("old", "s-db", "c", "", desired_state="shutdown")),
        ),
        (container("x", "c", "new"), (*TASKS, task("new", "s-db", "c", "", state="starting"))),
    ],
    ids=["ended", "not Swarm's", "stopping", "starting"],
)
def test_a_container_that_is_none(item: ObservedContainer, tasks: tuple[ObservedTask, ...]) -> None:
    assert only(seen(tasks=tasks, containers=(*CONTAINERS, item)), Check.STRAY) == ()


def test_what_runs_on_a_server_that_was_given_up() -> None:
    old = replace(TASKS[2], desired_state="shutdown")
    (found,) = only(seen(nodes=DOWN, tasks=(*TASKS[:2], old)), Check.STRAY)
    assert (found.where, found.subject) == ("c", "cd1")


def test_two_tasks_with_one_address() -> None:
    twin = task("w3", "s-web", "c", DB, created_at=NOW)
    (found,) = only(seen(tasks=(*TASKS, twin)), Check.ADDRESS)
    assert (found.where, found.subject) == ("backend", f"{NET} {DB}")
    assert "shop_db on c" in found.what and "shop_web on c" in found.what
    assert found.action is not None
    assert (found.action.kind, found.action.target) == (Kind.RESTART, "shop_web")


@pytest.mark.parametrize(("address", "words"), [(WEB[0], "shop_web on a"), (VIRTUAL, "service")])
def test_a_container_with_the_address_of_another(address: str, words: str) -> None:
    other = container("x", "c", networks={NET: address})
    (found,) = only(seen(containers=(*CONTAINERS, other)), Check.ADDRESS)
    assert "n-x on c" in found.what and words in found.what


def test_one_address_in_two_networks_is_none() -> None:
    other = container("x", "c", networks={"net-2": WEB[0]})
    assert only(seen(containers=(*CONTAINERS, other)), Check.ADDRESS) == ()


def waiting(**changes: Any) -> ObservedTask:
    values = {"state": "pending", "error": "no suitable node", **changes}
    return task("w3", "s-web", None, "", **values)


def needs(**template: Any) -> tuple[ObservedService, ...]:
    web, db = SNAPSHOT.services
    return (replace(web, spec={"TaskTemplate": template}), db)


def reserving(memory: int) -> dict[str, Any]:
    return {"Resources": {"Reservations": {"MemoryBytes": memory}}}


def test_a_task_that_waits_although_there_is_room() -> None:
    constraint = {"Constraints": ["node.hostname==b"]}
    services = needs(Placement=constraint, **reserving(6 * GIB))
    (found,) = only(seen(tasks=(*TASKS, waiting()), services=services), Check.PENDING)
    assert (found.where, found.subject) == ("b", "shop_web")
    assert "no suitable node" in found.what
    assert found.action is not None and found.action.target == "shop_web"


@pytest.mark.parametrize(
    ("services", "changes"),
    [
        (needs(Placement={"Constraints": ["node.labels.x==1"]}), {}),
        (needs(**reserving(9 * GIB)), {}),
        (needs(Placement={"MaxReplicas": 1, "Constraints": ["node.hostname!=c"]}), {}),
        (needs(), {"timestamp": NOW}),
        (needs(), {"error": "no suitable node (unsupported platform on 3 nodes)"}),
        (needs(Resources={"Reservations": {"GenericResources": [{}]}}), {}),
    ],
    ids=["constraint", "memory", "max per node", "a moment", "platform", "devices"],
)
def test_a_task_that_waits_rightly(
    services: tuple[ObservedService, ...], changes: dict[str, Any]
) -> None:
    tasks = (*TASKS, waiting(**changes))
    assert only(seen(tasks=tasks, services=services), Check.PENDING) == ()


def test_what_runs_there_takes_its_room() -> None:
    large = tuple(replace(item, spec=reserving(6 * GIB)) for item in TASKS)
    found = seen(tasks=(*large, waiting()), services=needs(**reserving(3 * GIB)))
    assert only(found, Check.PENDING) == ()


def test_a_port_of_the_host_can_be_had_once() -> None:
    port = {"Ports": [{"PublishMode": "host", "PublishedPort": 80}]}
    services = tuple(replace(item, spec={"EndpointSpec": port}) for item in SNAPSHOT.services)
    assert only(seen(tasks=(*TASKS, waiting()), services=services), Check.PENDING) == ()


BOTH_ON_A = (TASKS[0], replace(TASKS[1], node_id="id-a"), TASKS[2])


def test_replicas_on_fewer_servers_than_at_home() -> None:
    (found,) = only(seen(tasks=BOTH_ON_A), Check.SKEW)
    assert (found.where, found.subject) == ("a", "shop_web")
    assert found.action is not None and found.action.kind is Kind.UP


def test_replicas_elsewhere_but_spread_are_none() -> None:
    elsewhere = (TASKS[0], replace(TASKS[1], node_id="id-c"), TASKS[2])
    assert only(seen(tasks=elsewhere), Check.SKEW) == ()


@pytest.mark.parametrize("gone", [{"state": "down"}, {"availability": "drain"}])
def test_while_a_home_is_not_there_nothing_can_be_spread(gone: dict[str, str]) -> None:
    nodes = (node("a"), node("b", **gone), node("c"))
    assert only(seen(tasks=BOTH_ON_A, nodes=nodes), Check.SKEW) == ()


OLD = container("old", "c", "d0", place="shop_db.1", volumes=("rows",))
ENDED = replace(OLD, state="exited")
STOPPING = task("d0", "s-db", "c", "", desired_state="shutdown")


def ran(start: float, end: float | None, identity: str) -> dict[str, Ran]:
    """From and to, in seconds from now."""
    until = NOW + timedelta(seconds=end) if end is not None else None
    return {identity: Ran(container=identity, since=NOW + timedelta(seconds=start), until=until)}


def on_one_volume(item: ObservedContainer, times: dict[str, Ran]) -> tuple[Finding, ...]:
    snapshot = replace(SNAPSHOT, containers=(*CONTAINERS, item), tasks=(*TASKS, STOPPING))
    return only(facts(snapshot=snapshot, ran=times), Check.VOLUME)


def test_two_that_run_on_one_volume() -> None:
    (found,) = on_one_volume(OLD, ran(-100, None, "old") | ran(-1, None, "cd1"))
    assert found.grade is Grade.FAULT
    assert "rows" in found.what
    assert found.action is not None
    assert (found.action.kind, found.action.target) == (Kind.REMOVE, "old")


def test_two_that_ran_on_one_volume_for_a_moment() -> None:
    (found,) = on_one_volume(ENDED, ran(-100, -9.1, "old") | ran(-10, None, "cd1"))
    assert (found.grade, found.action) == (Grade.NOTE, None)
    assert "for 0.9 s" in found.what


@pytest.mark.parametrize(
    ("item", "times"),
    [
        (ENDED, ran(-100, -10, "old") | ran(-9, None, "cd1")),
        (ENDED, ran(-100, -10, "old")),
        (replace(OLD, volumes=("other",)), {}),
        (replace(OLD, server="a"), {}),
        (container("o", "c", "d0", place="shop_db.2", volumes=("rows",)), {}),
    ],
    ids=["one after the other", "not told", "another volume", "another server", "another replica"],
)
def test_what_shares_no_volume(item: ObservedContainer, times: dict[str, Ran]) -> None:
    assert on_one_volume(item, times) == ()


def test_two_that_both_ended_had_it_until_the_first_end() -> None:
    other = container("e", "c", "d9", place="shop_db.1", volumes=("rows",), state="exited")
    snapshot = replace(SNAPSHOT, containers=(ENDED, other))
    times = ran(-100, -50, "old") | ran(-52, -10, "e")
    (found,) = only(facts(snapshot=snapshot, ran=times), Check.VOLUME)
    assert "for 2.0 s" in found.what
