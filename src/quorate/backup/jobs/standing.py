"""How a job stands, by what Swarm says of its task; and what it has said itself. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from quorate.backup.jobs import spec
from quorate.backup.jobs.model import Answer, Job, Progress, Trouble
from quorate.errors import (
    DeployError,
    EngineError,
    LockedError,
    MachineError,
    QuorateError,
    RefusedError,
    RepositoryError,
    UnreachableError,
    UsageError,
)
from quorate.fleet.observed import ObservedNode, ObservedTask

PATIENCE_SECONDS = 120.0
"""How long a job may wait for its server to take it: a server that can take none says so at once,
in its task; one that is down may come back."""

OWN_REASONS = frozenset(("deadline", "ended", "locked-source", "different", "defect"))
"""Reasons that are no repository's."""
CODES = {
    error.exit_code: error
    for error in (UsageError, DeployError, MachineError, LockedError, RefusedError)
}


class Stage(StrEnum):
    """Where a job is. The last four are ends."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    REJECTED = "rejected"
    LOST = "lost"
    OVERDUE = "overdue"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A job's stage; `why` in Swarm's words; `code` is its exit code."""

    stage: Stage
    why: str = ""
    code: int | None = None

    @property
    def over(self) -> bool:
        return self.stage not in (Stage.WAITING, Stage.STARTING, Stage.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A job's service, as its labels tell it. Times by the clock of who started it."""

    id: str
    name: str
    run: str
    work: str
    source: str
    repository: str
    server: str
    started: datetime
    deadline: datetime

    @property
    def what(self) -> str:
        """The job in words: `backup of gibd-postgres`."""
        return f"{self.work} of {self.source or self.repository}"

    @classmethod
    def of(cls, job: Job, name: str, started: datetime) -> Begun:
        """A job that has no service yet."""
        return cls(
            id="",
            name=name,
            run=job.run,
            work=job.work.value,
            source=job.source,
            repository=job.repository.name,
            server=job.server,
            started=started,
            deadline=started,
        )


def begun(identity: str, name: str, labels: Mapping[str, str]) -> Begun | None:
    """The job a service is, by its labels; None: it is none."""
    started = _moment(labels.get(spec.LABEL_STARTED, ""))
    deadline = _moment(labels.get(spec.LABEL_DEADLINE, ""))
    if not labels.get(spec.LABEL) or started is None or deadline is None:
        return None
    return Begun(
        id=identity,
        name=name,
        run=labels[spec.LABEL],
        work=labels.get(spec.LABEL_WORK, ""),
        source=labels.get(spec.LABEL_SOURCE, ""),
        repository=labels.get(spec.LABEL_REPOSITORY, ""),
        server=labels.get(spec.LABEL_SERVER, ""),
        started=started,
        deadline=deadline,
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def standing(
    job: Begun, tasks: Iterable[ObservedTask], nodes: Iterable[ObservedNode], now: datetime
) -> Standing:
    """How a job stands, by its tasks (one at most: it is never started again)."""
    task = next(iter(tasks), None)
    if task is not None and (found := _ended(task, nodes)) is not None:
        return found
    if now > job.deadline:
        return Standing(stage=Stage.OVERDUE)
    if task is None or task.node_id is None or task.state in ("new", "pending"):
        why = (task.error or task.message) if task else "Swarm has made no task for it yet"
        late = (now - job.started).total_seconds() > PATIENCE_SECONDS
        return Standing(stage=Stage.REJECTED if late else Stage.WAITING, why=why)
    running = task.state == "running"
    return Standing(stage=Stage.RUNNING if running else Stage.STARTING, why=task.message)


def _ended(task: ObservedTask, nodes: Iterable[ObservedNode]) -> Standing | None:
    if task.state in ("complete", "failed", "shutdown"):
        return Standing(stage=Stage.ENDED, why=task.error, code=task.exit_code)
    if task.state == "rejected":
        return Standing(stage=Stage.REJECTED, why=task.error or task.message)
    if task.node_id is None:
        return None
    node = next((node for node in nodes if node.id == task.node_id), None)
    if node is None or node.state == "down" or task.state in ("orphaned", "remove"):
        return Standing(stage=Stage.LOST, why=node.state if node else "no longer in the swarm")
    return None


def last_progress(lines: Iterable[str]) -> Progress | None:
    """The last that a job said of how far it is."""
    for line in reversed(list(lines)):
        found = _event(line, "progress")
        if found is not None:
            try:
                return Progress.model_validate(found)
            except ValidationError:
                continue
    return None


def answer_of(lines: Iterable[str]) -> Answer | None:
    """A job's answer, its last word; None: it has said none (that can be read)."""
    for line in reversed(list(lines)):
        found = _event(line, "answer")
        if found is not None:
            try:
                return Answer.model_validate(found)
            except ValidationError:
                continue
    return None


def _event(line: str, name: str) -> object | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("event") == name else None


def why_failed(job: Begun, how: Standing, said: str) -> QuorateError:
    """The error for a job that ended without an answer.

    Args:
        said: the last that it wrote to standard error.
    """
    again = "the next run does what was not done; `quorate backup run` starts one now"
    match how.stage:
        case Stage.REJECTED:
            return _rejected(job, how.why)
        case Stage.LOST:
            return MachineError(
                f"{job.server} was lost during the {job.what}",
                cause=f"Swarm says that its node is {how.why}",
                todo=again,
            )
        case Stage.OVERDUE:
            return MachineError(
                f"the {job.what} had not ended at its deadline, and was removed",
                cause=said or "it hangs, or the deadline is too short for so much data",
                todo="look at the last lines of its log above, or give it a longer `deadline:`",
            )
    code = f"exit code {how.code}" if how.code is not None else "no exit code"
    return MachineError(
        f"the {job.what} ended without an answer ({code})",
        cause=said or how.why or "it was killed: by somebody, or for want of memory",
        todo=again,
    )


def _rejected(job: Begun, why: str) -> EngineError:
    """What the engine of its server, or Swarm, would not do."""
    todo = f"see `docker service ps` on a manager and the engine's log on {job.server}"
    if "bind source path does not exist" in why:
        path = why.rpartition(":")[2].strip()
        todo = f"make the directory on {job.server}: `mkdir -m 700 -p {path}`"
    elif "No such image" in why or "pull" in why:
        todo = "`quorate backup image` says how each server comes by the image"
    elif "no suitable node" in why:
        todo = f"`quorate status` shows {job.server}; bring it back, then run this again"
    return EngineError(f"{job.server} did not start the {job.what}", cause=why or None, todo=todo)


def error_of(trouble: Trouble) -> QuorateError:
    """A job's trouble as the error it is here."""
    cause, todo = trouble.cause or None, trouble.todo or None
    if trouble.reason and trouble.reason not in OWN_REASONS:
        return RepositoryError(trouble.what, reason=trouble.reason, cause=cause, todo=todo)
    kind = CODES.get(trouble.code, QuorateError)
    return kind(trouble.what, cause=cause, todo=todo)


def unreached(job: Begun, error: QuorateError) -> UnreachableError:
    """The error for a job that runs, and of which nothing can be seen any more."""
    return UnreachableError(
        f"nothing can be seen of the {job.what} any more",
        cause=error.what,
        todo="it goes on by itself: run the same command again to see its end",
    )
