"""Sources that are backed up together: one after the other, their services kept still once for all.

Which, and in what order, is `policy/groups.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from quorate.backup import quiesce
from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.launch import Launcher
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import service_name
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.quiet import if_still
from quorate.backup.jobs.watching import Outcome
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.groups import Batch, batches, swarm_names, users_of
from quorate.backup.policy.sources import planned
from quorate.errors import QuorateError, UsageError
from quorate.observe.whereabouts import where_now


@dataclass(frozen=True, kw_only=True)
class Together:
    """A batch, with its jobs in their order. `services`: what the swarm calls those kept still."""

    batch: Batch
    starts: tuple[Start, ...]
    services: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """The key under which its services are kept still: of no job."""
        moment = self.starts[0].job.run.rpartition("@")[2]
        return f"together:{self.batch.name}@{moment}"


def sorted_out(scene: Scene, starts: Sequence[Start]) -> tuple[list[Start], list[Together]]:
    """Starts that stand for themselves, and those that belong together. Pure.

    What cannot be kept still as one is left to stand for itself, and says why when it is begun.
    """
    homes = where_now(scene.fleet, scene.snapshot)
    known = {one.source.id: one for one in planned(scene.fleet, homes)}
    backups = {
        start.job.source: start
        for start in starts
        if start.job.work is Work.BACKUP and start.job.source in known
    }
    policies = {name: one.policy for name, one in known.items() if one.policy is not None}
    sources = [known[name].source for name in backups]
    found: list[Together] = []
    for batch in batches(sources, policies, users_of(scene.fleet, homes)):
        if len(batch.sources) < 2:
            continue
        with suppress(UsageError):
            found.append(
                Together(
                    batch=batch,
                    starts=tuple(backups[source.id] for source in batch.sources),
                    services=swarm_names(batch, scene.fleet),
                )
            )
    taken = {start.job.source for one in found for start in one.starts}
    alone = [
        start
        for start in starts
        if start.job.work is not Work.BACKUP or start.job.source not in taken
    ]
    return alone, found


def as_one(launcher: Launcher, group: Together) -> Iterator[Outcome | Refused]:
    """Stop the group's services, run its jobs one after the other, start the services again.

    A job that fails does not keep the others from being done: each copy stands for itself. When
    whoever waits is interrupted, the job that reads is removed first.

    Raises:
        EngineError: the services could not be started again; their labels say what is to be done.
    """
    names = ", ".join(group.services)
    wish = quiesce.Wish(
        services=group.services,
        run=group.run,
        source=group.batch.name,
        seconds=group.batch.seconds,
        method=group.batch.method,
    )
    left = list(group.starts)
    try:
        if group.services:
            launcher.watcher.note(f"keeping {names} still for {group.batch.name}")
            launcher.door.ask(
                f"{names} cannot be kept still", lambda client: quiesce.begin(client, wish)
            )
        while left:
            yield _one(launcher, group, left[0])
            left.pop(0)
    except QuorateError as error:
        yield from _given_up(launcher, left, error)
    except KeyboardInterrupt:
        if group.services:
            launcher.door.remove(service_name(left[0].job))
        raise
    finally:
        if group.services:
            launcher.door.ask(
                f"{names} cannot be started again", lambda client: quiesce.end(client, group.run)
            )
            launcher.watcher.note(f"{names} run again")


def _one(launcher: Launcher, group: Together, start: Start) -> Outcome:
    """One of its jobs; the services' labels say which, and between two that one is awaited."""
    if not group.services:
        (outcome,) = launcher.run([start])
        return outcome
    kept = replace(
        start,
        quiet=group.services,
        job=start.job.model_copy(update={"run": group.run}),
    )

    def over(outcome: Outcome) -> Outcome:
        judged = if_still(launcher, kept, outcome)
        _note(launcher, group, "")
        return judged

    (outcome,) = replace(
        launcher, begun=lambda begun: _note(launcher, group, begun.run), over=over
    ).run([start])
    return outcome


def _note(launcher: Launcher, group: Together, job: str) -> None:
    launcher.door.ask(
        "it cannot be noted in the services which job reads",
        lambda client: quiesce.note(client, group.services, group.run, job),
    )


def _given_up(launcher: Launcher, left: Iterable[Start], error: QuorateError) -> Iterator[Refused]:
    """What is not done, with the reason; a job that may be there still reads no one state now."""
    for start in left:
        with suppress(QuorateError):
            launcher.door.remove(service_name(start.job))
        yield Refused(what=start.job.source, error=error)
