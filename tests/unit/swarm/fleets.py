"""Small random swarms, each the same for its number: what the two readings are compared on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from quorate.swarm.model import (
    Availability,
    Node,
    NodeState,
    Service,
    State,
    Task,
    TaskState,
    lose,
)

CONSTRAINTS = (
    "node.labels.disk==ssd",
    "node.labels.disk!=SSD",
    "node.labels.Disk==ssd",
    "node.labels.none!=x",
    "engine.labels.gpu!=yes",
    "node.role==Manager",
    "node.hostname!=n1",
    "NODE.HOSTNAME == N2",
    "node.id!=n0",
    "node.ip==198.18.0.2/31",
    "node.ip!=198.18.0.1",
    "node.platform.arch!=amd64",
    "node.platform.os==Linux",
    "node.colour!=red",
)
PREFERENCES = ("node.labels.zone", "node.labels.rack", "engine.labels.gpu", "node.hostname")


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """`everywhere`: the global services, whose lost tasks are not placed elsewhere."""

    state: State
    everywhere: frozenset[str]

    def losses(self) -> list[tuple[str, State]]:
        """Every single node, and the swarm just after it was marked as down."""
        return [(node.id, self.without(node.id)) for node in self.state.nodes]

    def without(self, node: str) -> State:
        gone = {
            task.id
            for task in self.state.tasks
            if task.node == node and task.service in self.everywhere
        }
        after = lose(self.state, frozenset({node}))
        return replace(after, tasks=tuple(t for t in after.tasks if t.id not in gone))


def swarm(number: int) -> Swarm:
    """Two to five nodes, one to four services, up to twenty tasks."""
    dice = Random(number)
    nodes = tuple(_node(dice, index) for index in range(dice.choice((2, 3, 4, 4, 5))))
    services = tuple(_service(dice, index) for index in range(dice.choice((1, 2, 3, 3, 4))))
    everywhere = frozenset(s.id for s in services[1:] if dice.random() < 0.15)
    crew = Crew(dice, nodes)
    for service in services:
        if service.id in everywhere:
            crew.put_everywhere(service)
        else:
            crew.put(service)
    failures = {
        (service.id, node.id): dice.choice((1, 4, 5, 5, 6, 9))
        for service in services
        for node in nodes
        if dice.random() < 0.1
    }
    state = State(nodes=nodes, services=services, tasks=tuple(crew.tasks), failures=failures)
    return Swarm(state=state, everywhere=everywhere)


def _node(dice: Random, index: int) -> Node:
    labels = {
        key: dice.choice(values)
        for key, values in (("zone", "aab"), ("rack", "12"), ("disk", ("ssd", "hdd")))
        if dice.random() < 0.8
    }
    return Node(
        id=f"n{index}",
        hostname=f"n{index}",
        address=f"198.18.0.{index + 1}",
        cpu=dice.choice((4, 6, 8, 99)),
        memory=dice.choice((5, 6, 8, 9)),
        role="manager" if index < 3 else "worker",
        architecture=dice.choice(("x86_64", "x86_64", "x86_64", "aarch64")),
        labels=labels,
        engine_labels={"gpu": "yes"} if dice.random() < 0.3 else {},
        generic={"gpu": 2} if dice.random() < 0.3 else {},
        plugins=dice.choice((None, frozenset({("Volume", "nfs")}), frozenset())),
        state=dice.choice((*[NodeState.READY] * 15, NodeState.UNKNOWN)),
        availability=dice.choice(
            (*[Availability.ACTIVE] * 25, Availability.PAUSE, Availability.DRAIN)
        ),
    )


def _service(dice: Random, index: int) -> Service:
    def rarely(chance: float) -> bool:
        return dice.random() < chance

    return Service(
        id=f"s{index}",
        cpu=dice.choice((0, 0, 0, 0, 1, 2)),
        memory=dice.choice((0, 0, 1, 1, 2, 3)),
        generic={"gpu": 1} if rarely(0.05) else {},
        constraints=tuple(dice.sample(CONSTRAINTS, dice.choice((0, 0, 0, 0, 0, 1, 1, 2)))),
        preferences=tuple(dice.sample(PREFERENCES, dice.choice((0, 0, 1, 1, 2)))),
        max_replicas=dice.choice((0, 0, 0, 0, 0, 1, 2)),
        host_ports=(("tcp", dice.choice((0, 80, 443))),) if rarely(0.15) else (),
        platforms=(("linux", dice.choice(("amd64", "arm64", ""))),) if rarely(0.1) else (),
        plugins=(("Volume", "nfs"),) if rarely(0.06) else (),
    )


RUNS = (TaskState.RUNNING, TaskState.RUNNING)
STATES = (
    *[RUNS] * 24,
    (TaskState.RUNNING, TaskState.STARTING),
    (TaskState.READY, TaskState.PREPARING),
    (TaskState.RUNNING, TaskState.PENDING),
    (TaskState.RUNNING, TaskState.FAILED),
    (TaskState.RUNNING, TaskState.NEW),
    (TaskState.SHUTDOWN, TaskState.PENDING),
    (TaskState.SHUTDOWN, TaskState.RUNNING),
    (TaskState.SHUTDOWN, TaskState.SHUTDOWN),
    (TaskState.SHUTDOWN, TaskState.FAILED),
)
"""Desired and observed; most tasks just run."""


class Crew:
    """The tasks, put on nodes one after the other."""

    def __init__(self, dice: Random, nodes: tuple[Node, ...]) -> None:
        self.dice, self.nodes = dice, nodes
        self.tasks: list[Task] = []
        self.memory = {node.id: node.memory for node in nodes}
        self.cpu = {node.id: node.cpu for node in nodes}

    def put_everywhere(self, service: Service) -> None:
        """A global service: some of its tasks still wait for their node."""
        self.tasks += [
            Task(
                id=f"{service.id}.{node.id}",
                service=service.id,
                node=node.id,
                desired=self.dice.choice((*[TaskState.RUNNING] * 9, TaskState.SHUTDOWN)),
                observed=self.dice.choice((*RUNS, TaskState.PENDING)),
            )
            for node in self.nodes
        ]

    def put(self, service: Service) -> None:
        """One to five tasks, mostly where there is room: few swarms are overfull."""
        job = self.dice.random() < 0.1
        for slot in range(self.dice.choice((1, 2, 3, 4, 5))):
            desired, observed = self.dice.choice(STATES)
            if job and desired is TaskState.RUNNING:
                desired = TaskState.COMPLETE
            home = self.dice.choice(self.roomy(service) or self.nodes).id
            self.memory[home] -= service.memory
            self.cpu[home] -= service.cpu
            self.tasks.append(
                Task(
                    id=f"{service.id}.{slot}",
                    service=service.id,
                    node=None if observed <= TaskState.PENDING else home,
                    desired=desired,
                    observed=observed,
                )
            )

    def roomy(self, service: Service) -> list[Node]:
        return [
            node
            for node in self.nodes
            if self.memory[node.id] >= service.memory and self.cpu[node.id] >= service.cpu
        ]
