"""A fake swarm in memory: nodes, services and their tasks, with an orchestrator of one move a tick.

It follows Swarm where shifts depend on it: a task whose server the constraints still allow stays;
updates go one task at a time, in their order; a new task goes where fewest of its service are; one
replica less is taken from where there are most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.fleet.model import Fleet, Service
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.observe.recovery import eligible
from quorate.recover.maintenance.scene import Scene

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 2**30


def node(name: str, **fields: Any) -> ObservedNode:
    """A ready manager with 4 threads and 16 GiB."""
    settings: dict[str, Any] = {"role": "manager", "reachability": "reachable"}
    if fields.get("role") == "worker":
        settings = {}
    return ObservedNode(
        id=f"id-{name}",
        hostname=name,
        **{"state": "ready", "cpus": 4.0, "memory": 16 * GIB, **settings, **fields},
    )


def spec(
    name: str, replicas: int, *, memory: float = 1.0, constraints: Sequence[str] = ()
) -> dict[str, Any]:
    """A service's spec as an engine has it."""
    return {
        "Name": name,
        "Labels": {"com.docker.stack.namespace": name.partition("_")[0]},
        "Mode": {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": {"Parallelism": 0, "Order": "stop-first"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": "example/image:1"},
            "Placement": {"Constraints": list(constraints)} if constraints else {},
            "Resources": {"Reservations": {"MemoryBytes": int(memory * GIB)}},
        },
    }


def running(name: str, where: Sequence[str], **fields: Any) -> tuple[dict[str, Any], list[str]]:
    """A service and the servers its tasks are on."""
    return spec(name, len(where), **fields), list(where)


def snapshot(
    nodes: Sequence[ObservedNode], services: Sequence[tuple[dict[str, Any], list[str]]]
) -> Snapshot:
    """A swarm in which these run."""
    swarm = SmallSwarm(nodes=list(nodes))
    for one, where in services:
        swarm.add(one, where)
    return swarm.observe()


def scene(
    fleet: Fleet,
    nodes: Sequence[ObservedNode],
    services: Sequence[tuple[dict[str, Any], list[str]]],
    **fields: Any,
) -> Scene:
    """What maintenance is decided from."""
    return Scene(fleet=fleet, snapshot=snapshot(nodes, services), **fields)


def named(services: Sequence[Service], name: str) -> Service:
    return next(one for one in services if one.swarm_name == name)


@dataclass
class SmallSwarm:
    """`lows`: by service, the fewest tasks that ever ran at the same time."""

    nodes: list[ObservedNode]
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, list[str]] = field(default_factory=dict)
    coming: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    lows: dict[str, int] = field(default_factory=dict)
    moment: datetime = NOW

    def add(self, one: dict[str, Any], where: Sequence[str]) -> None:
        self.specs[one["Name"]] = one
        self.tasks[one["Name"]] = list(where)
        self.lows[one["Name"]] = len(where)

    def observe(self) -> Snapshot:
        services = [self._service(name) for name in self.specs]
        ids = {one.hostname: one.id for one in self.nodes}
        tasks = [
            ObservedTask(
                id=f"{name}.{slot}",
                service_id=f"s-{name}",
                node_id=ids[host],
                state="running",
                desired_state="running",
            )
            for name, hosts in self.tasks.items()
            for slot, host in enumerate(hosts)
        ]
        tasks += [
            ObservedTask(
                id=f"{name}.new",
                service_id=f"s-{name}",
                node_id=ids[host],
                state="starting",
                desired_state="running",
            )
            for name, (host, _) in self.coming.items()
        ]
        return Snapshot(
            taken_at=self.moment,
            nodes=tuple(self.nodes),
            services=tuple(services),
            tasks=tuple(tasks),
        )

    def _service(self, name: str) -> ObservedService:
        one = self.specs[name]
        busy = name in self.coming or bool(self._dirty(name))
        return ObservedService(
            id=f"s-{name}",
            name=name,
            replicas=one["Mode"]["Replicated"]["Replicas"],
            labels=dict(one["Labels"]),
            spec=one,
            update_state="updating" if busy else "completed",
        )

    def tick(self) -> None:
        """One move of each service: a task that was starting runs, or the next one is replaced."""
        self.moment += timedelta(seconds=1)
        for name in self.specs:
            self._tick(name)
            self.lows[name] = min(self.lows[name], len(self.tasks[name]))

    def _tick(self, name: str) -> None:
        hosts, wanted = self.tasks[name], self.specs[name]["Mode"]["Replicated"]["Replicas"]
        if name in self.coming:
            host, slot = self.coming.pop(name)
            hosts.append(host)
            if slot is not None:  # started first: the old one ends now
                hosts.pop(slot)
            return
        if len(hosts) > wanted:
            counts = Counter(hosts)
            hosts.remove(max(hosts, key=lambda host: counts[host]))
        elif len(hosts) < wanted:
            self._place(name, None)
        elif dirty := self._dirty(name):
            slot = dirty[0]
            if self.specs[name]["UpdateConfig"]["Order"] == "stop-first":
                hosts.pop(slot)
                self._place(name, None)
            else:
                self._place(name, slot)

    def _place(self, name: str, slot: int | None) -> None:
        counts = Counter(self.tasks[name])
        able = [one.hostname for one in self.nodes if self._allowed(name, one)]
        if able:
            self.coming[name] = (min(able, key=lambda host: (counts[host], host)), slot)

    def _dirty(self, name: str) -> list[int]:
        allowed = {one.hostname for one in self.nodes if eligible(self._bare(name), one)}
        return [slot for slot, host in enumerate(self.tasks[name]) if host not in allowed]

    def _allowed(self, name: str, one: ObservedNode) -> bool:
        return one.ready and one.availability == "active" and eligible(self._bare(name), one)

    def _bare(self, name: str) -> ObservedService:
        return ObservedService(id=f"s-{name}", name=name, spec=self.specs[name])
