"""A real swarm as the model's state, and small random services for it.

What is read is what the managers say of themselves, so the model starts from just
what Swarm's own scheduler knows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from quorate.swarm.model import Availability, Node, NodeState, Service, State, Task, TaskState, lose
from quorate.swarm.outcomes import Outcomes, outcomes

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

Raw = Mapping[str, Any]
Placed = dict[str, Counter[str]]
"""Service → node → tasks."""

PARTS = 8
"""Services reserve whole eighths of the smallest node."""

CPU_PART = 250_000_000
POLL_SECONDS = 0.2
QUIET_SECONDS = 0.8
FIRST_PORT = 18_100
LABEL = "test.model"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The swarm at one moment.

    `unfit`: tasks that the scheduler has looked at in vain, by the rules their service
    has now. `leftovers`: tasks of services that were removed, which have not ended yet
    and hold what they reserved. `leader`: the manager whose scheduler it is.
    """

    state: State
    everywhere: frozenset[str]
    replicas: Mapping[str, int]
    unfit: frozenset[str]
    leftovers: int
    leader: str

    def placed(self) -> Placed:
        return placed(self.state)

    def settled(self) -> bool:
        """Whether every replica that is wanted has its node, or was looked at in vain."""
        down = {node.id for node in self.state.nodes if node.state is NodeState.DOWN}
        for name, wanted in self.replicas.items():
            mine = [t for t in self.state.tasks if t.service == name]
            decided = [
                task
                for task in mine
                if (task.active and task.node not in down) or (task.waits and task.id in self.unfit)
            ]
            if len(decided) != wanted:
                return False
        return True

    def without(self, node: str) -> State:
        """The state just after the loss of a node; tasks of global services are not moved."""
        after = lose(self.state, frozenset({node}))
        gone = {t.id for t in self.state.tasks if t.node == node and t.service in self.everywhere}
        return replace(after, tasks=tuple(task for task in after.tasks if task.id not in gone))

    def before(self, service: str) -> State:
        """The state as it was before the scheduler looked at a service's tasks."""
        return replace(
            self.state,
            tasks=tuple(
                replace(task, node=None, observed=TaskState.PENDING)
                if task.service == service and (task.active or task.waits)
                else task
                for task in self.state.tasks
            ),
        )


def placed(state: State) -> Placed:
    """Where the tasks are that Swarm wants, on nodes that are not down."""
    down = {node.id for node in state.nodes if node.state is NodeState.DOWN}
    found: Placed = {service.id: Counter() for service in state.services}
    for task in state.tasks:
        if task.active and task.node not in down:
            found[task.service][str(task.node)] += 1
    return found


def look(client: DockerClient) -> Seen:
    """Ask a manager for everything its scheduler knows."""
    api = client.api
    nodes, services, tasks = api.nodes(), api.services(), api.tasks()
    hosts = {raw["ID"]: raw["Description"]["Hostname"] for raw in nodes}
    names = {raw["ID"]: raw["Spec"]["Name"] for raw in services}
    current = {raw["ID"]: rules(raw["Spec"]["TaskTemplate"]) for raw in services}
    everywhere = frozenset(
        raw["Spec"]["Name"] for raw in services if "Global" in raw["Spec"]["Mode"]
    )
    return Seen(
        state=State(
            nodes=tuple(sorted((node(raw) for raw in nodes), key=lambda n: n.id)),
            services=tuple(sorted((service(raw) for raw in services), key=lambda s: s.id)),
            tasks=tuple(task(raw, hosts, names) for raw in tasks if raw["ServiceID"] in names),
        ),
        everywhere=everywhere,
        replicas={
            raw["Spec"]["Name"]: raw["Spec"]["Mode"]["Replicated"]["Replicas"]
            for raw in services
            if "Replicated" in raw["Spec"]["Mode"]
        },
        unfit=frozenset(
            raw["ID"]
            for raw in tasks
            if "no suitable node" in raw["Status"].get("Err", "")
            and rules(raw["Spec"]) == current.get(raw["ServiceID"])
        ),
        leader=next(
            (
                raw["Description"]["Hostname"]
                for raw in nodes
                if (raw.get("ManagerStatus") or {}).get("Leader")
            ),
            "",
        ),
        leftovers=sum(
            raw["ServiceID"] not in names
            and TaskState[raw["Status"]["State"].upper()] <= TaskState.RUNNING
            for raw in tasks
        ),
    )


def rules(template: Raw) -> tuple[str, ...]:
    return tuple((template.get("Placement") or {}).get("Constraints") or ())


def node(raw: Raw) -> Node:
    spec, described = raw["Spec"], raw["Description"]
    return Node(
        id=described["Hostname"],
        hostname=described["Hostname"],
        cpu=described["Resources"]["NanoCPUs"],
        memory=described["Resources"]["MemoryBytes"],
        address=raw["Status"].get("Addr", ""),
        role=spec["Role"],
        os=described["Platform"]["OS"],
        architecture=described["Platform"]["Architecture"],
        labels=spec.get("Labels") or {},
        engine_labels=described["Engine"].get("Labels") or {},
        state=NodeState(raw["Status"]["State"]),
        availability=Availability(spec["Availability"]),
    )


