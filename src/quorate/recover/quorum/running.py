"""Which services of a swarm run, which are on their way, and which have nowhere to run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from quorate.fleet.model import Model
from quorate.fleet.observed import ObservedService, Snapshot
from quorate.observe.deep_names import TASK_LABEL
from quorate.observe.health import desired
from quorate.observe.recovery import eligible, max_replicas_per_node


class Running(Model):
    """By service: `waiting` will run, and does not yet; `stranded` have no server to run on.

    `late`: servers that answer, and that the swarm does not have back yet.
    """

    late: tuple[str, ...] = ()
    healthy: tuple[str, ...] = ()
    waiting: dict[str, str] = Field(default_factory=dict)
    stranded: dict[str, str] = Field(default_factory=dict)


def judge(snapshot: Snapshot) -> Running:
    """How the services stand, in the snapshot of a swarm with the containers of its servers."""
    healthy, waiting, stranded = [], {}, {}
    asked = {item.server for item in snapshot.containers}
    back = snapshot.ready_hostnames()
    late = {n.hostname for n in snapshot.nodes if n.hostname in asked and n.hostname not in back}
    for service in snapshot.services:
        if _ends(service):
            continue
        possible, lacking = _possible(service, snapshot)
        running = len(snapshot.running(service))
        if lacking:
            stranded[service.name] = lacking
        if running < possible:
            waiting[service.name] = f"{running} of {possible} tasks run{_why(service, snapshot)}"
        elif ghosts := tuple(_without_container(service, snapshot)):
            waiting[service.name] = f"no container on {', '.join(ghosts)}, where a task runs"
        elif service.update_state == "updating":
            waiting[service.name] = "its tasks are being replaced"
        elif not lacking:
            healthy.append(service.name)
    return Running(
        late=tuple(sorted(late)),
        healthy=tuple(sorted(healthy)),
        waiting=waiting,
        stranded=stranded,
    )


def _ends(service: ObservedService) -> bool:
    """Whether its tasks are meant to end: jobs, and those of backup work."""
    policy = (service.spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    return "job" in service.mode or policy.get("Condition") in ("none", "on-failure")


def _possible(service: ObservedService, snapshot: Snapshot) -> tuple[int, str]:
    """How many tasks can run on the servers there are; and what is lacking, in words."""
    wanted = desired(service, snapshot)
    if service.mode == "global":
        return wanted, ""
    able = [
        node for node in snapshot.nodes
        if node.ready and node.availability == "active" and eligible(service, node)
    ]  # fmt: skip
    most = max_replicas_per_node(service)
    room = len(able) * most if most else wanted * bool(able)
    if room >= wanted:
        return wanted, ""
    template = service.spec.get("TaskTemplate") or {}
    rules = (template.get("Placement") or {}).get("Constraints") or ()
    return room, f"no server that is there satisfies {', '.join(rules)}" if not able else (
        f"room for {room} of {wanted} tasks, {most} on each server"
    )


def _why(service: ObservedService, snapshot: Snapshot) -> str:
    said = [
        task.error for task in snapshot.tasks
        if task.service_id == service.id and task.desired_state in ("running", "ready")
        and task.error
    ]  # fmt: skip
    return f": {said[-1]}" if said else ""


def _without_container(service: ObservedService, snapshot: Snapshot) -> Iterator[str]:
    """Servers that answer, and have no container of a task that is said to run there."""
    there = {item.labels.get(TASK_LABEL) for item in snapshot.containers if item.state == "running"}
    asked = {item.server for item in snapshot.containers}
    names: Mapping[str, str] = {node.id: node.hostname for node in snapshot.nodes}
    for task in snapshot.running(service):
        server = names.get(task.node_id or "", "")
        if server in asked and task.id not in there:
            yield server
