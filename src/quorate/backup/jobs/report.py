"""What `quorate backup run` and `quorate backup list` print with `--json`. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from quorate.backup.jobs.decide import Decision, Refused
from quorate.backup.jobs.model import Copied
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.watching import Outcome
from quorate.errors import QuorateError
from quorate.fleet.base import Model


class PlannedJob(Model):
    """A job that would be started."""

    work: str = Field(description="`backup`, `copy`, `prove` …")
    source: str = Field(description="Empty where it is of several.")
    server: str = Field(description="Where it would run: where the data is.")
    repository: str
    origin: str = Field("", description="The repository that copies come from.")
    copy_id: str = Field("", description="The copy that is proven.")
    location: str = Field(description="How the job reaches the repository.")
    database: str = Field(description="How it reaches the database; empty: there is none.")
    networks: tuple[str, ...]
    secrets: tuple[str, ...] = Field(description="Names of Docker secrets; never their values.")
    mounts: tuple[str, ...] = Field(description="What it sees of its server, `SOURCE:TARGET`.")


class RefusedJob(Model):
    """What nothing can be started for, and why."""

    what: str = Field(description="The source, or the repository.")
    error: dict[str, Any] = Field(description="As every error is printed.")


class RunDryRun(Model):
    """What `quorate backup run` would start."""

    image: str
    jobs: tuple[PlannedJob, ...]
    refused: tuple[RefusedJob, ...]
    then: tuple[str, ...] = Field((), description="What would follow, in words.")


class BackupOutcome(Model):
    """How the backup of a source ended."""

    source: str
    server: str
    repository: str
    run: str = Field(description="The key of the run; a repeated run has the same.")
    outcome: Literal["done", "failed"]
    copies: tuple[Copied, ...] = ()
    seconds: float = Field(0.0, description="As the job measured.")
    size: int = Field(0, description="Bytes of the copy.")
    added: int = Field(0, description="Bytes that are new in the repository.")
    peak: int = Field(0, description="Memory at most, bytes.")
    findings: tuple[str, ...] = Field((), description="What people should know nevertheless.")
    error: dict[str, Any] | None = Field(None, description="As every error is printed.")


class CopiesReport(Model):
    """All copies in the fleet's repositories, the oldest first."""

    copies: tuple[Copied, ...]
    unread: tuple[RefusedJob, ...] = Field(
        (), description="Repositories whose copies are not known, and why."
    )


def dry_run(decision: Decision, image: str, then: Iterable[str] = ()) -> RunDryRun:
    """What would be started."""
    return RunDryRun(
        image=image,
        then=tuple(then),
        jobs=tuple(_planned(start) for start in decision.starts),
        refused=refused(decision.refused),
    )


def outcome_of(outcome: Outcome) -> BackupOutcome:
    """The outcome of a job."""
    job, answer = outcome.job, outcome.answer
    said = {} if answer is None else answer.model_dump(
        include={"seconds", "size", "added", "peak", "findings"}
    )  # fmt: skip
    return BackupOutcome(
        source=job.source,
        server=job.server,
        repository=job.repository,
        run=job.run,
        outcome="failed" if outcome.error else "done",
        copies=answer.copies if answer else (),
        error=outcome.error.as_json() if outcome.error else None,
        **said,
    )


def refused(found: Iterable[Refused]) -> tuple[RefusedJob, ...]:
    """What was refused."""
    return tuple(RefusedJob(what=one.what, error=one.error.as_json()) for one in found)


def copies_of(outcomes: Iterable[Outcome], others: Iterable[Refused]) -> CopiesReport:
    """The copies that lists have found."""
    every = list(outcomes)
    copies = [copy for one in every if one.answer and not one.error for copy in one.answer.copies]
    unread = [
        Refused(what=one.job.repository, error=one.error) for one in every if one.error is not None
    ]
    return CopiesReport(
        copies=tuple(sorted(copies, key=_order)), unread=refused((*others, *unread))
    )


def errors_of(outcomes: Iterable[Outcome], others: Iterable[Refused]) -> list[QuorateError]:
    """Every error of a round, those that were refused first."""
    ended = [one.error for one in outcomes if one.error is not None]
    return [*(one.error for one in others), *ended]


def _order(copy: Copied) -> tuple[datetime, str, str]:
    return copy.taken, copy.source, copy.repository


def _planned(start: Start) -> PlannedJob:
    job = start.job
    reach = job.reach
    return PlannedJob(
        work=job.work.value,
        source=job.source,
        server=job.server,
        repository=job.repository.name,
        origin=job.origin.name if job.origin else "",
        copy_id=job.snapshot,
        location=job.repository.location,
        database=f"{reach.host}:{reach.port}" if reach else "",
        networks=start.networks,
        secrets=tuple(one.deployed or one.name for one in start.secrets),
        mounts=tuple(
            f"{one.source}:{one.target}" + (":ro" if one.read_only else "") for one in start.mounts
        ),
    )
