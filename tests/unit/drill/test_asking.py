"""What is asked and written to in a run, from the servers that stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quorate.drill.asking import Asking
from quorate.drill.file import Drill, Steady
from quorate.drill.ground import Ground
from quorate.drill.ground_lab import LabGround
from quorate.drill.ground_servers import ServersGround
from quorate.drill.setting import Setting
from quorate.fleet.model import State
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from tests.unit.drill.test_fault import lab
from tests.unit.plan.builders import fleet, server, service

FLEET = fleet(
    [server("a"), server("b"), server("c")],
    [
        service("web", image="nginx:1", raw={"ports": ["8080:80"]}),
        service("queue", image="redis:7", state=State.REDIS),
        service("far", image="redis:7", state=State.REDIS),
    ],
)
AT = {"web": "b", "queue": "a", "far": "a"}
NETWORKS = {"web": "front", "queue": "front", "far": "back"}


def before() -> Snapshot:
    """Three servers; the network `back` is on the one alone that runs `far`."""
    names = {each.id: each.swarm_name for each in FLEET.services}
    return Snapshot(
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        nodes=tuple(
            ObservedNode(id=name, hostname=name, role="manager", state="ready") for name in "abc"
        ),
        networks={name: {"id": name, "attachable": True} for name in ("front", "back")},
        services=tuple(
            ObservedService(
                id=name,
                name=names[name],
                spec={"TaskTemplate": {"Networks": [{"Target": NETWORKS[name]}]}},
            )
            for name in AT
        ),
        tasks=tuple(
            ObservedTask(
                id=name, service_id=name, node_id=at, state="running", desired_state="running"
            )
            for name, at in AT.items()
        ),
    )


@pytest.fixture
def plan() -> Plan:
    return make_plan(FLEET)


def asking(plan: Plan, directory: Path, ground: Ground | None = None, **probes: str) -> Asking:
    drill = {
        "drill": "x",
        "target": {"server": "a"},
        "fault": {"kind": "power-off"},
        "probes": probes,
    }
    setting = Setting(
        fleet=FLEET,
        ground=ground or LabGround(lab()),
        plan=plan,
        drill=Drill.model_validate(drill),
        seed=0,
        directory=directory,
    )
    return Asking(setting, before(), stay="bc", hit=("queue", "far"), directory=directory)


def test_what_no_server_that_stays_can_reach_is_not_written_to(plan: Plan, tmp_path: Path) -> None:
    made = asking(plan, tmp_path)
    assert [target.service for target in made.stores] == ["queue"]
    assert made.unreached == ("far",)
    assert made.writers.servers == ("b",)
    made.writers.file("b").write_text("100.0 0 1 ok 2\n101.0 0 2 failed 1\n102.0 0 3 ok 2\n")
    queue, far = made.written(began=100.0, ended=103.0)
    assert (queue.acknowledged, queue.failed, queue.lost, queue.longest) == (2, 1, None, 2.0)
    assert (far.service, far.acknowledged, far.lost) == ("far", 0, 0)


def test_what_asks_counts_as_a_task_for_each_network_it_joins(plan: Plan, tmp_path: Path) -> None:
    """A prober and a writer, each in one network; at a server's own ports nothing is joined."""
    made = asking(plan, tmp_path)
    assert made.attached == {"b": 2}
    ports = {
        server: {**inside, "host": (0,)} for server, inside in made.probers.plan.networks.items()
    }
    made.probers.plan = replace(made.probers.plan, networks=ports)
    assert made.attached == {"b": 2, "c": 0}


def test_real_databases_are_written_to_only_where_the_drill_says_so(
    plan: Plan, tmp_path: Path
) -> None:
    ground = ServersGround(FLEET)
    made = asking(plan, tmp_path, ground)
    assert made.stores == ()
    assert made.probers.plan.image == "python:3.13-alpine"
    named = asking(plan, tmp_path, ground, writes="queue", image="mine:1")
    assert [target.service for target in named.stores] == ["queue"]
    assert named.writers.plan.image == "mine:1"


def test_what_is_not_acknowledged_before_is_not_steady(plan: Plan, tmp_path: Path) -> None:
    made = asking(plan, tmp_path)
    for target in (0, 1, 2):
        with made.probers.file("b").open("a") as lines:
            lines.write(f"101.0 {target} ok 2 10.0.0.7\n")
    steady = Steady(availability=0.9)
    assert made.unsteady(steady, since=100.0) == ["queue acknowledged 0% of writes"]
    made.writers.file("b").write_text("99.0 0 1 failed 2\n101.0 0 2 ok 1\n")
    assert made.unsteady(steady, since=100.0) == []
    made.writers.file("b").write_text("101.0 0 1 refused 2\n")
    assert made.unsteady(steady, since=100.0) == []