def service(raw: Raw) -> Service:
    spec, template = raw["Spec"], raw["Spec"]["TaskTemplate"]
    reserved = (template.get("Resources") or {}).get("Reservations") or {}
    placement = template.get("Placement") or {}
    ports = (spec.get("EndpointSpec") or {}).get("Ports") or []
    return Service(
        id=spec["Name"],
        cpu=reserved.get("NanoCPUs", 0),
        memory=reserved.get("MemoryBytes", 0),
        constraints=tuple(placement.get("Constraints") or ()),
        preferences=tuple(
            one["Spread"]["SpreadDescriptor"] for one in placement.get("Preferences") or ()
        ),
        max_replicas=placement.get("MaxReplicas", 0),
        platforms=tuple(
            (one.get("OS", ""), one.get("Architecture", ""))
            for one in placement.get("Platforms") or ()
        ),
        host_ports=tuple(
            (port.get("Protocol", "tcp"), port.get("PublishedPort", 0))
            for port in ports
            if port.get("PublishMode") == "host"
        ),
    )


def task(raw: Raw, hosts: Mapping[str, str], names: Mapping[str, str]) -> Task:
    return Task(
        id=raw["ID"],
        service=names[raw["ServiceID"]],
        node=hosts.get(raw.get("NodeID", "")),
        desired=TaskState[raw["DesiredState"].upper()],
        observed=TaskState[raw["Status"]["State"].upper()],
    )


def wait(
    client: DockerClient, holds: Callable[[Seen], bool], *, what: str, within: float = 60.0
) -> Seen:
    """Look until it holds, and goes on to hold with the same places for a moment."""
    deadline = time.monotonic() + within
    since: float | None = None
    last: Placed | None = None
    while time.monotonic() < deadline:
        seen = look(client)
        if not holds(seen) or seen.placed() != last:
            since, last = None, seen.placed() if holds(seen) else None
        if last is not None:
            since = since or time.monotonic()
            if time.monotonic() - since >= QUIET_SECONDS:
                return seen
        time.sleep(POLL_SECONDS)
    pytest.fail(f"not so within {within:.0f} s: {what}; tasks: {look(client).state.tasks}")


def assert_possible(state: State, after: Placed, what: str) -> Outcomes:
    """What a real swarm made of a state is one of the outcomes the model finds."""
    found = outcomes(state, limit=50_000)
    assert not found.sampled, f"{what}: too many orders to go through"
    possible = [
        {name: {found.nodes[n]: k for n, k in places} for name, places in result}
        for result in found.results
    ]
    were = placed(state)
    for name, places in were.items():
        assert after[name] >= places, f"{what}: {name} left a node that was not lost"
    real = {name: dict(after[name] - were[name]) for name in found.groups}
    assert real in possible, (
        f"{what}: {real} is none of the {len(possible)} the model finds: {possible[:6]}\n{state}"
    )
    return found


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A service to be made. `home`: where it is started, before it is set free."""

    name: str
    specification: Raw
    mode: Raw
    ports: list[Raw]
    home: str | None


CONSTRAINTS = (
    ("node.labels.disk==SSD",),
    ("node.labels.disk!=ssd",),
    ("node.hostname!=two",),
    ("node.role==manager",),
    ("node.platform.arch!=amd64", "node.platform.arch==x86_64"),
    ("node.labels.none!=x",),
)


def labels(number: int, hosts: list[str]) -> dict[str, dict[str, str]]:
    """Host → its labels in a fleet."""
    dice = Random(number)
    return {
        host: {
            LABEL: "yes",
            **({"zone": dice.choice("xxy")} if dice.random() < 0.8 else {}),
            "disk": dice.choice(("ssd", "hdd")),
        }
        for host in hosts
    }


def wishes(number: int, image: str, memory: int, lost: str) -> list[Wish]:
    """The services of a fleet: two to four, one of them global now and then."""
    dice = Random(1_000 + number)
    found = []
    for index in range(dice.choice((2, 3, 3, 4))):
        everywhere = index > 0 and dice.random() < 0.15
        preferences = dice.random() < 0.45
        placement = {
            "Constraints": list(dice.choice(CONSTRAINTS)) if dice.random() < 0.4 else [],
            "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.zone"}}] * preferences,
            "MaxReplicas": 0 if everywhere else dice.choice((0, 0, 0, 0, 1, 2)),
        }
        reserved = {
            "MemoryBytes": dice.choice((0, 1, 2, 2, 3)) * (memory // PARTS),
            "NanoCPUs": dice.choice((0, 0, 1, 2)) * CPU_PART,
        }
        port = {
            "Protocol": "tcp",
            "TargetPort": 80,
            "PublishedPort": FIRST_PORT + number,
            "PublishMode": "host",
        }
        found.append(
            Wish(
                name=f"model-{number}-{index}",
                specification={
                    "ContainerSpec": {
                        "Image": image,
                        "Command": ["sleep", "infinity"],
                        "StopSignal": "SIGKILL",
                        "Labels": {LABEL: str(number)},
                    },
                    "Resources": {"Reservations": reserved},
                    "RestartPolicy": {"Condition": "any", "Delay": 0},
                    "Placement": placement,
                },
                mode={"Global": {}}
                if everywhere
                else {"Replicated": {"Replicas": dice.choice((1, 1, 2, 3))}},
                ports=[port] if dice.random() < 0.15 else [],
                home=lost if not everywhere and dice.random() < 0.6 else None,
            )
        )
    return found
