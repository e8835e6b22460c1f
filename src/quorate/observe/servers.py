"""The state of each server of the fleet, as Swarm and ssh see it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from quorate.fleet.model import Fleet, Model, Server
from quorate.fleet.observed import ObservedNode, ObservedTask, Snapshot
from quorate.observe.snapshot import NANO

ENDED_STATES = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")


class ServerState(StrEnum):
    READY = "ready"
    DRAINED = "drained"
    PAUSED = "paused"
    DOWN = "down"
    ABSENT = "not in the swarm"
    UNKNOWN = "unknown"


class ServerHealth(Model):
    """One server. Memory in bytes, CPU in threads; `reserved_*` is what tasks there reserve.

    `answers` says whether ssh and its engine answered; `why` is the reason when not.
    """

    name: str
    role: str
    state: ServerState
    answers: bool = True
    why: str = ""
    leader: bool = False
    reachability: str | None = None
    engine: str = ""
    address: str = ""
    cpus: float = 0.0
    memory: int = 0
    reserved_cpus: float = 0.0
    reserved_memory: int = 0
    tasks: int = 0
    containers: int = 0


def server_health(fleet: Fleet, snapshot: Snapshot, *, swarm: bool) -> tuple[ServerHealth, ...]:
    """Every server of the fleet file, in its order."""
    return tuple(_one(server, snapshot, swarm) for server in fleet.servers)


def _one(server: Server, snapshot: Snapshot, swarm: bool) -> ServerHealth:
    node = node_of(server.name, snapshot.nodes)
    why = snapshot.unreachable.get(server.name, "")
    containers = sum(c.server == server.name and c.state == "running" for c in snapshot.containers)
    common: dict[str, Any] = {
        "name": server.name,
        "answers": not why,
        "why": why,
        "containers": containers,
    }
    if node is None:
        state = ServerState.ABSENT if swarm else ServerState.UNKNOWN
        return ServerHealth(role=server.role.value, state=state, **common)
    tasks = [t for t in snapshot.tasks if t.node_id == node.id and holds_resources(t)]
    return ServerHealth(
        role=node.role,
        state=_state(node),
        leader=node.leader,
        reachability=node.reachability,
        engine=node.engine_version,
        address=node.address,
        cpus=node.cpus,
        memory=node.memory,
        reserved_cpus=sum(_reserved(t, "NanoCPUs") for t in tasks) / NANO,
        reserved_memory=int(sum(_reserved(t, "MemoryBytes") for t in tasks)),
        tasks=sum(t.state == "running" and t.desired_state == "running" for t in tasks),
        **common,
    )


def node_of(name: str, nodes: Iterable[ObservedNode]) -> ObservedNode | None:
    """The node of that host name: of several entries the one that is ready."""
    found = [node for node in nodes if node.hostname == name]
    return next((node for node in found if node.ready), found[-1] if found else None)


def holds_resources(task: ObservedTask) -> bool:
    """Whether Swarm still counts the task's reservation (until its observed state has ended)."""
    return task.state not in ENDED_STATES and task.state not in ("new", "pending", "unknown")


def _state(node: ObservedNode) -> ServerState:
    if node.state == "down":
        return ServerState.DOWN
    if not node.ready:
        return ServerState.UNKNOWN
    return {"drain": ServerState.DRAINED, "pause": ServerState.PAUSED}.get(
        node.availability, ServerState.READY
    )


def _reserved(task: ObservedTask, key: str) -> float:
    resources = task.spec.get("Resources") or {}
    return float((resources.get("Reservations") or {}).get(key) or 0)
