"""One job, from what it is told to its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from quorate.backup.jobs import pushing
from quorate.backup.jobs.model import VARIABLE, Answer, Job, Trouble, Work
from quorate.backup.place import Repository
from quorate.backup.runner import answers, bringing, keeping, looking, reach
from quorate.backup.runner.backup import backup
from quorate.backup.runner.create import create
from quorate.backup.runner.ending import Ending, Over
from quorate.backup.runner.prepare import prepare
from quorate.backup.runner.prove import prove
from quorate.backup.runner.restore import back, restore
from quorate.backup.runner.room import clear, room
from quorate.backup.runner.saying import Masked, Saying, log
from quorate.backup.runner.setting import Outcome, Setting
from quorate.errors import QuorateError, UsageError
from quorate.tools import clock, process
from quorate.tools.http import parse_address


def read(text: str | None) -> Job:
    """The job that the environment holds.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if not text:
        raise UsageError(
            f"there is no job in the environment (`{VARIABLE}`)",
            cause="this command is for services that Quorate starts itself",
            todo="to back something up: `quorate backup run`",
        )
    try:
        return Job.model_validate_json(text)
    except ValidationError as error:
        fields = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(
            f"the job in `{VARIABLE}` cannot be read: {fields}",
            cause="whoever started it is another version of Quorate than this image",
            todo="give both the same version",
        ) from error


def run(job: Job, spool: Path, out: IO[str], errors: IO[str]) -> int:
    """Do a job, say how it goes and what came of it; the exit code."""
    secrets = reach.secrets_of(job)
    say = Saying(out, secrets)
    _log_to(errors, secrets)
    began = clock.monotonic()
    outcome = Outcome()
    rooms: list[Path] = []

    def answered(trouble: Trouble | None) -> None:
        if trouble is not None:
            log.error("failed: %s", "\n".join(filter(None, (trouble.what, trouble.cause))))
        answer = made(job, outcome, clock.monotonic() - began, trouble)
        say.answer(answer)
        told(job, answer)

    def last_words(trouble: Trouble) -> None:
        for path in rooms:
            clear(path)
        answered(trouble)

    trouble: Trouble | None = None
    try:
        with Ending(job.deadline, last_words):
            log.info("%s %s, run %s, on %s", job.work, job.source, job.run, job.server)
            trouble = _do(job, spool, say, outcome, rooms)
    except Over as over:
        trouble = over.trouble
    except Exception as error:
        log.debug("", exc_info=True)
        trouble = answers.trouble(error)
        if trouble.reason == answers.DEFECT:
            log.error("a defect", exc_info=True)
    answered(trouble)
    return trouble.code if trouble else 0


def _do(job: Job, spool: Path, say: Saying, outcome: Outcome, rooms: list[Path]) -> Trouble | None:
    ends = clock.monotonic() + job.deadline
    with ExitStack() as stack:
        own = stack.enter_context(room(spool))
        rooms.append(own)
        setting = Setting(job=job, room=own, say=say, ends=ends)
        if job.work is Work.PREPARE:
            return prepare(setting, outcome)
        if job.work is Work.BACK:
            back(setting, outcome)
            return None
        there = stack.enter_context(reach.repository(job.repository))
        origin = stack.enter_context(reach.repository(job.origin)) if job.origin else None
        return WORKS[job.work](setting, there, origin, outcome)


Doing = Callable[[Setting, Repository, Repository | None, Outcome], Trouble | None]


def _backup(setting: Setting, there: Repository, _: Repository | None, outcome: Outcome) -> None:
    backup(setting, there, outcome)


def _copy(setting: Setting, there: Repository, origin: Repository | None, outcome: Outcome) -> None:
    if origin is None:
        raise UsageError("a job that is to copy needs the repository to copy from (`origin`)")
    bringing.bring(setting, origin, there, outcome)


WORKS: Mapping[Work, Doing] = {
    Work.BACKUP: _backup,
    Work.COPY: _copy,
    Work.PROVE: lambda setting, there, _, outcome: prove(setting, there, outcome),
    Work.REHEARSE: lambda setting, there, _, outcome: prove(setting, there, outcome),
    Work.RESTORE: lambda setting, there, _, outcome: restore(setting, there, outcome),
    Work.FORGET: keeping.forget,
    Work.PRUNE: lambda setting, there, _, outcome: keeping.prune(setting, there, outcome),
    Work.CATALOGUE: lambda setting, there, _, outcome: looking.catalogued(setting, there, outcome),
    Work.CREATE: lambda setting, there, origin, _: create(setting, there, origin),
    Work.CHECK: lambda setting, there, _, outcome: looking.check(setting, there, outcome),
}


def made(job: Job, outcome: Outcome, seconds: float, trouble: Trouble | None) -> Answer:
    """The answer."""
    return Answer(
        work=job.work,
        run=job.run,
        source=job.source,
        copies=tuple(map(answers.copied, outcome.copies)),
        seconds=seconds,
        peak=process.peak_memory(),
        size=outcome.size,
        added=outcome.added,
        findings=tuple(outcome.findings),
        forgotten=tuple(outcome.forgotten),
        freed=outcome.freed,
        holds=outcome.holds,
        trouble=trouble,
    )


def told(job: Job, answer: Answer) -> None:
    """Tell the Pushgateway that the job names; one that takes nothing spoils no copy."""
    if not job.push:
        return
    try:
        pushing.push(parse_address(job.push), job, answer)
    except (QuorateError, ValueError) as error:
        log.error("not told to the Pushgateway: %s", error)


def _log_to(errors: IO[str], secrets: tuple[str, ...]) -> None:
    handler = logging.StreamHandler(errors)
    handler.setFormatter(Masked(secrets))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
