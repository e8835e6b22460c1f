"""Keeping a service still while its volumes are read: what is recorded, and what is done. Pure.

A GitLab is not kept still: it restores itself, and answers nobody meanwhile. Its health check is
taken away for that time (`UNWATCHED`), or Swarm would replace it in the middle of it.

The record lies in the service's own labels. It is written by the very update that scales the
service down and removed by the very update that scales it up, so that there is no moment at which
a service is down and nothing says who did it, how many replicas it had, and until when.

Specs are the engine's own (`Spec` of GET /services): they go back as they came, but for what is
changed here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

PREFIX = "quorate.quiesce."
RUN, SOURCE = f"{PREFIX}run", f"{PREFIX}source"
REPLICAS, DEADLINE = f"{PREFIX}replicas", f"{PREFIX}deadline"
AWAITED, JOB = f"{PREFIX}awaited", f"{PREFIX}job"
CHECK = f"{PREFIX}healthcheck"
"""The health check that was taken away, as JSON; empty: it had none but its image's."""

UNWATCHED = "unwatched"
"""The method that takes a service's health check away and lets it run."""
NO_CHECK = {"Test": ["NONE"]}

START_SECONDS = 60.0
"""A job is started within moments once services have stopped; a manager may be lost just then."""
GRACE_SECONDS = 10.0
"""How long a service may take to stop where it does not say: the engine's own default."""

Spec = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """Who keeps a service still: the key of the run, its source, until when (UTC).

    `replicas`: how many the service had before. `job`: the run of the job that reads now, empty
    while it, or the next of several, is awaited: until `awaited`, then whoever was to start it is
    dead.
    """

    run: str
    source: str
    replicas: int
    deadline: datetime
    awaited: datetime | None = None
    job: str = ""

    @property
    def labels(self) -> dict[str, str]:
        said = {
            RUN: self.run,
            SOURCE: self.source,
            REPLICAS: str(self.replicas),
            DEADLINE: self.deadline.astimezone(UTC).isoformat(),
        }
        if self.awaited is not None:
            said[AWAITED] = self.awaited.astimezone(UTC).isoformat()
        return said | ({JOB: self.job} if self.job else {})


@dataclass(frozen=True, kw_only=True)
class Stale:
    """A service that is kept still by nobody any more: its id and name, and why."""

    id: str
    name: str
    run: str
    why: str


def labels_of(spec: Spec) -> dict[str, str]:
    """A service's own labels."""
    return {str(key): str(value) for key, value in (spec.get("Labels") or {}).items()}


def marked(spec: Spec) -> bool:
    """Whether anything says that the service is kept still, readable or not."""
    return any(key.startswith(PREFIX) for key in labels_of(spec))


def record_of(spec: Spec) -> Record | None:
    """The record; None where there is none, or none that can be read."""
    labels = labels_of(spec)
    try:
        deadline = datetime.fromisoformat(labels[DEADLINE])
        replicas = int(labels[REPLICAS])
        if deadline.tzinfo is None or replicas < 0 or not labels[RUN]:
            return None
        return Record(
            run=labels[RUN],
            source=labels.get(SOURCE, ""),
            replicas=replicas,
            deadline=deadline.astimezone(UTC),
            awaited=_moment(labels.get(AWAITED, "")),
            job=labels.get(JOB, ""),
        )
    except (KeyError, ValueError):
        return None


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def replicas_of(spec: Spec) -> int | None:
    """How many replicas a service is to have; None where it has no such number (global, jobs)."""
    replicated = (spec.get("Mode") or {}).get("Replicated")
    if replicated is None:
        return None
    count = replicated.get("Replicas")
    return 1 if count is None else int(count)


def why_not(method: str, spec: Spec, *, undoing: bool = False) -> str | None:
    """Why a service cannot be kept still by a method; None where it can.

    Args:
        method: as `quorate.fleet.backup.Quiesce` has them.
        spec: the service's.
        undoing: something on the server itself undoes a pause when whoever made it is gone.
    """
    if method == "freeze":
        return (
            "a file system that is frozen stays so when whoever froze it is killed, and the "
            "server's engine with it; nothing could undo that. Use `stop`"
        )
    if method == "pause" and not undoing:
        return (
            "a paused container stays so when whoever paused it is killed: nothing on its server "
            "would undo it. Use `stop`"
        )
    if method == "stop" and replicas_of(spec) is None:
        return (
            "only services with a number of replicas can be scaled to 0; this one is global, or "
            "a job. Use `none`, with `sqlite:` for its databases"
        )
    return None


def kept_by_other(spec: Spec, run: str, now: datetime, active: Collection[str] | None) -> bool:
    """Whether another run keeps the service still now, and is not dead."""
    record = record_of(spec)
    return record is not None and record.run != run and _why_stale(record, now, active) is None


def stopped(spec: Spec, record: Record) -> dict[str, Any]:
    """The spec that scales a service to 0 and says who did.

    Where the service is down by an earlier record, the replicas are those of that record; a
    health check that an earlier one took away is there again.
    """
    spec = resumed(spec) if CHECK in labels_of(spec) else spec
    earlier = record_of(spec)
    current = replicas_of(spec) or 0
    if earlier is not None and current == 0:
        current = earlier.replicas
    labels = {**_without(spec), **_with_replicas(record, current).labels}
    return {**spec, "Labels": labels, "Mode": _mode(spec, 0)}


