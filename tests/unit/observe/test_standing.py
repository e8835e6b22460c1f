"""What is wrong with a fleet, in what order, and in whose words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quorate.errors import EngineError
from quorate.fleet.backup import Backup, Controller, Repository
from quorate.fleet.base import SecretSource
from quorate.fleet.model import Engine, Fleet, Role, Stack
from quorate.fleet.observed import (
    ObservedContainer,
    ObservedNode,
    ObservedService,
    ObservedTask,
    Snapshot,
)
from quorate.observe.gather import Gathered
from quorate.observe.health import Condition
from quorate.observe.servers import ServerState
from quorate.observe.standing import Gravity, Standing, assess
from tests.fakes.fleets import DIRECTORY, make_fleet, make_server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 1024**3


def fleet(**service: Any) -> Fleet:
    roles = {"a": Role.MANAGER, "b": Role.MANAGER, "c": Role.MANAGER}
    servers = [make_server(name, role=role) for name, role in roles.items()]
    return make_fleet({"web": {"services": {"front": service}}}, servers=servers)


def node(name: str, **changes: Any) -> ObservedNode:
    values: dict[str, Any] = {
        "id": f"id-{name}",
        "hostname": name,
        "role": "manager",
        "state": "ready",
        "reachability": "reachable",
        "cpus": 4.0,
        "memory": 8 * GIB,
    }
    return ObservedNode(**{**values, **changes})


def task(number: int, where: str = "a", **changes: Any) -> ObservedTask:
    values: dict[str, Any] = {
        "id": f"t{number}",
        "service_id": "s",
        "node_id": f"id-{where}",
        "state": "running",
        "desired_state": "running",
        "message": "wait",
        "timestamp": NOW,
    }
    return ObservedTask(**{**values, **changes})


def failed(number: int, error: str = "exit (1)", ago: float = 0, **changes: Any) -> ObservedTask:
    when = NOW - timedelta(seconds=ago)
    values = {"state": "failed", "desired_state": "shutdown", "error": error, "timestamp": when}
    return task(number, **{**values, **changes})


def seen(*tasks: ObservedTask, **service: Any) -> Snapshot:
    values: dict[str, Any] = {"id": "s", "name": "web_front", "replicas": 1}
    return Snapshot(
        taken_at=NOW,
        nodes=(node("a", leader=True), node("b"), node("c")),
        services=(ObservedService(**{**values, **service}),),
        tasks=tasks,
    )


def stand(snapshot: Snapshot, homes: tuple[str, ...] | None = None) -> Standing:
    known = {"front": homes} if homes else None
    return assess(fleet(), Gathered(snapshot=snapshot, swarm=True), known)


def test_all_well_says_nothing() -> None:
    standing = stand(seen(task(1)), ("a",))
    assert (standing.healthy, standing.troubles) == (1, ())
    assert standing.services[0].at_home is True


@pytest.mark.parametrize(
    ("snapshot", "condition", "words"),
    [
        (seen(task(1)), Condition.HEALTHY, ""),
        (seen(task(1, state="starting")), Condition.STARTING, "starting: wait"),
        (
            seen(task(1, state="pending", node_id=None, error="no suitable node")),
            Condition.PENDING,
            "no suitable node",
        ),
        (
            seen(failed(1, ago=9), failed(2, "exit (2)"), task(3, state="ready")),
            Condition.FAILING,
            "exit (2)",
        ),
        (
            seen(failed(1, ago=3600), task(2, state="preparing")),
            Condition.STARTING,
            "preparing: wait",
        ),
        (seen(), Condition.FAILING, "no task is running"),
        (seen(replicas=0), Condition.STOPPED, ""),
        (seen(task(1, state="complete"), mode="replicated-job"), Condition.DONE, ""),
        (
            seen(
                task(1, state="complete", desired_state="shutdown"),
                spec={"TaskTemplate": {"RestartPolicy": {"Condition": "none"}}},
            ),
            Condition.DONE,
            "",
        ),
    ],
)
def test_conditions_and_words(snapshot: Snapshot, condition: Condition, words: str) -> None:
    (service,) = stand(snapshot).services
    assert (service.condition, service.words) == (condition, words)


def test_a_task_on_a_dead_node_is_not_running() -> None:
    snapshot = seen(task(1))
    dead = replace(snapshot, nodes=(node("a", state="down"), node("b"), node("c")))
    standing = stand(dead)
    assert (standing.services[0].running, standing.services[0].condition.good) == (0, False)
    assert standing.servers[0].state is ServerState.DOWN


def test_a_global_service_is_wanted_on_ready_nodes_that_it_may_use() -> None:
    spec = {"TaskTemplate": {"Placement": {"Constraints": ["node.hostname != c"]}}}
    snapshot = seen(task(1), mode="global", replicas=None, spec=spec)
    (service,) = stand(snapshot).services
    assert (service.running, service.desired) == (1, 2)


def test_worst_comes_first() -> None:
    snapshot = replace(
        seen(),
        nodes=(node("a", availability="drain"), node("b"), node("c", state="down")),
    )
    standing = stand(snapshot)
    assert [t.subject for t in standing.troubles] == ["front", "c", "a"]
    assert [t.gravity for t in standing.troubles] == sorted(
        (t.gravity for t in standing.troubles), reverse=True
    )


def test_one_more_manager_lost_would_end_the_quorum() -> None:
    nodes = (node("a"), node("b"), node("c", state="down", reachability="unreachable"))
    standing = stand(replace(seen(task(1)), nodes=nodes))
    assert any("ends the quorum" in trouble.what for trouble in standing.troubles)


def test_away_from_home_is_told_with_both_places() -> None:
    standing = stand(seen(task(1, "b")), ("a",))
    (trouble,) = standing.troubles
    assert (trouble.gravity, "on b" in trouble.what, "home is a" in trouble.what) == (
        Gravity.MINOR,
        True,
        True,
    )


def test_flapping_is_told_though_it_runs() -> None:
    snapshot = seen(task(4), failed(1), failed(2), failed(3, "exit (9)"))
    (trouble,) = stand(snapshot).troubles
    assert "failed 3 times" in trouble.what and trouble.gravity is Gravity.SERIOUS


def test_failures_are_over_once_it_has_run_for_a_while() -> None:
    steady = task(4, timestamp=NOW - timedelta(minutes=3))
    standing = stand(seen(steady, failed(1), failed(2), failed(3)))
    assert (standing.troubles, standing.services[0].failures) == ((), 0)


def test_reservations_count_until_a_task_has_ended() -> None:
    spec = {"Resources": {"Reservations": {"MemoryBytes": GIB, "NanoCPUs": 500_000_000}}}
    states = ("running", "preparing", "pending", "failed", "complete")
    snapshot = seen(*(task(n, state=state, spec=spec) for n, state in enumerate(states)))
    server = stand(snapshot).servers[0]
    assert (server.reserved_memory, server.reserved_cpus) == (2 * GIB, 1.0)


def test_without_a_quorum_the_containers_still_tell() -> None:
    why = EngineError("the swarm has no quorum: a finds no leader", todo="power them on")
    running = ObservedContainer(
        id="1",
        name="web_front.1",
        server="a",
        state="running",
        labels={"com.docker.swarm.service.name": "web_front"},
    )
    snapshot = Snapshot(taken_at=NOW, containers=(running,), unreachable={"b": "b is off"})
    standing = assess(fleet(), Gathered(snapshot=snapshot, swarm=False, why=why))
    (service,) = standing.services
    assert (service.condition, service.where) == (Condition.UNKNOWN, ("a",))
    assert "no quorum" in standing.troubles[0].what
    assert any(trouble.subject == "b" for trouble in standing.troubles)


def with_compose() -> Fleet:
    made = make_fleet({"mail": {"services": {"smtp": {}, "imap": {}}}}, servers=[make_server("a")])
    stack = Stack(name="mail", files=(DIRECTORY / "mail.yaml",), engine=Engine.COMPOSE, server="a")
    services = tuple(s.model_copy(update={"engine": Engine.COMPOSE}) for s in made.services)
    return made.model_copy(update={"stacks": (stack,), "services": services})


@pytest.mark.parametrize(
    ("states", "unreachable", "said"),
    [
        ({"smtp": "running", "imap": "running"}, {}, None),
        ({"smtp": "running", "imap": "exited"}, {}, "stopped or unhealthy: imap"),
        ({}, {}, "no container"),
        ({}, {"a": "off"}, "does not move"),
    ],
)
def test_compose_stacks(
    states: dict[str, str], unreachable: dict[str, str], said: str | None
) -> None:
    containers = tuple(
        ObservedContainer(
            id=n, name=n, server="a", state=state, compose_project="mail", compose_service=n
        )
        for n, state in states.items()
    )
    snapshot = Snapshot(
        taken_at=NOW, nodes=(node("a"),), containers=containers, unreachable=unreachable
    )
    standing = assess(with_compose(), Gathered(snapshot=snapshot, swarm=True))
    told = [t.what for t in standing.troubles if t.subject.startswith("mail")]
    assert (said is None and not told) or (said is not None and said in told[0])


def test_services_no_longer_in_the_files_are_told() -> None:
    old = ObservedService(id="o", name="web_old", labels={"quorate.fleet": "office"})
    foreign = ObservedService(id="f", name="theirs")
    snapshot = seen(task(1))
    standing = stand(replace(snapshot, services=(*snapshot.services, old, foreign)))
    assert standing.strangers == ("theirs", "web_old")
    assert [trouble.subject for trouble in standing.troubles] == ["web_old"]


def own(name: str, **labels: str) -> ObservedService:
    return ObservedService(
        id=f"id-{name}", name=name, replicas=1, labels={"quorate.job.fleet": fleet().name, **labels}
    )


def with_repository() -> Fleet:
    repository = Repository(name="near", place="local", password=SecretSource(environment="P"))
    return fleet().model_copy(update={"backup": Backup(repositories=(repository,))})


def test_the_controller_is_looked_for_where_there_are_repositories() -> None:
    gathered = Gathered(snapshot=seen(task(1)), swarm=True)
    (trouble,) = assess(with_repository(), gathered).troubles
    assert trouble.subject == "quorate-controller"
    assert "not deployed" in trouble.what and "`quorate up`" in trouble.todo
    assert assess(fleet(), gathered).troubles == ()
    off = with_repository().backup.model_copy(update={"controller": Controller(on=False)})
    without = with_repository().model_copy(update={"backup": off})
    assert assess(without, gathered).troubles == ()


def test_own_services_are_shown_and_are_no_strangers() -> None:
    found = seen(task(1))
    name = "quorate-controller"
    controller = own(name, **{"quorate.serve": "office"})
    receiver = own("quorate-wal-db", **{"quorate.wal": "db"})
    running = replace(task(2), service_id=f"id-{name}")
    snapshot = replace(
        found,
        services=(*found.services, controller, receiver, own("quorate-store-near")),
        tasks=(*found.tasks, running),
    )
    found_own = assess(with_repository(), Gathered(snapshot=snapshot, swarm=True))
    assert [(one.name, one.where) for one in found_own.own] == [
        (name, ("a",)),
        ("quorate-wal-db", ()),
    ]
    assert found_own.strangers == ()
    (trouble,) = found_own.troubles
    assert (trouble.subject, trouble.what) == ("quorate-wal-db", "does not run")
