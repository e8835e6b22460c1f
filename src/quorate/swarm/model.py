"""Nodes, services and tasks as Swarm's scheduler sees them. Plain data, frozen.

CPU in billionths of a processor (NanoCPUs), memory in bytes, as Swarm counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from quorate.swarm.parameters import DEFAULTS, SchedulerParameters


class TaskState(IntEnum):
    """A task's states in their order (swarmkit, api/types.proto)."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832


class NodeState(StrEnum):
    UNKNOWN = "unknown"
    DOWN = "down"
    READY = "ready"
    DISCONNECTED = "disconnected"


class Availability(StrEnum):
    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node. `cpu` and `memory` are all it has: Swarm takes nothing off for others.

    `architecture` as the engine reports it (`x86_64`). `generic` maps a kind to
    how many there are. `plugins` are (type, name) pairs such as
    `("Volume", "rexray")`; None where nothing is known: then any is taken as there.
    """

    id: str
    hostname: str
    cpu: int
    memory: int
    address: str = ""
    role: str = "worker"
    os: str = "linux"
    architecture: str = "x86_64"
    labels: Mapping[str, str] = field(default_factory=dict)
    engine_labels: Mapping[str, str] = field(default_factory=dict)
    generic: Mapping[str, int] = field(default_factory=dict)
    plugins: frozenset[tuple[str, str]] | None = None
    state: NodeState = NodeState.READY
    availability: Availability = Availability.ACTIVE

    @property
    def ready(self) -> bool:
        """Whether it takes new tasks."""
        return self.state is NodeState.READY and self.availability is Availability.ACTIVE


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the scheduler reads of a service's specification.

    `cpu`, `memory`, `generic` are reservations of one task; limits do not count.
    `preferences` are the descriptors it is spread over (`node.labels.zone`).
    `host_ports` are (protocol, port) published in host mode; `platforms` (os,
    architecture) pairs, "" meaning any; `plugins` as `Node.plugins`.
    """

    id: str
    version: int = 0
    cpu: int = 0
    memory: int = 0
    generic: Mapping[str, int] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas: int = 0
    host_ports: tuple[tuple[str, int], ...] = ()
    platforms: tuple[tuple[str, str], ...] = ()
    plugins: tuple[tuple[str, str], ...] = ()

    @property
    def reserves(self) -> bool:
        """Whether the resource filter looks at it at all."""
        return bool(self.cpu or self.memory or any(self.generic.values()))


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task. `node` is None until it is assigned.

    A task of a global service that waits for its node has `node` set and is
    `PENDING`: it is still filtered.
    """

    id: str
    service: str
    node: str | None = None
    desired: TaskState = TaskState.RUNNING
    observed: TaskState = TaskState.RUNNING

    @property
    def holds(self) -> bool:
        """Keeps its reservation and its host ports: from its assignment until it is seen to end.

        A task that waits is not yet on its node's books, even where its node is given.
        """
        return TaskState.PENDING < self.observed <= TaskState.RUNNING

    @property
    def active(self) -> bool:
        """Counts as a task of its service and of its node: on the books and not to be ended."""
        return self.holds and self.desired <= TaskState.COMPLETE

    @property
    def replaced(self) -> bool:
        """Missed when its node is lost: wanted, and not seen to have ended."""
        return self.desired <= TaskState.COMPLETE and self.observed <= TaskState.RUNNING

    @property
    def waits(self) -> bool:
        """The scheduler has yet to decide on it. A job's task is to be complete, not running."""
        return self.observed is TaskState.PENDING and self.desired <= TaskState.COMPLETE


@dataclass(frozen=True, kw_only=True)
class State:
    """What the scheduler knows at one moment.

    `failures`: (service, node) → failures of the current specification on that
    node within the window of `parameters`.
    """

    nodes: tuple[Node, ...]
    services: tuple[Service, ...]
    tasks: tuple[Task, ...] = ()
    failures: Mapping[tuple[str, str], int] = field(default_factory=dict)
    parameters: SchedulerParameters = DEFAULTS


def lose(state: State, nodes: frozenset[str]) -> State:
    """The state just after Swarm marked nodes as down: their tasks wait for a new place.

    Tasks of global services are not replaced elsewhere; a caller leaves them out
    of `state.tasks` or drops them afterwards.
    """
    return replace(
        state,
        nodes=tuple(
            replace(node, state=NodeState.DOWN) if node.id in nodes else node
            for node in state.nodes
        ),
        tasks=tuple(
            replace(task, node=None, observed=TaskState.PENDING)
            if task.node in nodes and task.replaced
            else task
            for task in state.tasks
        ),
    )
