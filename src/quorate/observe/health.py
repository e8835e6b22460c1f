"""The state of a fleet in words: its servers, its services, and what is wrong. Pure.

A service's tasks count as running when Swarm says so on a node that is ready;
Swarm keeps a task in `starting` until its health check passes, so running
means healthy wherever there is a check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from quorate.fleet.model import Model, Service
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.observe.recovery import eligible

RECENT = timedelta(minutes=10)
STEADY = timedelta(minutes=2)
FAILED_STATES = ("failed", "rejected", "orphaned")
DIED_BEFORE = 2
"""Tasks that failed lately before a service that is not running counts as failing."""


class Condition(StrEnum):
    """How a service is. In order of gravity for a table."""

    MISSING = "missing"
    FAILING = "failing"
    PENDING = "pending"
    STARTING = "starting"
    UNKNOWN = "unknown"
    STOPPED = "stopped"
    DONE = "done"
    HEALTHY = "healthy"

    @property
    def good(self) -> bool:
        return self in (Condition.HEALTHY, Condition.DONE, Condition.STOPPED)


class ServiceHealth(Model):
    """One service. `where` has one server per running task; `homes` are the planned ones.

    `at_home` is None where no home is known. `update` is empty, or updating,
    paused, rolling back, rolled back. `failures` counts tasks that failed in
    the last minutes (Swarm remembers a few per replica). `words` are Swarm's own.
    """

    id: str
    name: str
    stack: str
    mode: str = "replicated"
    condition: Condition
    running: int = 0
    desired: int = 0
    where: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()
    at_home: bool | None = None
    update: str = ""
    failures: int = 0
    words: str = ""


UPDATES = {
    "updating": "updating",
    "paused": "update paused",
    "rollback_started": "rolling back",
    "rollback_paused": "rollback paused",
    "rollback_completed": "rolled back",
}


def service_health(
    service: Service, snapshot: Snapshot, homes: tuple[str, ...] | None
) -> ServiceHealth:
    """The state of one service of the fleet file, by what the swarm says."""
    live = snapshot.service(service.swarm_name)
    if live is None:
        return ServiceHealth(
            id=service.id,
            name=service.swarm_name,
            stack=service.stack,
            mode=service.mode.value,
            condition=Condition.MISSING,
            homes=homes or (),
            words="not deployed",
        )
    tasks = tuple(task for task in snapshot.tasks if task.service_id == live.id)
    running = snapshot.running(live)
    where = _places(running, snapshot)
    wanted = desired(live, snapshot)
    condition = _condition(live, tasks, len(running), wanted, snapshot.taken_at)
    return ServiceHealth(
        id=service.id,
        name=service.swarm_name,
        stack=service.stack,
        mode=live.mode,
        condition=condition,
        running=len(running),
        desired=wanted,
        where=where,
        homes=homes or (),
        at_home=_at_home(where, homes, live, snapshot),
        update=UPDATES.get(live.update_state or "", ""),
        failures=0
        if condition is Condition.HEALTHY and _steady(running, snapshot.taken_at)
        else len(_failed(tasks, snapshot.taken_at)),
        words=_words(live, tasks, condition, snapshot.taken_at),
    )


def unseen(
    service: Service, seen: Mapping[str, tuple[str, ...]], homes: tuple[str, ...] | None
) -> ServiceHealth:
    """What the servers' containers alone tell of a service, without a working swarm."""
    where = seen.get(service.swarm_name, ())
    return ServiceHealth(
        id=service.id,
        name=service.swarm_name,
        stack=service.stack,
        mode=service.mode.value,
        condition=Condition.UNKNOWN,
        running=len(where),
        desired=service.replicas,
        where=where,
        homes=homes or (),
        at_home=sorted(where) == sorted(homes) if homes and where else None,
        words="has running containers" if where else "no running container seen",
    )


def desired(service: ObservedService, snapshot: Snapshot) -> int:
    """How many tasks should run: for a global service one per ready node it may use."""
    if not service.mode.startswith("global"):
        return service.replicas if service.replicas is not None else 1
    nodes = [n for n in snapshot.nodes if n.ready and n.availability == "active"]
    return sum(eligible(service, node) for node in nodes)


def _condition(
    service: ObservedService,
    tasks: tuple[ObservedTask, ...],
    running: int,
    wanted: int,
    now: datetime,
) -> Condition:
    if wanted == 0:
        return Condition.STOPPED
    if running >= wanted:
        return Condition.HEALTHY
    if _ends(service) and any(task.state == "complete" for task in tasks):
        return Condition.DONE
    current = {t.state for t in tasks if t.desired_state in ("running", "ready")}
    if len(_failed(tasks, now)) >= DIED_BEFORE or not current:
        return Condition.FAILING
    if "pending" in current:
        return Condition.PENDING
    return Condition.STARTING


def _ends(service: ObservedService) -> bool:
    """Whether its tasks are meant to end: a job, or a restart policy that leaves them ended."""
    policy = (service.spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    return "job" in service.mode or policy.get("Condition") in ("none", "on-failure")


def recent(task: ObservedTask, now: datetime) -> bool:
    """Whether this task's state is of the last minutes."""
    return task.timestamp is not None and now - task.timestamp <= RECENT


def _failed(tasks: tuple[ObservedTask, ...], now: datetime) -> list[ObservedTask]:
    return [task for task in tasks if task.state in FAILED_STATES and recent(task, now)]


def _steady(running: Iterable[ObservedTask], now: datetime) -> bool:
    """Whether the running tasks have run for a while: earlier failures are then over."""
    return all(task.timestamp is not None and now - task.timestamp > STEADY for task in running)


def _words(
    service: ObservedService,
    tasks: tuple[ObservedTask, ...],
    condition: Condition,
    now: datetime,
) -> str:
    """Swarm's own words: why it waits, else why it lately failed; nothing when all is well."""
    if service.update_state in ("paused", "rollback_paused", "rollback_completed"):
        return service.update_message or ""
    running = [t for t in tasks if t.state == "running" and t.desired_state == "running"]
    steady = condition is Condition.HEALTHY and _steady(running, now)
    if steady or (condition.good and condition is not Condition.HEALTHY):
        return ""
    waiting = [t for t in tasks if t.desired_state in ("running", "ready") and t.error]
    failed = [t for t in _failed(tasks, now) if t.error]
    for group in (waiting, failed):
        if group:
            return max(group, key=lambda t: t.timestamp or now).error
    if condition is Condition.HEALTHY:
        return ""
    current = [t for t in tasks if t.desired_state in ("running", "ready") and t.message]
    return f"{current[0].state}: {current[0].message}" if current else "no task is running"


def _at_home(
    where: tuple[str, ...],
    homes: tuple[str, ...] | None,
    service: ObservedService,
    snapshot: Snapshot,
) -> bool | None:
    if not homes or not where:
        return None
    if service.mode.startswith("global"):
        ready = {node.hostname for node in snapshot.nodes if node.ready}
        return set(where) >= set(homes) & ready
    return set(where) <= set(homes) if len(where) < len(homes) else sorted(where) == sorted(homes)


def _places(tasks: tuple[ObservedTask, ...], snapshot: Snapshot) -> tuple[str, ...]:
    names = {node.id: node.hostname for node in snapshot.nodes}
    return tuple(sorted(names.get(task.node_id or "", "?") for task in tasks))
