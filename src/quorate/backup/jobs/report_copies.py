"""What `quorate backup run`, `copy`, `prove`, `restore` and `prune` print with `--json`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from quorate.backup.jobs.decide_copies import Keeping
from quorate.backup.jobs.decide_restore import Restoring
from quorate.backup.jobs.model import Copied, Job
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.report import BackupOutcome, RefusedJob, outcome_of
from quorate.backup.jobs.watching import Outcome
from quorate.backup.model import Snapshot
from quorate.errors import QuorateError
from quorate.fleet.base import Model

DIFFERENT = "different"
"""The reason of a copy that is not what it was made of (`quorate.backup.jobs.model.Trouble`)."""
VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""


class CopyOutcome(BackupOutcome):
    """How bringing copies to another repository ended; of several sources: `source` is empty."""

    origin: str = Field(description="The repository that they came from.")


class ProofOutcome(Model):
    """What came of the proof of one copy."""

    source: str
    repository: str
    copy_id: str = Field(description="The copy's id in the repository.")
    taken: datetime | None = None
    server: str = Field(description="Where it was restored.")
    run: str
    proven: bool | None = Field(description="null: it could not be tried; `error` says why.")
    seconds: float = Field(0.0, description="How long the restore took: the recovery time.")
    size: int = Field(0, description="Bytes of the copy.")
    peak: int = Field(0, description="Memory of the whole proof at most, bytes.")
    differences: tuple[str, ...] = Field((), description="What is not as it was, in words.")
    findings: tuple[str, ...] = Field((), description="What people should know nevertheless.")
    error: dict[str, Any] | None = Field(None, description="As every error is printed.")


class RunReport(Model):
    """What came of `quorate backup run`."""

    runs: tuple[BackupOutcome, ...]
    refused: tuple[RefusedJob, ...]
    earlier: tuple[BackupOutcome, ...] = Field(
        (), description="Jobs whose starter was killed, and that had ended meanwhile."
    )
    copied: tuple[CopyOutcome, ...] = Field((), description="With `--copy`: what went off-site.")
    proofs: tuple[ProofOutcome, ...] = Field((), description="With `--prove`.")


class CopyReport(Model):
    """What came of `quorate backup copy`; without runs nothing was missing."""

    runs: tuple[CopyOutcome, ...]
    refused: tuple[RefusedJob, ...]
    earlier: tuple[BackupOutcome, ...] = ()


class ProveReport(Model):
    """What came of `quorate backup prove`."""

    proofs: tuple[ProofOutcome, ...]
    refused: tuple[RefusedJob, ...]
    earlier: tuple[BackupOutcome, ...] = ()


class RestoreReport(Model):
    """What came of `quorate backup restore`, or would."""

    source: str
    repository: str = Field(description="Empty: it comes out of the write-ahead log.")
    copy_id: str
    taken: datetime = Field(description="The moment of what is restored.")
    proven: bool
    target: str = Field(description="Where it goes, in words.")
    server: str = Field(description="Where the job runs.")
    over: str = Field(description="The source whose data is replaced; empty: none is.")
    outcome: Literal["planned", "done", "failed"]
    seconds: float = 0.0
    size: int = 0
    peak: int = Field(0, description="Memory at most, bytes.")
    notes: tuple[str, ...] = Field((), description="What people should know before.")
    findings: tuple[str, ...] = Field((), description="What people should know after.")
    differences: tuple[str, ...] = ()
    refused: tuple[RefusedJob, ...] = Field((), description="Repositories that were not read.")
    error: dict[str, Any] | None = None


class KeptCopy(Model):
    """A copy and what retention makes of it."""

    source: str
    copy_id: str
    taken: datetime
    proven: bool
    why: str = Field(description="Why it goes, or stays.")


class PrunedRepository(Model):
    """What retention makes of a repository, and what came of it."""

    repository: str
    goes: tuple[KeptCopy, ...]
    stays: tuple[KeptCopy, ...]
    strangers: tuple[str, ...] = Field((), description="Sources without a policy; they stay.")
    outcome: Literal["planned", "done", "failed"] = "planned"
    forgotten: tuple[str, ...] = Field((), description="Ids of copies that went.")
    freed: int = Field(0, description="Bytes that are free again.")
    findings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None


class PruneReport(Model):
    """What came of `quorate backup prune`, or would."""

    repositories: tuple[PrunedRepository, ...]
    refused: tuple[RefusedJob, ...]
    skipped: tuple[str, ...] = Field((), description="Append-only repositories elsewhere.")


Jobs = Mapping[str, Job]
"""What was started, by the key of its run."""


def jobs_of(starts: Iterable[Start]) -> Jobs:
    """What is started, by the key of its run."""
    return {start.job.run: start.job for start in starts}


def copy_outcome(outcome: Outcome, jobs: Jobs) -> CopyOutcome:
    """The outcome of a job that copied."""
    job = jobs.get(outcome.job.run)
    origin = job.origin.name if job and job.origin else ""
    return CopyOutcome(**dict(outcome_of(outcome)), origin=origin)


def proof_outcome(outcome: Outcome, jobs: Jobs) -> ProofOutcome:
    """The outcome of a job that proved."""
    job, answer, error = outcome.job, outcome.answer, outcome.error
    told = jobs.get(job.run)
    copy: Copied | None = answer.copies[0] if answer and answer.copies else None
    differences = copy.differences if copy else ()
    return ProofOutcome(
        source=job.source,
        repository=job.repository,
        copy_id=copy.id if copy else (told.snapshot if told else ""),
        taken=copy.taken if copy else None,
        server=job.server,
        run=job.run,
        proven=copy.proven if copy and (error is None or is_different(outcome)) else None,
        seconds=copy.proof_seconds if copy else 0.0,
        size=copy.size if copy else 0,
        peak=answer.peak if answer else 0,
        differences=differences,
        findings=answer.findings if answer else (),
        error=error.as_json() if error and not is_different(outcome) else None,
    )


def is_different(outcome: Outcome) -> bool:
    """Whether a copy turned out not to be what it was made of."""
    trouble = outcome.answer.trouble if outcome.answer else None
    return trouble is not None and trouble.reason == DIFFERENT


def restore_report(
    made: Restoring, outcome: Outcome | None, unread: tuple[RefusedJob, ...]
) -> RestoreReport:
    """A restore, before it begins (without an outcome) or after."""
    answer, error = (outcome.answer, outcome.error) if outcome else (None, None)
    differs = outcome is not None and is_different(outcome)
    said = error.cause or "" if error and differs else ""
    copy, job = made.copy, made.start.job
    taken = copy.taken if copy else made.moment
    assert taken is not None
    return RestoreReport(
        source=job.source,
        repository=copy.repository if copy else "",
        copy_id=copy.id if copy else "",
        taken=taken,
        proven=copy.proven if copy else False,
        target=made.target,
        server=job.server,
        over=made.over,
        outcome="planned" if outcome is None else "failed" if error else "done",
        seconds=answer.seconds if answer else 0.0,
        size=copy.size if copy else 0,
        peak=answer.peak if answer else 0,
        notes=made.notes,
        findings=answer.findings if answer else (),
        differences=tuple(said.splitlines()),
        refused=unread,
        error=error.as_json() if error else None,
    )


def pruned(
    found: Iterable[Keeping],
    snapshots: Iterable[Snapshot],
    steps: Iterable[Outcome] = (),
    failed: Mapping[str, QuorateError] | None = None,
) -> tuple[PrunedRepository, ...]:
    """What retention makes of repositories, and what came of its steps, where they were done.

    Args:
        failed: repositories in which a step failed or could not be begun.
    """
    copies = {(one.repository, one.id): one for one in snapshots}
    ended = list(steps)
    out = []
    for keeping in found:
        name = keeping.repository
        mine = [one.answer for one in ended if one.job.repository == name and one.answer]
        error = (failed or {}).get(name)
        done = any(one.job.repository == name for one in ended)
        out.append(
            PrunedRepository(
                repository=name,
                goes=tuple(_kept(keeping, copies, goes=True)),
                stays=tuple(_kept(keeping, copies, goes=False)),
                strangers=keeping.strangers,
                outcome="failed" if error else "done" if done else "planned",
                forgotten=tuple(id for one in mine for id in one.forgotten),
                freed=sum(one.freed for one in mine),
                findings=tuple(dict.fromkeys(text for one in mine for text in one.findings)),
                error=error.as_json() if error else None,
            )
        )
    return tuple(out)


def _kept(
    keeping: Keeping, copies: Mapping[tuple[str, str], Snapshot], *, goes: bool
) -> Iterable[KeptCopy]:
    for source, decision in sorted(keeping.decisions.items()):
        for id, why in (decision.forgotten if goes else decision.kept).items():
            copy = copies[keeping.repository, id]
            yield KeptCopy(source=source, copy_id=id, taken=copy.taken, proven=copy.proven, why=why)


def exit_code(errors: Iterable[QuorateError], outcomes: Iterable[Outcome]) -> int:
    """How a command ends: 4 where a copy differs, else with the first error's code."""
    if any(is_different(one) for one in outcomes):
        return VERDICT
    return next((error.exit_code for error in errors), 0)
