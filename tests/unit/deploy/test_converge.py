"""Converging on a fake swarm: exact homes, free failover, and every interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy import converge as module
from quorate.deploy.converge import Engine, Goal, Outcomes, converge
from quorate.deploy.progress import Silent
from quorate.deploy.steer import Move, Wish
from quorate.stacks.model import RenderedStack
from tests.fakes.swarm import FakeSwarm, swarm_of

POOL = "node.labels.quorate.pool.aaaaaaaa==yes"
HOMES = {"web": ("a", "b"), "db": ("c",), "job": ("b",)}
LABELS = {name: {"quorate.pool.aaaaaaaa": "yes", "quorate.pool.bbbbbbbb": "yes"} for name in "ab"}
HOME = {
    "web": "node.labels.quorate.pool.bbbbbbbb==yes",
    "db": "node.hostname==c",
    "job": "node.hostname==b",
}
POOLS: dict[str, str | None] = {"web": None, "db": "node.hostname==c", "job": POOL}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0)


def stack(images: dict[str, str] | None = None) -> RenderedStack:
    def body(name: str) -> dict[str, Any]:
        constraint = POOLS[name]
        placement = {"constraints": [constraint]} if constraint else {}
        return {
            "image": (images or {}).get(name, f"{name}:1"),
            "deploy": {"replicas": len(HOMES[name]), "placement": placement},
        }

    return RenderedStack(name="x", document={"services": {name: body(name) for name in HOMES}})


def goal(changed: set[str] | None = None, images: dict[str, str] | None = None) -> Goal:
    wishes = tuple(
        Wish(
            swarm_name=f"x_{name}",
            homes=homes,
            home_constraint=HOME[name],
            pool_constraint=POOLS[name],
            changed=name in (changed or set()),
        )
        for name, homes in HOMES.items()
    )
    return Goal(stacks=(stack(images),), wishes=wishes, patience={}, default_patience=20)


def run(swarm: FakeSwarm, wanted: Goal) -> Outcomes:
    engine = Engine(
        deploy=swarm.deploy, spread=swarm.spread, remove=swarm.remove, observe=swarm.observe
    )
    return converge(wanted, engine=engine, report=Silent())


def is_home_and_free(swarm: FakeSwarm) -> bool:
    for name, homes in HOMES.items():
        if swarm.where(f"x_{name}") != sorted(homes):
            return False
        template = swarm.services[f"x_{name}"].spec["TaskTemplate"]
        expected = [POOLS[name]] if POOLS[name] else []
        if template["Placement"]["Constraints"] != expected:
            return False
    return True


def test_from_nothing_to_home_and_free() -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    assert not run(swarm, goal()).failed
    assert is_home_and_free(swarm)


def test_a_second_run_starts_nothing() -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    run(swarm, goal())
    starts = swarm.starts
    outcomes = run(swarm, goal())
    assert set(outcomes.moves.values()) == {Move.NOTHING}
    assert swarm.starts == starts


def test_after_a_loss_and_a_return_everything_goes_home() -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    run(swarm, goal())
    swarm.lose("b")
    assert swarm.where("x_job") == ["a"]
    swarm.back("b")
    assert not is_home_and_free(swarm)
    run(swarm, goal())
    assert is_home_and_free(swarm)


def test_replicas_that_cluster_after_a_return_are_spread_again() -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    run(swarm, goal())
    swarm.lose("a")
    swarm.lose("c")
    assert swarm.where("x_web") == ["b", "b"]
    swarm.back("a")
    swarm.back("c")
    run(swarm, goal())
    assert swarm.where("x_web") == ["a", "b"]


def test_the_maximum_that_spreading_sets_does_not_stay() -> None:
    """It stood in the way of a failover where a service's homes are all of its pool."""
    swarm = swarm_of("a", "b")
    everywhere = Goal(
        stacks=(RenderedStack(name="x", document={"services": {"web": stack_body()}}),),
        wishes=(
            Wish(swarm_name="x_web", homes=("a", "b"), home_constraint=None, pool_constraint=None),
        ),
        patience={},
        default_patience=20,
    )
    run(swarm, everywhere)
    swarm.lose("b")
    swarm.back("b")
    assert swarm.where("x_web") == ["a", "a"]
    run(swarm, everywhere)
    assert swarm.where("x_web") == ["a", "b"]
    placement = swarm.services["x_web"].spec["TaskTemplate"]["Placement"]
    assert "MaxReplicas" not in placement


def stack_body() -> dict[str, Any]:
    return {"image": "web:1", "deploy": {"replicas": 2}}


def test_a_broken_service_fails_and_the_rest_goes_on() -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    swarm.broken.add("job:2")
    outcomes = run(swarm, goal(images={"job": "job:2"}))
    assert [verdict.swarm_name for verdict in outcomes.failed] == ["x_job"]
    assert outcomes.failed[0].detail == "exit (1)"
    assert swarm.where("x_web") == ["a", "b"]


@given(at=st.integers(min_value=1, max_value=12), lost=st.sampled_from(["", "a", "b", "c"]))
def test_interrupted_anywhere_then_run_again_converges(at: int, lost: str) -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    swarm.interrupt_at = at
    try:
        run(swarm, goal())
    except KeyboardInterrupt:
        if lost:
            swarm.lose(lost)
            swarm.back(lost)
    swarm.interrupt_at = None
    run(swarm, goal())
    assert is_home_and_free(swarm)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_stack_that_the_fleet_file_has_no_more_is_removed(foreign: bool) -> None:
    swarm = swarm_of("a", "b", "c", labels=LABELS)
    run(swarm, goal())
    document = {"services": {"api": {"image": "api:1"}, "own": {"image": "own:1"}}}
    swarm.deploy("old", document)
    for name in ("old_api", "old_own"):
        swarm.services[name] = replace(swarm.services[name], stack="old")
    asked: list[tuple[list[str], str | None]] = []

    def remove(names: Sequence[str], *, stack: str | None) -> None:
        asked.append((list(names), stack))
        swarm.remove(names, stack=stack)

    engine = Engine(deploy=swarm.deploy, spread=swarm.spread, remove=remove, observe=swarm.observe)
    gone = ("old_api",) if foreign else ("old_api", "old_own")
    converge(replace(goal(), removed=gone), engine=engine, report=Silent())
    # What somebody else has put into a stack of that name stays.
    assert asked == [(list(gone), None if foreign else "old")]
    assert ("old_own" in swarm.services) is foreign and "old_api" not in swarm.services
    assert is_home_and_free(swarm)
