"""When a service counts as healthy, waiting or failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.deploy.failures import advise
from quorate.deploy.settle import Expectation, Outcome, judge
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = {"ContainerSpec": {"Image": "web:2"}}
OLD = {"ContainerSpec": {"Image": "web:1"}}


def task(identity: str, node: str = "a", **changes: Any) -> ObservedTask:
    values: dict[str, Any] = {
        "id": identity,
        "service_id": "s",
        "node_id": node,
        "state": "running",
        "desired_state": "running",
        "spec": NEW,
        "timestamp": NOW,
    }
    return ObservedTask(**{**values, **changes})


def snapshot(*tasks: ObservedTask, replicas: int = 1, **service: Any) -> Snapshot:
    nodes = tuple(ObservedNode(id=name, hostname=name, state="ready") for name in "ab")
    spec = {"TaskTemplate": {**NEW, "Placement": {}}}
    observed = ObservedService(id="s", name="x_web", replicas=replicas, spec=spec, **service)
    return Snapshot(taken_at=NOW, nodes=nodes, services=(observed,), tasks=tasks)


EXPECTED = Expectation(swarm_name="x_web", since=NOW, held_at=frozenset("a"), patience=60)


def test_healthy_when_every_wanted_task_runs_at_home() -> None:
    assert judge(EXPECTED, snapshot(task("1"))).outcome is Outcome.HEALTHY


def test_a_task_on_a_dead_node_does_not_count() -> None:
    seen = snapshot(task("1"))
    dead = replace(seen, nodes=(ObservedNode(id="a", hostname="a", state="down"),))
    assert judge(EXPECTED, dead).outcome is Outcome.WAITING


def test_a_task_of_the_former_version_does_not_count() -> None:
    assert judge(EXPECTED, snapshot(task("1", spec=OLD))).outcome is Outcome.WAITING


def test_a_task_away_from_home_does_not_count() -> None:
    assert judge(EXPECTED, snapshot(task("1", node="b"))).outcome is Outcome.WAITING


def test_starting_is_not_healthy() -> None:
    verdict = judge(EXPECTED, snapshot(task("1", state="starting")))
    assert (verdict.outcome, verdict.phase) == (Outcome.WAITING, "starting")


def test_an_update_under_way_is_not_settled() -> None:
    assert judge(EXPECTED, snapshot(task("1"), update_state="updating")).outcome is Outcome.WAITING


def test_a_rolled_back_update_is_a_failure_in_swarms_words() -> None:
    seen = snapshot(
        task("1", spec=OLD), update_state="rollback_completed", update_message="rolled back"
    )
    verdict = judge(EXPECTED, seen)
    assert verdict.outcome is Outcome.FAILED
    assert "rolled back" in verdict.detail


def test_repeated_failures_end_the_wait_with_the_last_error() -> None:
    failed = [
        task(str(n), state="failed", desired_state="shutdown", error="exit (1)") for n in range(4)
    ]
    verdict = judge(EXPECTED, snapshot(*failed))
    assert (verdict.outcome, verdict.detail) == (Outcome.FAILED, "exit (1)")


def test_failures_before_this_deployment_are_forgotten() -> None:
    earlier = NOW - timedelta(hours=1)
    failed = [task(str(n), state="failed", desired_state="shutdown", timestamp=earlier)
              for n in range(9)]  # fmt: skip
    assert judge(EXPECTED, snapshot(*failed, task("ok"))).outcome is Outcome.HEALTHY


def test_patience_ends() -> None:
    seen = snapshot(task("1", state="pending", error="no suitable node"))
    late = replace(seen, taken_at=NOW + timedelta(seconds=61))
    assert judge(EXPECTED, late).outcome is Outcome.FAILED


def test_global_counts_the_ready_nodes_it_may_run_on() -> None:
    spec = {"TaskTemplate": {**NEW, "Placement": {"Constraints": ["node.hostname!=b"]}}}
    service = ObservedService(id="s", name="x_web", mode="global", spec=spec)
    seen = replace(snapshot(task("1")), services=(service,))
    verdict = judge(replace(EXPECTED, held_at=None), seen)
    assert (verdict.outcome, verdict.desired) == (Outcome.HEALTHY, 1)


def test_advice_follows_swarms_words() -> None:
    assert "reservation" in advise("no suitable node (insufficient resources on 3 nodes)")
    assert "registry" in advise("No such image: web:9")
