"""A small swarm that is well, to break one thing of: two services on three servers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.fleet.model import Fleet, Role
from quorate.fleet.observed import (
    ObservedContainer,
    ObservedNode,
    ObservedService,
    ObservedTask,
    Snapshot,
)
from quorate.observe.deep_model import Answers, Clock, Disk, Facts, ServerFacts, Settings, Validity
from quorate.observe.deep_names import TASK_LABEL
from quorate.observe.deep_tasks import NAME_LABEL, SERVICE_LABEL
from tests.fakes.fleets import make_fleet, make_server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 1024**3
NET = "net-1"
WEB = ("10.0.1.11", "10.0.1.12")
VIRTUAL = "10.0.1.2"
DB = "10.0.1.21"


def fleet() -> Fleet:
    servers = [make_server(name, role=Role.MANAGER) for name in "abc"]
    stacks = {"shop": {"services": {"web": {"deploy": {"replicas": 2}}, "db": {}}}}
    return make_fleet(stacks, servers=servers)


def node(name: str, **changes: Any) -> ObservedNode:
    values: dict[str, Any] = {"id": f"id-{name}", "hostname": name, "role": "manager"}
    values |= {"state": "ready", "cpus": 4.0, "memory": 8 * GIB}
    return ObservedNode(**{**values, **changes})


def task(
    identity: str, service: str, where: str | None, address: str, **changes: Any
) -> ObservedTask:
    values: dict[str, Any] = {
        "id": identity,
        "service_id": service,
        "node_id": f"id-{where}" if where else None,
        "state": "running",
        "desired_state": "running",
        "timestamp": NOW - timedelta(hours=1),
        "created_at": NOW - timedelta(hours=1),
        "addresses": {NET: (address,)} if address else {},
    }
    return ObservedTask(**{**values, **changes})


def container(
    identity: str, server: str, of: str = "", *, place: str = "shop_web.1", **changes: Any
) -> ObservedContainer:
    """A container; `of` is its task, if it says it has one."""
    labels = {
        TASK_LABEL: of,
        SERVICE_LABEL: place.rpartition(".")[0],
        NAME_LABEL: f"{place}.{of}",
    }
    values: dict[str, Any] = {"id": identity, "name": f"n-{identity}", "server": server}
    values |= {"state": "running", "labels": labels if of else {}}
    return ObservedContainer(**{**values, **changes})


TASKS = (
    task("w1", "s-web", "a", WEB[0]),
    task("w2", "s-web", "b", WEB[1]),
    task("d1", "s-db", "c", DB),
)
CONTAINERS = (
    container("cw1", "a", "w1", networks={NET: WEB[0]}),
    container("cw2", "b", "w2", place="shop_web.2", networks={NET: WEB[1]}),
    container("cd1", "c", "d1", place="shop_db.1", networks={NET: DB}, volumes=("rows",)),
)
SNAPSHOT = Snapshot(
    taken_at=NOW,
    nodes=(node("a", leader=True), node("b"), node("c")),
    services=(
        ObservedService(id="s-web", name="shop_web", replicas=2, addresses={NET: VIRTUAL}),
        ObservedService(id="s-db", name="shop_db", replicas=1),
    ),
    tasks=TASKS,
    containers=CONTAINERS,
    networks={"backend": {"id": NET, "scope": "swarm", "driver": "overlay", "ingress": False}},
)
RIGHT = {"tasks.shop_web": WEB, "shop_web": (VIRTUAL,), "tasks.shop_db": (DB,), "shop_db": (DB,)}


def answers(server: str, **changes: Any) -> Answers:
    values: dict[str, Any] = {"container": "x", "networks": frozenset((NET,)), "found": RIGHT}
    return Answers(server=server, **{**values, **changes})


def server(name: str, **changes: Any) -> ServerFacts:
    values: dict[str, Any] = {
        "disk": Disk(path="/var/lib/docker", size=100 * GIB, free=50 * GIB),
        "certificate": Validity(since=NOW - timedelta(days=10), until=NOW + timedelta(days=80)),
        "clock": Clock(ahead=0.2, error=0.01),
    }
    return ServerFacts(server=name, **{**values, **changes})


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "snapshot": SNAPSHOT,
        "swarm": True,
        "homes": {"web": ("a", "b"), "db": ("c",)},
        "settings": Settings(heartbeat=5.0, task_history=5),
        "servers": {name: server(name) for name in "abc"},
        "answers": tuple(answers(name) for name in "abc"),
    }
    return Facts(**{**values, **changes})


def seen(**changes: Any) -> Facts:
    """All well, but for these fields of the snapshot."""
    return facts(snapshot=replace(SNAPSHOT, **changes))
