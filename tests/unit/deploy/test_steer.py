"""Steering decisions: a table of situations, and the invariant under interruption."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from quorate.deploy.steer import Move, Wish, decide
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOME = "node.hostname==a"
POOL = "node.labels.quorate.pool.12345678==yes"


def snapshot(
    *,
    on: tuple[str, ...] = (),
    constraints: tuple[str, ...] = (),
    down: tuple[str, ...] = (),
    drained: tuple[str, ...] = (),
) -> Snapshot:
    """A swarm of a, b, c with one service whose tasks run on the servers of `on`."""
    nodes = tuple(
        ObservedNode(
            id=name * 3,
            hostname=name,
            state="down" if name in down else "ready",
            availability="drain" if name in drained else "active",
        )
        for name in "abc"
    )
    spec: dict[str, Any] = {"TaskTemplate": {"Placement": {"Constraints": list(constraints)}}}
    service = ObservedService(id="s1", name="web_x", replicas=len(on), spec=spec)
    tasks = tuple(
        ObservedTask(
            id=f"t{index}",
            service_id="s1",
            node_id=name * 3,
            state="running",
            desired_state="running",
        )
        for index, name in enumerate(on)
    )
    return Snapshot(taken_at=NOW, nodes=nodes, services=(service,), tasks=tasks)


def wish(**changes: Any) -> Wish:
    values: dict[str, Any] = {
        "swarm_name": "web_x",
        "homes": ("a",),
        "home_constraint": HOME,
        "pool_constraint": POOL,
    }
    return Wish(**{**values, **changes})


@pytest.mark.parametrize(
    ("situation", "seen", "wanted", "move"),
    [
        ("not there yet", Snapshot(taken_at=NOW, nodes=snapshot().nodes), wish(), Move.PLACE),
        ("home and free", snapshot(on=("a",), constraints=(POOL,)), wish(), Move.NOTHING),
        ("home but held", snapshot(on=("a",), constraints=(HOME,)), wish(), Move.RELAX),
        ("away", snapshot(on=("b",), constraints=(POOL,)), wish(), Move.PLACE),
        ("away, home is down", snapshot(on=("b",), constraints=(POOL,), down=("a",)), wish(),
         Move.NOTHING),
        ("away, home is drained", snapshot(on=("b",), constraints=(POOL,), drained=("a",)), wish(),
         Move.NOTHING),
        ("changed, home is drained", snapshot(on=("b",), constraints=(POOL,), drained=("a",)),
         wish(changed=True), Move.POOL),
        ("held, home is down", snapshot(on=("a",), constraints=(HOME,), down=("a",)), wish(),
         Move.POOL),
        ("changed", snapshot(on=("a",), constraints=(POOL,)), wish(changed=True), Move.PLACE),
        ("changed, home is down", snapshot(on=("b",), constraints=(POOL,), down=("a",)),
         wish(changed=True), Move.POOL),
        ("pinned and home", snapshot(on=("a",), constraints=(HOME,)), wish(pool_constraint=HOME),
         Move.NOTHING),
        ("two replicas, one away", snapshot(on=("a", "c"), constraints=(POOL,)),
         wish(homes=("a", "b")), Move.PLACE),
        ("global everywhere", snapshot(on=("a", "b", "c")),
         wish(homes=("a", "b", "c"), home_constraint=None, pool_constraint=None, is_global=True),
         Move.NOTHING),
        ("any server will do, still held", snapshot(on=("a",), constraints=(HOME,)),
         wish(pool_constraint=None), Move.RELAX),
        ("blanks in the live constraint",
         snapshot(on=("a",), constraints=("node.labels.quorate.pool.12345678 == yes",)), wish(),
         Move.NOTHING),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else None,
)  # fmt: skip
def test_decide(situation: str, seen: Snapshot, wanted: Wish, move: Move) -> None:
    assert decide(wanted, seen) is move, situation


def test_an_update_under_way_is_waited_for() -> None:
    """A run killed after handing over leaves one: its tasks may yet start anywhere in the pool."""
    seen = snapshot(on=("a",), constraints=(HOME,))
    updating = replace(seen, services=(replace(seen.services[0], update_state="updating"),))
    assert decide(wish(), updating) is Move.WAIT


@pytest.mark.parametrize("where", ["a", "b", "c"])
@pytest.mark.parametrize("held", [HOME, POOL])
def test_every_interrupted_state_converges(where: str, held: str) -> None:
    """From any state a killed run can leave, following the moves ends at home and free."""
    on, constraint = (where,), held
    for _ in range(3):
        move = decide(wish(), snapshot(on=on, constraints=(constraint,)))
        if move is Move.NOTHING:
            break
        if move is Move.PLACE:
            on, constraint = ("a",), HOME
        elif move is Move.RELAX:
            constraint = POOL
    assert (on, constraint) == (("a",), POOL)
