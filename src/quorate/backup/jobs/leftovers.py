"""Jobs whose starter was killed: found by their labels, followed, read, removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.launch import end_of
from quorate.backup.jobs.model import Job, Work
from quorate.backup.jobs.names import task_of
from quorate.backup.jobs.standing import Begun, Stage, Standing, standing
from quorate.backup.jobs.watching import Outcome
from quorate.fleet.observed import ObservedTask
from quorate.tools import clock

ORPHAN_SECONDS = 60.0
"""A job that has ended this long ago, and is still there, has nobody who follows it."""

BY_KEY = (Work.COPY, Work.PROVE, Work.REHEARSE, Work.RESTORE, Work.BACK)
LOOKING = (Work.CATALOGUE, Work.CHECK)
"""Nothing is done twice by looking twice: each who asks has a job and an answer of their own."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Jobs that go on (or have just ended: somebody may be about to read them), and the ends of
    those that nobody follows any more."""

    going: tuple[Begun, ...] = ()
    ended: tuple[Outcome, ...] = ()


def sweep(door: Door, fleet: str) -> Found:
    """Look for all jobs of the fleet; read and remove those that ended, were lost or are overdue.

    Raises:
        EngineError, MachineError: the swarm does not answer.
    """
    jobs = door.jobs(fleet)
    if not jobs:
        return Found()
    tasks, nodes, now = door.tasks([job.id for job in jobs]), door.nodes(), clock.now()
    going, ended = [], []
    for job in jobs:
        how = standing(job, tasks[job.id], nodes, now)
        if not forsaken(how, tasks[job.id], now):
            going.append(job)
            continue
        ended.append(end_of(door, job, how))
        door.remove(job.id)
    return Found(going=tuple(going), ended=tuple(ended))


def forsaken(how: Standing, tasks: Iterable[ObservedTask], now: datetime) -> bool:
    """Whether a job is over and nobody can be about to read its answer. Pure."""
    if how.stage is Stage.OVERDUE:
        return True
    if not how.over:
        return False
    ends = [task.timestamp for task in tasks if task.timestamp is not None]
    return not ends or now - max(ends) > timedelta(seconds=ORPHAN_SECONDS)


def under_way(job: Job, going: Sequence[Begun]) -> Begun | None:
    """The job in the swarm that does the same already, whichever run it is of. Pure."""
    for one in going if job.work not in LOOKING else ():
        same = (one.work, one.source, one.repository) == (
            job.work.value,
            job.source,
            job.repository.name,
        )
        # Of copies, proofs and restores only the key says from where, of what and to where.
        if same and (job.work not in BY_KEY or task_of(one.run) == task_of(job.run)):
            return one
    return None
