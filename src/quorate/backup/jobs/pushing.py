"""A job's result for a Pushgateway: how its metrics outlive it where no controller runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quorate.alerts import backup_push
from quorate.alerts.backup_metrics import COPIED, ORIGINAL
from quorate.alerts.backup_push import Ended
from quorate.backup.jobs.model import Answer, Copied, Job, Work
from quorate.backup.policy.retention import CLOCK_SKEW
from quorate.tools import pushgateway
from quorate.tools.http import Address


def push(address: Address, job: Job, answer: Answer) -> None:
    """Tell a Pushgateway how a job ended; a job that makes no copies has nothing to tell.

    Raises:
        MachineError: it does not answer, or does not take it. The job's work is done all the same.
    """
    for ended in results(job, answer):
        pushgateway.push(address, backup_push.path(ended), backup_push.text(ended))


def results(job: Job, answer: Answer) -> tuple[Ended, ...]:
    """What there is to tell, one for each source. Pure."""
    match job.work:
        case Work.BACKUP:
            return (_made(job, answer),)
        case Work.COPY:
            return tuple(_copied(job, answer))
        case _:
            return ()


def _made(job: Job, answer: Answer) -> Ended:
    newest = _newest(answer.copies, job.source)
    return Ended(
        fleet=job.fleet,
        source=job.source,
        repository=job.repository.name,
        copy=ORIGINAL,
        code=answer.trouble.code if answer.trouble else 0,
        taken=newest.taken.timestamp() if newest else None,
        size=newest.size if newest else None,
        added=newest.added if newest else None,
        seconds=answer.seconds,
        peak=answer.peak,
    )


def _copied(job: Job, answer: Answer) -> Iterator[Ended]:
    """Sources that were named or have a copy there now; how long each took nobody knows."""
    arrived = [one.source for one in answer.copies if one.complete]
    for source in dict.fromkeys((*job.sources, *arrived)):
        newest = _newest(answer.copies, source)
        failed = answer.trouble is not None and newest is None
        yield Ended(
            fleet=job.fleet,
            source=source,
            repository=job.repository.name,
            copy=COPIED,
            code=answer.trouble.code if answer.trouble and failed else 0,
            taken=newest.taken.timestamp() if newest else None,
            size=newest.size if newest else None,
            added=newest.added if newest else None,
        )


def _newest(copies: Iterable[Copied], source: str) -> Copied | None:
    """The newest that counts; of one that says it is from later, nobody knows how old it is."""
    whole = [
        one
        for one in copies
        if one.complete and one.source == source and one.taken <= one.received + CLOCK_SKEW
    ]
    return max(whole, key=lambda one: one.taken, default=None)
