"""Which services run after a recovery, and which have nowhere to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from quorate.fleet.observed import (
    ObservedContainer,
    ObservedNode,
    ObservedService,
    ObservedTask,
    Snapshot,
)
from quorate.observe.crossing import crossings, read
from quorate.observe.deep_names import TASK_LABEL
from quorate.recover.quorum.running import judge

NODES = tuple(
    ObservedNode(id=f"id-{name}", hostname=name, state="ready") for name in ("one", "two")
)


def service(name: str, replicas: int, *constraints: str, **template: Any) -> ObservedService:
    placement = {"Constraints": list(constraints), **template.pop("placement", {})}
    spec = {"TaskTemplate": {"Placement": placement, **template}}
    return ObservedService(id=name, name=name, replicas=replicas, spec=spec)


def task(of: str, server: str, *, state: str = "running", error: str = "") -> ObservedTask:
    return ObservedTask(
        id=f"{of}@{server}", service_id=of, node_id=f"id-{server}", state=state,
        desired_state="running", error=error,
    )  # fmt: skip


def container(of: str, server: str, address: str = "10.0.1.1") -> ObservedContainer:
    return ObservedContainer(
        id=f"c-{of}@{server}", name=of, server=server, state="running",
        labels={TASK_LABEL: f"{of}@{server}"}, networks={"net": address},
    )  # fmt: skip


def snapshot(*services: ObservedService, **fields: Any) -> Snapshot:
    return Snapshot(
        taken_at=datetime(2026, 11, 27, tzinfo=UTC), nodes=NODES, services=services, **fields
    )


def test_a_service_waits_until_all_its_tasks_run() -> None:
    seen = snapshot(service("web", 2), tasks=(task("web", "one"),))
    assert judge(seen).waiting == {"web": "1 of 2 tasks run"}
    whole = replace(seen, tasks=(*seen.tasks, task("web", "two")))
    assert judge(whole).healthy == ("web",) and not judge(whole).waiting


def test_one_whose_server_is_gone_is_told_and_not_waited_for() -> None:
    pinned = service("db", 1, "node.hostname==three")
    found = judge(snapshot(pinned))
    assert not found.waiting
    assert found.stranded == {"db": "no server that is there satisfies node.hostname==three"}
    spread = service("api", 3, placement={"MaxReplicas": 1})
    found = judge(snapshot(spread, tasks=(task("api", "one"), task("api", "two"))))
    assert found.stranded == {"api": "room for 2 of 3 tasks, 1 on each server"}
    assert not found.waiting and not found.healthy


def test_a_task_without_a_container_does_not_run() -> None:
    seen = snapshot(
        service("web", 1), tasks=(task("web", "one"),), containers=(container("other", "one"),)
    )
    assert judge(seen).waiting == {"web": "no container on one, where a task runs"}
    unasked = replace(seen, containers=(container("other", "two"),))
    assert judge(unasked).healthy == ("web",)


def test_a_service_whose_tasks_are_being_replaced_is_waited_for() -> None:
    """With the new one started first, it has a task too many for a moment."""
    updated = replace(service("web", 1), update_state="updating")
    seen = snapshot(updated, tasks=(task("web", "one"),))
    assert judge(seen).waiting == {"web": "its tasks are being replaced"}
    over = replace(seen, services=(replace(updated, update_state="completed"),))
    assert judge(over).healthy == ("web",)


def test_a_server_that_answers_and_is_not_back_is_waited_for() -> None:
    """Right after a new cluster was forced, workers are yet to come to it."""
    late = (NODES[0], replace(NODES[1], state="unknown"))
    seen = replace(snapshot(containers=(container("web", "two"),)), nodes=late)
    assert judge(seen).late == ("two",)
    assert judge(replace(seen, containers=())).late == ()


def test_work_that_ends_by_itself_is_not_waited_for() -> None:
    job = service("backup", 1, RestartPolicy={"Condition": "none"})
    assert judge(snapshot(job)) == judge(snapshot())


def test_ways_between_servers_that_share_a_network() -> None:
    seen = snapshot(
        service("web", 2),
        service("db", 1),
        tasks=(task("web", "one"), task("web", "two"), task("db", "one")),
        containers=(
            container("web", "one", "10.0.1.3"),
            container("db", "one", "10.0.1.4"),
            container("web", "two", "10.0.1.5"),
        ),
        networks={
            "backend": {"id": "net", "scope": "swarm", "driver": "overlay"},
            "bridge": {"id": "bridge", "scope": "local", "driver": "bridge"},
        },
    )
    found = [(one.server, one.address, one.other) for one in crossings(seen)]
    assert found == [("one", "10.0.1.5", "two"), ("two", "10.0.1.3", "one")]


def test_what_the_servers_said() -> None:
    said = "10.0.1.5 77 answers\n10.0.1.3 78 mute\nnoise\n"
    assert read(said) == {("10.0.1.5", 77): True, ("10.0.1.3", 78): False}
