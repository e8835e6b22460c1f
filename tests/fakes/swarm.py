"""FakeSwarm: a tiny stand-in for Swarm's orchestrator, for unit tests only.

It keeps services and tasks, places a task on the first node that satisfies the
constraints, keeps a task whose node still does, and can be told to fail images
or to interrupt the caller at its n-th call. Real behaviour is tested on the lab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.observe.recovery import eligible

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeSwarm:
    """Nodes by host name; `broken` are images whose tasks always fail."""

    nodes: dict[str, ObservedNode]
    broken: set[str] = field(default_factory=set)
    interrupt_at: int | None = None
    services: dict[str, ObservedService] = field(default_factory=dict)
    tasks: dict[str, list[ObservedTask]] = field(default_factory=dict)
    calls: int = 0
    clock: datetime = START
    starts: int = 0

    def deploy(self, name: str, document: Mapping[str, Any], *, prune: bool = False) -> None:
        """What `docker stack deploy` does to services and tasks."""
        for short, body in document["services"].items():
            self._called()
            self._update(f"{name}_{short}", body)
        if prune:
            keep = {f"{name}_{short}" for short in document["services"]}
            for gone in [n for n in self.services if n.startswith(f"{name}_") and n not in keep]:
                del self.services[gone], self.tasks[gone]

    def spread(self, name: str, *, per_node: int) -> None:
        """What `docker service update --force --replicas-max-per-node` does."""
        self._called()
        service = self.services[name]
        template = service.spec["TaskTemplate"]
        limited = {**template, "Placement": {**template["Placement"], "MaxReplicas": per_node}}
        service = replace(service, spec={"TaskTemplate": limited})
        self.services[name] = service
        able = [n for n in self.nodes.values() if n.ready and eligible(service, n)]
        kept: list[ObservedTask] = []
        while len(kept) < min(service.replicas or 0, per_node * len(able)):
            kept.append(self._start(service, kept, able))
        self.tasks[name] = kept

    def remove(self, names: Sequence[str], *, stack: str | None) -> None:
        """What `docker service rm`, or `docker stack rm`, does to services and tasks."""
        self._called()
        of_stack = [n for n in self.services if stack is not None and n.startswith(f"{stack}_")]
        for gone in {*names, *of_stack} & set(self.services):
            del self.services[gone], self.tasks[gone]

    def observe(self) -> Snapshot:
        """A snapshot, one second later than the last."""
        self._called()
        self.clock += timedelta(seconds=1)
        return Snapshot(
            taken_at=self.clock,
            nodes=tuple(self.nodes.values()),
            services=tuple(self.services.values()),
            tasks=tuple(task for tasks in self.tasks.values() for task in tasks),
        )

    def lose(self, hostname: str) -> None:
        """A node goes down: its tasks start elsewhere where they may."""
        self.nodes[hostname] = replace(self.nodes[hostname], state="down")
        for name in self.services:
            self._reconcile(name)

    def back(self, hostname: str) -> None:
        """The node returns; Swarm does not rebalance."""
        self.nodes[hostname] = replace(self.nodes[hostname], state="ready")
        for name in self.services:
            self._reconcile(name)

    def where(self, name: str) -> list[str]:
        """Host names of the running tasks, sorted."""
        return sorted(
            next(n.hostname for n in self.nodes.values() if n.id == task.node_id)
            for task in self.tasks[name]
            if task.state == "running"
        )

    def _called(self) -> None:
        self.calls += 1
        if self.interrupt_at is not None and self.calls >= self.interrupt_at:
            self.interrupt_at = None
            raise KeyboardInterrupt

    def _update(self, name: str, body: Mapping[str, Any]) -> None:
        deploy = body.get("deploy") or {}
        constraints = list((deploy.get("placement") or {}).get("constraints") or [])
        spec = {
            "TaskTemplate": {
                "ContainerSpec": {"Image": body["image"]},
                "Placement": {"Constraints": constraints},
            }
        }
        self.services[name] = ObservedService(
            id=name,
            name=name,
            image=body["image"],
            mode=deploy.get("mode", "replicated"),
            replicas=deploy.get("replicas", 1),
            spec=spec,
        )
        self._reconcile(name)

    def _reconcile(self, name: str) -> None:
        service = self.services[name]
        template = service.spec["TaskTemplate"]
        able = [n for n in self.nodes.values() if n.ready and eligible(service, n)]
        wanted = len(able) if service.mode == "global" else service.replicas or 0
        kept = [
            task
            for task in self.tasks.get(name, [])
            if task.state == "running"
            and task.spec["ContainerSpec"] == template["ContainerSpec"]
            and any(node.id == task.node_id for node in able)
        ][:wanted]
        while len(kept) < wanted:
            kept.append(self._start(service, kept, able))
        self.tasks[name] = kept

    def _start(
        self, service: ObservedService, kept: list[ObservedTask], able: list[ObservedNode]
    ) -> ObservedTask:
        self.starts += 1
        loads = {node.id: sum(t.node_id == node.id for t in kept) for node in able}
        node = min(able, key=lambda n: loads[n.id], default=None)
        fails = service.image in self.broken
        state = "pending" if node is None else "failed" if fails else "running"
        return ObservedTask(
            id=f"task{self.starts}",
            service_id=service.id,
            node_id=node.id if node else None,
            state=state,
            desired_state="running",
            error="no suitable node" if node is None else "exit (1)" if fails else "",
            spec=service.spec["TaskTemplate"],
            timestamp=self.clock,
        )


def swarm_of(*hostnames: str, labels: Mapping[str, Mapping[str, str]] | None = None) -> FakeSwarm:
    """A swarm of ready nodes."""
    return FakeSwarm(
        nodes={
            name: ObservedNode(
                id=f"id-{name}",
                hostname=name,
                state="ready",
                labels=dict((labels or {}).get(name, {})),
            )
            for name in hostnames
        }
    )
