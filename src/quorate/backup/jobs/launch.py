"""Starting jobs and following them to their end.

Level-triggered: what Swarm says of each job's service is looked at again and again; nothing
depends on having seen an event, so that a lost manager, an election or a killed starter costs a
look. A job is removed when its answer was read, never before; one that somebody else started is
left to them, who read it too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quorate.backup.jobs import spec
from quorate.backup.jobs.door import CONFLICT, Door
from quorate.backup.jobs.model import Answer
from quorate.backup.jobs.names import service_name
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.secrets import Deployed
from quorate.backup.jobs.standing import (
    Begun,
    Stage,
    Standing,
    answer_of,
    error_of,
    last_progress,
    standing,
    why_failed,
)
from quorate.backup.jobs.stores import Image
from quorate.backup.jobs.watching import Outcome, Watcher
from quorate.errors import MachineError, QuorateError
from quorate.fleet.observed import ObservedNode, ObservedTask
from quorate.tools import clock, command, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

POLL_SECONDS = 1.0
AT_ONCE = 4
"""Jobs at one time; on one server one, since they would share its disk."""
TAIL = 20
END_TAIL = 200
ERROR_LINES = 8
STARTER_SECONDS = 10.0
"""By then whoever started a job has read its answer and removed it, or is gone."""
LOG_TRIES = 5
"""How often the log of an ended job is read: its server may be slow to send the last of it."""


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """What starting takes: the swarm, the image, the secrets that are there.

    `begun` is told of each job as soon as its service is there, `over` of each outcome before its
    service is removed; what that returns is the outcome. `joined`: services of jobs that somebody
    else started.
    """

    door: Door
    image: Image
    secrets: Deployed
    watcher: Watcher
    begun: Callable[[Begun], None] = lambda job: None
    over: Callable[[Outcome], Outcome] = lambda outcome: outcome
    joined: set[str] = field(default_factory=set)

    def run(self, starts: Sequence[Start], found: Sequence[Begun] = ()) -> tuple[Outcome, ...]:
        """Start all and follow them to their ends; one at a time on each server.

        Args:
            found: jobs that are under way already, to be followed beside them.

        Raises:
            MachineError: no manager answers any more; the jobs go on by themselves.
        """
        waiting = list(starts)
        following: list[Begun] = []
        outcomes: list[Outcome] = []
        for job in found:
            self.watcher.begun(job, found=True)
            self.joined.add(job.id)
            following.append(job)
        while waiting or following:
            for start in _startable(waiting, following):
                waiting.remove(start)
                begun = self._start(start)
                if isinstance(begun, Outcome):
                    outcomes.append(begun)
                else:
                    following.append(begun)
            ended = self._look(following)
            outcomes += ended
            over = {outcome.job.id for outcome in ended}
            following = [job for job in following if job.id not in over]
            if following:
                clock.sleep(POLL_SECONDS)
        self._leave({one.job.id for one in outcomes} & self.joined)
        return tuple(outcomes)

    def _leave(self, jobs: Collection[str]) -> None:
        """Give those who started these jobs time to read them; remove what is left."""
        ends = clock.monotonic() + STARTER_SECONDS
        left = {job for job in jobs if self.door.service(job) is not None}
        while left and clock.monotonic() < ends:
            clock.sleep(POLL_SECONDS)
            left = {job for job in left if self.door.service(job) is not None}
        for job in sorted(left):
            self.door.remove(job)

    def _start(self, start: Start) -> Begun | Outcome:
        """Start one; the service that has its name already is the same run, begun before."""
        now = clock.now()
        name = service_name(start.job)
        made = spec.job_spec(
            start,
            image=self.image.deployed,
            started=now,
            ids=self.secrets.ids,
            named=self.secrets.named,
        )
        fresh = True

        def call(client: DockerClient) -> str:
            nonlocal fresh
            try:
                return docker.create_service(client, made, self.image.auth)
            except docker.engine_errors() as error:
                if docker.status_of(error) != CONFLICT:
                    raise
                fresh = False
                return name

        try:
            self.door.ask(f"the job {name} could not be started", call)
            job = self.door.job(name)
            if job is None:
                raise MachineError(f"the job {name} was removed as soon as it was started")
        except QuorateError as error:
            planned = Begun.of(start.job, name, now)
            return self._ended(Outcome(job=planned, error=error))
        self.watcher.begun(job, found=not fresh)
        if not fresh:
            self.joined.add(job.id)
        self.begun(job)
        return job

    def _look(self, following: Sequence[Begun]) -> list[Outcome]:
        """One look at all; the outcomes of those that are over."""
        if not following:
            return []
        tasks = self.door.tasks([job.id for job in following])
        nodes = self.door.nodes()
        return [
            outcome
            for job in following
            if (outcome := self._look_at(job, tasks[job.id], nodes)) is not None
        ]

    def _look_at(
        self, job: Begun, tasks: list[ObservedTask], nodes: Sequence[ObservedNode]
    ) -> Outcome | None:
        if not tasks and self.door.service(job.id) is None:
            return self._ended(Outcome(job=job, error=_taken_away(job)))
        how = standing(job, tasks, nodes, clock.now())
        if not how.over:
            if how.stage is Stage.RUNNING:
                self._tell(job)
            return None
        outcome = self.over(end_of(self.door, job, how))
        if job.id not in self.joined:
            self.door.remove(job.id)
        return self._ended(outcome)

    def _tell(self, job: Begun) -> None:
        try:
            progress = last_progress(self.door.log(job.id, lines=TAIL))
        except MachineError:
            return  # a look later it may be there; a job that has ended is read with care
        if progress is not None:
            self.watcher.progress(job, progress)

    def _ended(self, outcome: Outcome) -> Outcome:
        self.watcher.ended(outcome)
        return outcome


def end_of(door: Door, job: Begun, how: Standing) -> Outcome:
    """What came of a job that is over, from its log."""
    answer, unread = _answer(door, job) if how.stage is Stage.ENDED else (None, "")
    if answer is not None:
        error = error_of(answer.trouble) if answer.trouble else None
        return Outcome(job=job, answer=answer, error=error)
    said = _last_words(door, job) if how.stage in (Stage.ENDED, Stage.OVERDUE) else ""
    return Outcome(job=job, error=why_failed(job, how, said or unread))


def _answer(door: Door, job: Begun) -> tuple[Answer | None, str]:
    """The answer in a job's log, or why the log cannot be read.

    A long one is more entries of the log than lines, so that the last of them may begin within.
    """
    why = ""
    for number in range(LOG_TRIES):
        if number:
            clock.sleep(POLL_SECONDS)
        try:
            for lines in (END_TAIL, None):
                found = answer_of(door.log(job.id, lines=lines))
                if found is not None:
                    return found, ""
        except MachineError as error:
            why = f"{error.what}: {error.cause}" if error.cause else error.what
    return None, why


def _last_words(door: Door, job: Begun) -> str:
    try:
        return command.last_lines("\n".join(door.log(job.id, lines=END_TAIL, errors=True)))
    except MachineError:
        return ""


def _startable(waiting: Sequence[Start], following: Sequence[Begun]) -> list[Start]:
    """Those that may start now: as many as there is room for, one on each server."""
    busy = {job.server for job in following}
    out: list[Start] = []
    for start in waiting:
        if len(following) + len(out) >= AT_ONCE:
            break
        if start.job.server not in busy:
            busy.add(start.job.server)
            out.append(start)
    return out


class TakenAwayError(QuorateError):
    """A job that was followed is gone, and nobody here has read its answer."""


def _taken_away(job: Begun) -> QuorateError:
    return TakenAwayError(
        f"the {job.what} was removed by somebody before its answer was read",
        cause="somebody else follows it too, or has ended it",
        todo="`quorate backup list` shows whether there is a copy",
    )
