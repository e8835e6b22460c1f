"""What a live fleet looks like: lenient snapshots, never raising on a broken service.

Fields that an engine did not report are None or empty; times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ObservedNode:
    """A Swarm node. `memory` in bytes, `cpus` in threads, as Swarm schedules by them."""

    id: str
    hostname: str
    role: str = "worker"
    availability: str = "active"
    state: str = "unknown"
    address: str = ""
    leader: bool = False
    reachability: str | None = None
    engine_version: str = ""
    cpus: float = 0.0
    memory: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return self.state == "ready"

    @property
    def reached(self) -> bool:
        """Not a manager, or one that the leader is connected to."""
        return self.reachability != "unreachable"


@dataclass(frozen=True, kw_only=True)
class ObservedService:
    """A Swarm service. `spec` is the engine's own mapping; `version` its index.

    `addresses` maps the id of each network to its virtual address there.
    """

    id: str
    name: str
    stack: str | None = None
    image: str = ""
    mode: str = "replicated"
    replicas: int | None = None
    version: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    previous_spec: dict[str, Any] | None = None
    update_state: str | None = None
    update_message: str | None = None
    addresses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObservedTask:
    """A task of a service. `message` and `error` are Swarm's own words.

    `spec` is the task template it was made from, in the engine's own form;
    `addresses` maps the id of each network to its addresses there.
    """

    id: str
    service_id: str
    node_id: str | None = None
    slot: int | None = None
    state: str = "unknown"
    desired_state: str = "unknown"
    message: str = ""
    error: str = ""
    image: str = ""
    container_id: str | None = None
    exit_code: int | None = None
    timestamp: datetime | None = None
    created_at: datetime | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObservedContainer:
    """A container on a server, of Swarm or not. `health`: healthy, unhealthy, starting or None.

    `networks` maps the id of each network to its address there; `volumes` are the
    server's own (driver local) that it may write to.
    """

    id: str
    name: str
    server: str
    image: str = ""
    state: str = "unknown"
    health: str | None = None
    compose_project: str | None = None
    compose_service: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One observation of the whole swarm.

    `unreachable` maps a server's name to why it did not answer. `containers`
    is filled only where the engines of the servers themselves were asked.
    """

    taken_at: datetime
    nodes: tuple[ObservedNode, ...] = ()
    services: tuple[ObservedService, ...] = ()
    tasks: tuple[ObservedTask, ...] = ()
    containers: tuple[ObservedContainer, ...] = ()
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)

    def node(self, node_id: str | None) -> ObservedNode | None:
        return next((node for node in self.nodes if node.id == node_id), None)

    def ready_hostnames(self) -> frozenset[str]:
        """Host names of the nodes that are ready."""
        return frozenset(node.hostname for node in self.nodes if node.ready)

    def service(self, name: str) -> ObservedService | None:
        return next((service for service in self.services if service.name == name), None)

    def running(self, service: ObservedService) -> tuple[ObservedTask, ...]:
        """Tasks that run and are meant to, on nodes that are ready.

        `docker service ls` also counts tasks on dead nodes ("5/3"); this does not.
        """
        ready = {node.id for node in self.nodes if node.ready}
        return tuple(
            task
            for task in self.tasks
            if task.service_id == service.id
            and task.state == "running"
            and task.desired_state == "running"
            and task.node_id in ready
        )
