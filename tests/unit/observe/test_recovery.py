"""Who is hit by the loss of a server, and who is back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.observe.recovery import affected_by, meets, running_again

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(
    on: str, *, constraints: tuple[str, ...] = (), most: int = 0, mode: str = "replicated"
) -> Snapshot:
    """Nodes a, b, c; one service with a task on each letter of `on`."""
    placement: dict[str, Any] = {"Constraints": list(constraints), "MaxReplicas": most}
    service = ObservedService(
        id="s", name="x_web", mode=mode, spec={"TaskTemplate": {"Placement": placement}}
    )
    tasks = tuple(
        ObservedTask(
            id=str(index), service_id="s", node_id=name, state="running", desired_state="running"
        )
        for index, name in enumerate(on)
    )
    nodes = tuple(ObservedNode(id=name, hostname=name, state="ready") for name in "abc")
    return Snapshot(taken_at=NOW, nodes=nodes, services=(service,), tasks=tasks)


@pytest.mark.parametrize(
    ("before", "may_move", "wanted"),
    [
        (snapshot("a"), True, 1),
        (snapshot("a", constraints=("node.hostname==a",)), False, 0),
        (snapshot("ab"), True, 2),
        (snapshot("abc", most=1), False, 2),
        (snapshot("ab", most=1), True, 2),
        (snapshot("aab", constraints=("node.hostname!=c",), most=2), True, 2),
    ],
)
def test_what_can_run_elsewhere(before: Snapshot, may_move: bool, wanted: int) -> None:
    (hit,) = affected_by("a", before)
    assert (hit.may_move, hit.wanted) == (may_move, wanted)


def test_others_and_global_services_are_not_affected() -> None:
    assert affected_by("a", snapshot("b")) == ()
    assert affected_by("a", snapshot("abc", mode="global")) == ()


def test_back_means_elsewhere() -> None:
    (hit,) = affected_by("a", snapshot("a"))
    assert not running_again(hit, snapshot("a"), "a")
    assert running_again(hit, snapshot("c"), "a")


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("node.hostname==A", True),
        ("node.hostname != a", False),
        ("node.labels.zone==left", True),
        ("node.labels.rack!=left", True),
        ("node.labels.rack==", True),
        ("node.nonsense==a", False),
    ],
)
def test_constraints_as_swarm_reads_them(constraint: str, expected: bool) -> None:
    node = ObservedNode(id="1", hostname="a", labels={"zone": "left"})
    assert meets(node, constraint) is expected
