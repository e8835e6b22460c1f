"""A job whose services are kept still while it reads their volumes; they run again however it ends.

The record of it is in the services' own labels (`backup/quiesce.py`): whoever starts the job may
be killed, and what he leaves stopped is found by its deadline.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from quorate.backup import quiesce
from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.launch import Launcher
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import service_name
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.watching import Outcome
from quorate.backup.policy import quiesce as policy
from quorate.errors import MachineError, QuorateError


def quietly(launcher: Launcher, start: Start) -> Outcome | Refused:
    """Stop its services, run the job, start them again.

    When whoever waits is interrupted, the job is removed first: what it read while its services
    start again would be no copy.

    Raises:
        EngineError: the services could not be started again; their labels say what is to be done.
    """
    door, job = launcher.door, start.job
    names = ", ".join(start.quiet)
    wish = quiesce.Wish(
        services=start.quiet,
        run=job.run,
        source=job.source,
        seconds=job.deadline,
        method=start.method,
    )
    unwatched = start.method == policy.UNWATCHED
    try:
        how = f"{names} runs without its health check" if unwatched else f"keeping {names} still"
        launcher.watcher.note(f"{how} for {job.source}")
        door.ask(f"{names} cannot be kept still", lambda client: quiesce.begin(client, wish))
        # Who finds the services stopped looks for the job that they name, and lets them go
        # once it is gone: so what was read is judged before that.
        (outcome,) = replace(
            launcher,
            begun=lambda begun: _note(launcher, start, begun.run),
            over=lambda outcome: if_still(launcher, start, outcome),
        ).run([start])
        return outcome
    except QuorateError as error:
        with suppress(QuorateError):  # its services start again now: it would read no one state
            door.remove(service_name(job))
        return Refused(what=job.source, error=error)
    except KeyboardInterrupt:
        door.remove(service_name(job))
        raise
    finally:
        let_go(door, start)
        launcher.watcher.note(f"{names} run again" + (", with health checks" if unwatched else ""))


def let_go(door: Door, start: Start) -> None:
    """Let the services of a job run as they did before it.

    Raises:
        EngineError: the swarm refuses, or does not answer.
    """
    names = ", ".join(start.quiet)
    door.ask(f"{names} cannot be started again", lambda client: quiesce.end(client, start.job.run))


def _note(launcher: Launcher, start: Start, job: str) -> None:
    launcher.door.ask(
        "it cannot be noted in the services which job reads",
        lambda client: quiesce.note(client, start.quiet, start.job.run, job),
    )


def if_still(launcher: Launcher, start: Start, outcome: Outcome) -> Outcome:
    """The outcome; a copy of what was not still all the time is none."""
    broken = launcher.door.ask(
        "the services cannot be looked at",
        lambda client: quiesce.broken(client, start.quiet, start.job.run),
    )
    if not broken or outcome.error is not None:
        return outcome
    did = "restored" if start.job.work is Work.RESTORE else "read"
    stay = "without a health check" if start.method == policy.UNWATCHED else "stopped"
    error = MachineError(
        f"{', '.join(broken)} did not stay {stay} while {start.job.source} was {did}",
        cause="somebody deployed or scaled it meanwhile: two states may be mixed",
        todo="run it again",
    )
    return replace(outcome, error=error)
