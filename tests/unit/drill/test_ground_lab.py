"""A lab as the ground of drills: what its keeper is given."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.drill.file import Drill
from quorate.drill.ground import Work
from quorate.drill.ground_lab import LabGround
from quorate.errors import LabError
from quorate.lab.state import Node
from tests.unit.drill.shop import seen, shop
from tests.unit.drill.test_fault import lab


def ground() -> LabGround:
    """The shop in a lab: a, b, c and w."""
    made = lab()
    worker = made.nodes[0].model_copy(update={"server": "w", "container": "quorate.x.w"})
    nodes: tuple[Node, ...] = (*made.nodes, worker)
    return LabGround(made.model_copy(update={"nodes": nodes}), shop())


def work(kind: str, **target: Any) -> Work:
    drill = {"drill": "x", "target": target or {"server": "w"}, "fault": {"kind": kind}}
    return Work(drill=Drill.model_validate(drill), hit=("w",), before=seen())


def test_a_lab_s_own_faults_are_made_by_the_lab() -> None:
    (undo,) = ground().steps(work("freeze"))
    assert (undo.where, "docker unpause quorate.x.w" in undo.script) == ("the keeper", True)


def test_a_drain_is_made_and_undone_on_a_manager() -> None:
    undo, made = ground().steps(work("drain"))
    assert made.where == "a"
    assert "--availability drain w" in made.script
    assert "docker exec -i quorate.x.a sh -s <<'QUORATE-LAB'" in undo.script
    assert "--label-rm quorate.drill.availability w" in undo.script


def test_a_service_stands_still_where_it_runs() -> None:
    undo, made = ground().steps(work("freeze-service", service="api"))
    assert made.where == "w"
    assert "mkdir -p -m 0700 /run/quorate-drill" in made.script
    assert "docker exec -i quorate.x.w sh -s <<'QUORATE-LAB'" in undo.script


def test_a_fault_that_needs_the_fleet_says_so_without_one() -> None:
    with pytest.raises(LabError, match="how to make a drain"):
        LabGround(lab()).steps(work("drain"))
