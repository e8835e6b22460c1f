"""Retention: copies forgotten by policy, and their room given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from quorate.backup import catalogue, pruning
from quorate.backup.copying import lasting
from quorate.backup.jobs.model import Job
from quorate.backup.model import Snapshot
from quorate.backup.place import Repository
from quorate.backup.policy.retention import Decision, decide
from quorate.backup.runner.saying import log
from quorate.backup.runner.setting import Outcome, Setting
from quorate.errors import UsageError
from quorate.fleet.zones import time_zone
from quorate.tools import clock


def forget(
    setting: Setting, there: Repository, origin: Repository | None, outcome: Outcome
) -> None:
    """Forget what the policies of `keeps` no longer keep; sources without a policy stay.

    With an origin, what it says of its copies' times is compared with what these say.

    Raises:
        UsageError: a policy keeps nothing; nothing was forgotten.
        RefusedError: the repository is append-only.
        RepositoryError: something is still listed.
    """
    job = setting.job
    _require_keeping(job)
    setting.say.step(f"decide what {there.name} keeps")
    copies = catalogue.read(there)
    originals = _taken(catalogue.read(origin)) if origin else {}
    decisions = decided(copies, job, clock.now(), originals)
    going = [id for decision in decisions.values() for id in decision.forgotten]
    for source, decision in decisions.items():
        outcome.findings += [f"{source}: {id[:8]}: {why}; it stays" for id, why in
                             sorted(decision.poisoned.items())]  # fmt: skip
        for id, why in decision.forgotten.items():
            log.info("forget %s of %s: %s", id[:8], source, why)
    unknown = sorted({copy.source for copy in copies} - job.keeps.keys())
    outcome.findings += [f"{source} has copies and no policy: they stay" for source in unknown]
    outcome.forgotten += pruning.forget(there, going)
    outcome.copies += catalogue.read(there)


def _require_keeping(job: Job) -> None:
    nothing = sorted(source for source, keep in job.keeps.items() if keep.nothing)
    if nothing:
        raise UsageError(
            f"the policy of {', '.join(nothing)} keeps nothing; nothing was forgotten",
            todo="say how many copies are to stay (`keep:`)",
        )


def _taken(copies: Iterable[Snapshot]) -> dict[str, datetime]:
    return {lasting(copy): copy.taken for copy in copies}


def decided(
    copies: Iterable[Snapshot], job: Job, now: datetime, originals: Mapping[str, datetime]
) -> dict[str, Decision]:
    """What becomes of the copies of each source that has a policy. Pure."""
    by_source: dict[str, list[Snapshot]] = defaultdict(list)
    for copy in copies:
        if copy.source in job.keeps:
            by_source[copy.source].append(copy)
    zone = time_zone(job.timezone)
    return {
        source: decide(listed, job.keeps[source], zone, now=now, originals=originals, held=job.held)
        for source, listed in by_source.items()
    }


def prune(setting: Setting, there: Repository, outcome: Outcome) -> None:
    """Give back the room of what was forgotten.

    Raises:
        RefusedError: the repository is append-only.
        MachineError: there is not the room that this needs, or it is locked.
    """
    setting.say.step(f"prune {there.name}")
    # Whoever made the job of pruning has asked; what it takes is looked at before.
    done = pruning.prune(there, lambda plan: True)
    outcome.size = done.after or 0
    outcome.freed = max(0, (done.before or 0) - (done.after or 0)) or done.plan.remove