def unwatched(spec: Spec, record: Record) -> dict[str, Any]:
    """The spec of a service that runs without a health check, and says who took it away.

    One that an earlier record has stopped runs again.
    """
    spec = spec if CHECK in labels_of(spec) or record_of(spec) is None else resumed(spec)
    labels, template = labels_of(spec), dict(spec.get("TaskTemplate") or {})
    container = dict(template.get("ContainerSpec") or {})
    had = labels.get(CHECK)
    if had is None:
        had = json.dumps(container["Healthcheck"]) if container.get("Healthcheck") else ""
    container["Healthcheck"] = NO_CHECK
    mine = _with_replicas(record, replicas_of(spec) or 0).labels | {CHECK: had}
    return {
        **spec,
        "Labels": {**_without(spec), **mine},
        "TaskTemplate": {**template, "ContainerSpec": container},
    }


def stopping_seconds(spec: Spec) -> float:
    """How long the tasks of a service may take to end."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    period = container.get("StopGracePeriod")
    return GRACE_SECONDS if period is None else int(period) / 1e9


def noted(spec: Spec, run: str, job: str, now: datetime) -> dict[str, Any] | None:
    """The spec that says which job of the run reads now; none (empty): the next one is awaited.

    None where the service is not kept still by this run any more.
    """
    record = record_of(spec)
    if record is None or record.run != run:
        return None
    awaited = now + timedelta(seconds=START_SECONDS)
    check = {key: value for key, value in labels_of(spec).items() if key == CHECK}
    labels = {**_without(spec), **check, **replace(record, job=job, awaited=awaited).labels}
    return {**spec, "Labels": labels}


def resumed(spec: Spec, previous: Spec | None = None) -> dict[str, Any]:
    """The spec that ends it: no record, and as many replicas as before.

    A service that somebody has scaled meanwhile stays as that person wants. Where the record
    cannot be read, the replicas are those of the spec before (`PreviousSpec`), or 1. A health
    check that was taken away is there again.
    """
    record, current = record_of(spec), replicas_of(spec)
    if CHECK in labels_of(spec):
        return {**_watched(spec), "Labels": _without(spec)}
    if current == 0:
        before = (replicas_of(previous) if previous else None) or 1
        current = record.replicas if record is not None else before
    mode = spec.get("Mode") if current is None else _mode(spec, current)
    return {**spec, "Labels": _without(spec), "Mode": mode}


def held(spec: Spec, run: str) -> bool:
    """Whether the service is still kept still by this run: nobody scaled or deployed it."""
    record = record_of(spec)
    if record is None or record.run != run:
        return False
    return replicas_of(spec) == 0 or (CHECK in labels_of(spec) and not has_check(spec))


def has_check(spec: Spec) -> bool:
    """Whether a service, or a task by its own spec, may be replaced for its health."""
    template = spec.get("TaskTemplate") or spec
    check = (template.get("ContainerSpec") or {}).get("Healthcheck") or {}
    return list(check.get("Test") or ()) != NO_CHECK["Test"]


def _watched(spec: Spec) -> dict[str, Any]:
    """With the health check it had, unless somebody gave it another one meanwhile."""
    if has_check(spec):
        return dict(spec)
    template = dict(spec.get("TaskTemplate") or {})
    container = dict(template.get("ContainerSpec") or {})
    container.pop("Healthcheck", None)
    had = labels_of(spec).get(CHECK, "")
    with suppress(ValueError):
        container |= {"Healthcheck": json.loads(had)} if had else {}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}


def stale(
    services: Iterable[Mapping[str, Any]], now: datetime, active: Collection[str] | None = None
) -> tuple[Stale, ...]:
    """The services that must be let go, of those that an engine lists.

    Args:
        services: as GET /services has them.
        now: by the swarm's own clock, which the deadlines are of.
        active: keys of the runs whose jobs are there, looked up after the services were listed;
            None: nobody knows, deadlines count alone.
    """
    return tuple(_stale(services, now, active))


def _stale(
    services: Iterable[Mapping[str, Any]], now: datetime, active: Collection[str] | None
) -> Iterator[Stale]:
    for service in services:
        spec = service.get("Spec") or {}
        if not marked(spec):
            continue
        record = record_of(spec)
        if record is not None and record.awaited is None:
            record = replace(record, awaited=_by_its_update(service))
        why = "its record cannot be read" if record is None else _why_stale(record, now, active)
        if why is not None:
            yield Stale(
                id=str(service.get("ID") or ""),
                name=str(spec.get("Name") or ""),
                run=record.run if record else "",
                why=why,
            )


def _why_stale(record: Record, now: datetime, active: Collection[str] | None) -> str | None:
    """Why nobody is behind a record any more; None: somebody may be.

    The deadline always counts. Before it, what counts is the job that reads: it is there, or it is
    gone, or it was not started yet, which is no longer so after a while.
    """
    if now > record.deadline:
        return f"the run {record.run} should have ended by {record.deadline:%Y-%m-%d %H:%M:%S} UTC"
    if active is None or (record.job or record.run) in active:
        return None
    if record.job or record.awaited is None:
        return f"the run {record.run} has ended"
    return f"no job was started for the run {record.run}" if now > record.awaited else None


def _by_its_update(service: Mapping[str, Any]) -> datetime | None:
    """Until when a job is awaited for a record that does not say: by when it was written."""
    written = _moment(str(service.get("UpdatedAt") or ""))
    if written is None:
        return None
    patience = stopping_seconds(service.get("Spec") or {}) + START_SECONDS
    return written + timedelta(seconds=patience)


def _without(spec: Spec) -> dict[str, str]:
    return {key: value for key, value in labels_of(spec).items() if not key.startswith(PREFIX)}


def _with_replicas(record: Record, replicas: int) -> Record:
    return replace(record, replicas=replicas)


def _mode(spec: Spec, replicas: int) -> dict[str, Any]:
    mode = dict(spec.get("Mode") or {})
    return {**mode, "Replicated": {**(mode.get("Replicated") or {}), "Replicas": replicas}}
