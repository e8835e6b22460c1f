"""When is a service settled? Pure judgement of one snapshot, and the words for failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from quorate.deploy.steer import places
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedService, ObservedTask, Snapshot
from quorate.observe.recovery import eligible

FAILURES_TO_GIVE_UP = 4
"""Tasks of one service that may fail after a deployment before it counts as failed.

Services that start before their database does fail once or twice and then come up.
"""

FAILED_STATES = ("failed", "rejected")
ENDED_UPDATES = ("paused", "rollback_started", "rollback_paused", "rollback_completed")


class Outcome(StrEnum):
    WAITING = "waiting"
    HEALTHY = "healthy"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one service does: `running` of `desired` tasks, `where`, and Swarm's words."""

    swarm_name: str
    outcome: Outcome
    running: int = 0
    desired: int = 0
    where: tuple[str, ...] = ()
    phase: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What to wait for. `since` is when this deployment began (UTC, the manager's clock).

    `held_at` are the only acceptable host names, None when any will do;
    `patience` is the number of seconds after which waiting counts as failure.
    """

    swarm_name: str
    since: datetime
    held_at: frozenset[str] | None = None
    patience: float = 300.0


def judge(expected: Expectation, snapshot: Snapshot) -> Verdict:
    """Judge one service by one snapshot.

    Healthy means: as many tasks of the current specification run on ready nodes
    as are wanted (Swarm keeps a task in `starting` until its health check
    passes), no other task is meant to run, and no update is under way.
    """
    service = snapshot.service(expected.swarm_name)
    if service is None:
        return _late(
            expected,
            snapshot,
            Verdict(
                swarm_name=expected.swarm_name, outcome=Outcome.WAITING, phase="not created yet"
            ),
        )
    tasks = [task for task in snapshot.tasks if task.service_id == service.id]
    good = _good_tasks(expected, service, snapshot)
    desired = _desired(service, snapshot)
    verdict = Verdict(
        swarm_name=expected.swarm_name,
        outcome=Outcome.WAITING,
        running=len(good),
        desired=desired,
        where=places(good, snapshot),
        phase=_phase(service, tasks),
        detail=_words(tasks, expected.since),
    )
    if service.update_state in ENDED_UPDATES:
        said = service.update_message or service.update_state
        return _as(verdict, Outcome.FAILED, detail=f"{said}; {verdict.detail}".strip("; "))
    if _settled(service, tasks, good, desired):
        return _as(verdict, Outcome.HEALTHY, phase="healthy", detail="")
    failures = [t for t in _since(tasks, expected.since) if t.state in FAILED_STATES]
    if len(failures) >= FAILURES_TO_GIVE_UP * max(1, desired):
        return _as(verdict, Outcome.FAILED)
    return _late(expected, snapshot, verdict)


def resting(fleet: Fleet, snapshot: Snapshot) -> frozenset[str]:
    """Services by their ids of which no task has to run: none is wanted, or one ran to its end."""
    live = ((one.id, snapshot.service(one.swarm_name)) for one in fleet.swarm_services())
    return frozenset(name for name, one in live if one is not None and _rests(one, snapshot))


def _rests(service: ObservedService, snapshot: Snapshot) -> bool:
    mine = (task for task in snapshot.tasks if task.service_id == service.id)
    once = "job" in service.mode or _runs_once(service)
    done = once and any(task.state == "complete" for task in mine)
    return done or _desired(service, snapshot) == 0


def _as(verdict: Verdict, outcome: Outcome, **changes: Any) -> Verdict:
    return Verdict(**{**vars(verdict), "outcome": outcome, **changes})


def _late(expected: Expectation, snapshot: Snapshot, verdict: Verdict) -> Verdict:
    waited = (snapshot.taken_at - expected.since).total_seconds()
    if waited <= expected.patience:
        return verdict
    detail = verdict.detail or f"still {verdict.phase or 'waiting'} after {waited:.0f} s"
    return _as(verdict, Outcome.FAILED, detail=detail)


def _settled(
    service: ObservedService,
    tasks: list[ObservedTask],
    good: tuple[ObservedTask, ...],
    desired: int,
) -> bool:
    if service.update_state == "updating":
        return False
    if "job" in service.mode:
        return any(task.state == "complete" for task in tasks)
    if _runs_once(service) and any(task.state == "complete" for task in tasks):
        return True
    good_ids = {task.id for task in good}
    wanted = {t.id for t in tasks if t.desired_state in ("running", "ready")}
    return len(good) >= desired and wanted <= good_ids


def _runs_once(service: ObservedService) -> bool:
    template = service.spec.get("TaskTemplate") or {}
    return bool((template.get("RestartPolicy") or {}).get("Condition") == "none")


def _good_tasks(
    expected: Expectation, service: ObservedService, snapshot: Snapshot
) -> tuple[ObservedTask, ...]:
    names = {node.id: node.hostname for node in snapshot.nodes}
    return tuple(
        task
        for task in snapshot.running(service)
        if is_current(task, service)
        and (expected.held_at is None or names.get(task.node_id or "") in expected.held_at)
    )


def is_current(task: ObservedTask, service: ObservedService) -> bool:
    """Whether a task was made from the service's present template, placement aside.

    Follows swarmkit's orchestrator/task.go:IsTaskDirty, which ignores placement.
    """
    template = service.spec.get("TaskTemplate") or {}
    if not task.spec:
        return True
    return all(
        (task.spec.get(key) or None) == (template.get(key) or None)
        for key in ("ContainerSpec", "Resources", "ForceUpdate")
    )


def _desired(service: ObservedService, snapshot: Snapshot) -> int:
    if service.mode != "global":
        return service.replicas if service.replicas is not None else 1
    ready = [n for n in snapshot.nodes if n.ready and n.availability == "active"]
    return sum(eligible(service, node) for node in ready)


def _since(tasks: list[ObservedTask], moment: datetime) -> list[ObservedTask]:
    return [task for task in tasks if task.timestamp is None or task.timestamp >= moment]


def _phase(service: ObservedService, tasks: list[ObservedTask]) -> str:
    if service.update_state == "updating":
        return "updating"
    states = [t.state for t in tasks if t.desired_state in ("running", "ready")]
    for state in ("pending", "assigned", "accepted", "preparing", "ready", "starting", "running"):
        if state in states:
            return state
    return states[0] if states else "no task yet"


def _words(tasks: list[ObservedTask], moment: datetime) -> str:
    """Swarm's own last words about this service: the newest error, else the pending reason."""
    recent = sorted(
        (task for task in _since(tasks, moment) if task.error),
        key=lambda task: (task.timestamp is not None, task.timestamp),
    )
    return recent[-1].error if recent else ""
