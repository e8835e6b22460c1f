"""What changes in the swarm while a fault lasts: snapshots into beats. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quorate.drill.aim import leader_of
from quorate.drill.model import Beat, Phase, Recovered
from quorate.fleet.model import Fleet, Service
from quorate.fleet.observed import ObservedTask, Snapshot
from quorate.observe.recovery import eligible, max_replicas_per_node
from quorate.predict.model import Failure, Span

STARTED = ("starting", "running", "complete")
"""States of a task whose container's process has begun (swarmkit, api/types.proto)."""

LOOKING = 0.5
"""Seconds either way that a measure may be off, by looking only now and then."""


class Watch:
    """One fault's course, as far as it was seen. Times in seconds from its begin."""

    def __init__(self, fleet: Fleet, before: Snapshot, hit: Sequence[str]) -> None:
        self.fleet, self.before, self.hit = fleet, before, frozenset(hit)
        self.leader = leader_of(before)
        self.noticed: float | None = None
        self.new_leader: float | None = None
        self.beats: list[Beat] = []
        self.assigned: dict[str, float] = {}
        self.started: dict[str, float] = {}
        self.running: dict[str, float] = {}
        self.went_to: dict[str, frozenset[str]] = {}
        self.affected = {item.id: item for item in fleet.swarm_services() if self._lost(item)}
        self.lost = {name: self._lost(item) for name, item in self.affected.items()}
        self.wanted = {name: self._wanted(item) for name, item in self.affected.items()}
        self._known = {task.id for task in before.tasks}
        self._down: set[str] = set()

    def see(self, now: Snapshot, at: float) -> None:
        """Take a snapshot in."""
        self._see_nodes(now, at)
        hosts = {node.id: node.hostname for node in now.nodes}
        for name, service in self.affected.items():
            live = now.service(service.swarm_name)
            if live is None:
                continue
            tasks = [t for t in now.tasks if t.service_id == live.id and t.id not in self._known]
            placed = [t for t in tasks if t.node_id and hosts.get(t.node_id) not in self.hit]
            if placed and name not in self.assigned:
                self.assigned[name] = at
                where = ", ".join(sorted({hosts[t.node_id or ""] for t in placed}))
                self._beat(at, "assigned", service=name, server=where)
            begun = [task for task in placed if task.state in STARTED]
            if name not in self.started and len(begun) >= self.lost[name]:
                self.started[name] = at
            self._see_running(name, now.running(live), hosts, at)

    @property
    def movable(self) -> tuple[str, ...]:
        """The services hit that may have more tasks running than are left."""
        return tuple(name for name, count in self.wanted.items() if count > self._left(name))

    @property
    def over(self) -> bool:
        """Whether all that may come back has, and the swarm has noticed."""
        return self.noticed is not None and all(name in self.running for name in self.movable)

    @property
    def misled(self) -> tuple[str, ...]:
        """Servers that were well, and taken for lost."""
        return tuple(sorted(self._down - self.hit))

    def recovered(self, failure: Failure | None) -> tuple[Recovered, ...]:
        """Every service hit, beside what was predicted for it."""
        fates = {fate.service: fate for fate in failure.fates} if failure else {}
        found = []
        for name, service in self.affected.items():
            fate = fates.get(name)
            movable = name in self.movable
            places = set(self.went_to.get(name, frozenset()))
            predicted = fate.whole if fate is not None and movable else None
            found.append(
                Recovered(
                    service=name,
                    tasks=self.lost[name],
                    may_move=movable,
                    assigned=self.assigned.get(name),
                    started=self.started.get(name),
                    running=self.running.get(name) if movable else None,
                    target=service.recovery_target or self.fleet.policy.recovery_target,
                    went_to=tuple(sorted(places)),
                    possible=fate is None or places <= set(fate.goes_to),
                    phase=compared("running", predicted, self.running.get(name)),
                )
            )
        return tuple(sorted(found, key=lambda item: (not item.may_move, item.service)))

    def phases(self, failure: Failure | None) -> tuple[Phase, ...]:
        """The phases of the whole, beside what was predicted."""
        if failure is None:
            return ()
        restored = None
        if self.movable and all(name in self.running for name in self.movable):
            restored = max(self.running[name] for name in self.movable)
        led = self.new_leader if self.leader in self.hit else None
        return tuple(
            phase
            for phase in (
                compared("noticed", failure.noticed, self.noticed),
                compared("new leader", failure.leaderless, led),
                compared("all running", failure.restored if self.movable else None, restored),
            )
            if phase.predicted is not None or phase.measured is not None
        )

    def _see_nodes(self, now: Snapshot, at: float) -> None:
        leader = leader_of(now)
        if leader and leader != self.leader and self.new_leader is None:
            self.new_leader = at
            self._beat(at, "leads", server=leader)
        for node in now.nodes:
            if node.state == "down" and node.hostname not in self._down:
                self._down.add(node.hostname)
                self._beat(at, "down", server=node.hostname)
        if self.noticed is None and self._down >= self.hit:
            self.noticed = at

    def _see_running(
        self, name: str, tasks: Sequence[ObservedTask], hosts: Mapping[str, str], at: float
    ) -> None:
        elsewhere = [t for t in tasks if hosts.get(t.node_id or "") not in self.hit]
        new = {hosts[t.node_id or ""] for t in elsewhere if t.id not in self._known}
        self.went_to[name] = self.went_to.get(name, frozenset()) | new
        waited_for = name in self.movable and name not in self.running
        if waited_for and len(elsewhere) >= self.wanted[name]:
            self.running[name] = at
            self._beat(at, "running", service=name, server=", ".join(sorted(new)))

    def _beat(self, at: float, what: str, *, service: str = "", server: str = "") -> None:
        self.beats.append(Beat(at=round(at, 2), what=what, service=service, server=server))

    def _tasks(self, service: Service) -> list[str]:
        """Where its tasks ran before."""
        live = self.before.service(service.swarm_name)
        if live is None or live.mode != "replicated":
            return []
        hosts = {node.id: node.hostname for node in self.before.nodes}
        return [hosts.get(task.node_id or "", "") for task in self.before.running(live)]

    def _lost(self, service: Service) -> int:
        return sum(place in self.hit for place in self._tasks(service))

    def _left(self, name: str) -> int:
        return len(self._tasks(self.affected[name])) - self.lost[name]

    def _wanted(self, service: Service) -> int:
        live = self.before.service(service.swarm_name)
        if live is None:
            return 0
        others = [n for n in self.before.nodes if n.hostname not in self.hit and n.ready]
        able = sum(eligible(live, node) for node in others)
        tasks, most = len(self._tasks(service)), max_replicas_per_node(live)
        return min(tasks, able * most) if most else tasks * bool(able)


def compared(name: str, predicted: Span | None, measured: float | None) -> Phase:
    """A measure beside its prediction."""
    inside = None
    if predicted is not None and measured is not None:
        inside = predicted.low - LOOKING <= measured <= predicted.high + LOOKING
    shown = round(measured, 2) if measured is not None else None
    return Phase(name=name, predicted=predicted, measured=shown, inside=inside)
