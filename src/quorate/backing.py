"""The verbs of backups that work on a live fleet, as their visible, typed steps.

Open the fleet, look at the swarm, decide which jobs to start, start and follow them. What works
on copies reads the repositories first: they alone know what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quorate.backup.bundle.making import sealed_or_why
from quorate.backup.jobs import decide, decide_copies, decide_restore, reading, running
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Decision, Refused
from quorate.backup.jobs.decide_copies import UPKEEP, Keeping, Proving
from quorate.backup.jobs.decide_restore import Restoring, Wish
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.fleetfiles import archive
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.watching import Outcome, Watcher
from quorate.backup.jobs.whereabouts import Scene
from quorate.deploy.registries import credentials
from quorate.errors import QuorateError, RefusedError
from quorate.fleet.datasets import BUNDLE
from quorate.fleet.model import Server
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.tools import clock
from quorate.workflows import Opened

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PATIENCE_SECONDS = 15.0
"""A server that does not answer by then is not asked for its volumes."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What would be done, on what."""

    ground: Ground
    decision: Decision


@contextmanager
def backup(opened: Opened, sources: Sequence[str], watcher: Watcher) -> Iterator[Decided]:
    """Which jobs back up these sources (all when none is named); `run` starts them.

    Raises:
        UsageError: a name that is no source's, or one that is left out.
        UnreachableError, EngineError: no manager answers.
    """
    bundle = not sources or BUNDLE in sources
    with ground_of(opened, watcher, volumes=True, files=True, bundle=bundle) as ground:
        yield Decided(
            ground=ground, decision=decide.backups(ground.scene, sources, due=clock.now())
        )


@contextmanager
def copies(opened: Opened, repositories: Sequence[str], watcher: Watcher) -> Iterator[Decided]:
    """Which jobs list the copies in these repositories (all when none is named).

    Raises:
        UsageError: a name that is no repository's, or there is none.
        UnreachableError, EngineError: no manager answers.
    """
    with ground_of(opened, watcher) as ground:
        yield Decided(
            ground=ground, decision=decide.catalogues(ground.scene, repositories, due=clock.now())
        )


def run(decided: Decided) -> Round:
    """Start what was decided, and follow it to its end.

    Raises:
        CheckError: secrets of the fleet file without a value.
        EngineError, MachineError: the swarm refuses, or does not answer any more.
    """
    return running.run(decided.ground, decided.decision)


@dataclass(frozen=True, kw_only=True)
class Came:
    """What a verb on copies came to: what was known and decided. `round`: None: nothing was done.

    `steps`: how the jobs of it ended, those of a killed starter not among them.
    """

    known: Known
    decision: Decision
    round: Round | None = None

    @property
    def steps(self) -> tuple[Outcome, ...]:
        return self.round.outcomes if self.round else ()

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What could not be begun or read."""
        return (*self.known.unread, *(self.round or self.decision).refused)

    @property
    def earlier(self) -> tuple[Outcome, ...]:
        return (*self.known.earlier, *(self.round.earlier if self.round else ()))

    @property
    def errors(self) -> list[QuorateError]:
        ended = [one.error for one in self.steps if one.error is not None]
        return [*(one.error for one in self.refused), *ended]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A restore: what it does; how its job ended, None: it was not begun."""

    made: Restoring
    known: Known
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """Retention: what it makes of each repository, and what came of its steps.

    `failed`: repositories in which a step failed; None: none was begun.
    """

    found: tuple[Keeping, ...]
    known: Known
    refused: tuple[Refused, ...]
    steps: tuple[Outcome, ...] = ()
    failed: dict[str, QuorateError] | None = None


def copy(
    opened: Opened,
    sources: Sequence[str],
    to: Sequence[str],
    watcher: Watcher,
    *,
    dry_run: bool = False,
) -> Came:
    """Read the repositories, and copy what others lack: the newest, and what is complete beside.

    Raises:
        UsageError: a name that is no source's or repository's, or nothing is off-site.
        UnreachableError, EngineError: no manager answers.
    """
    with ground_of(opened, watcher) as ground:
        return _copy(ground, read(ground), sources, to, dry_run=dry_run)


def prove(
    opened: Opened,
    sources: Sequence[str],
    wish: Proving,
    watcher: Watcher,
    *,
    dry_run: bool = False,
) -> Came:
    """Read the repositories, restore copies elsewhere and compare.

    Raises:
        UsageError: a name that is no source's or repository's, or no copy has that id.
        UnreachableError, EngineError: no manager answers.
    """
    with ground_of(opened, watcher) as ground:
        known = read(ground, wish.repositories)
        return _prove(ground, known, sources, wish, dry_run=dry_run)


def follow_up(
    ground: Ground, came: Round, sources: Sequence[str], *, copies: bool, proofs: bool
) -> tuple[Came | None, Came | None]:
    """After a backup: copy what it made off-site, then prove the newest copies everywhere.

    Args:
        sources: those that were named; of all that went well otherwise.
    """
    done = [one.job.source for one in came.outcomes if one.error is None]
    if not done or not (copies or proofs):
        return None, None
    known = replace(read(ground), earlier=())
    copied = _copy(ground, known, done if sources else (), ()) if copies else None
    if copied is not None:
        known = known.after(copied.steps)
    proven = _prove(ground, known, done, Proving()) if proofs else None
    return copied, proven


def restore(
    opened: Opened,
    wish: Wish,
    watcher: Watcher,
    *,
    confirm: Callable[[Restoring], bool],
    dry_run: bool = False,
) -> Restored:
    """Read the repositories, choose the copy, ask, restore.

    Raises:
        UsageError: no such source, copy or target, or they do not go together.
        RefusedError: it would go over its source and that was not said, or not confirmed.
        UnreachableError, EngineError: no manager answers.
        QuorateError: the target cannot be reached.
    """
    with ground_of(opened, watcher, volumes=True) as ground:
        known = read(ground, (wish.repository,) if wish.repository else ())
        made = decide_restore.restoring(ground.scene, known, wish, due=clock.now())
        if dry_run:
            return Restored(made=made, known=known)
        if not confirm(made):
            raise RefusedError("not confirmed; nothing was changed")
        came = running.run(ground, Decision(starts=(made.start,)))
        for one in came.refused:
            raise one.error
        return Restored(made=made, known=known, outcome=came.outcomes[0])


def prune(
    opened: Opened,
    repositories: Sequence[str],
    watcher: Watcher,
    *,
    confirm: Callable[[tuple[Keeping, ...], Known], bool],
    dry_run: bool = False,
) -> Pruned:
    """Read the repositories, show what goes, ask; then forget, check, and prune what is whole.

    Raises:
        UsageError: a name that is no repository's, or there is none.
        RefusedError: not confirmed; nothing was changed.
        UnreachableError, EngineError: no manager answers.
    """
    with ground_of(opened, watcher) as ground:
        known = read(ground, repositories)
        found, refused = decide_copies.keepings(ground.scene, known, repositories, now=clock.now())
        refused = (*known.unread, *refused)
        if dry_run or not found:
            return Pruned(found=found, known=known, refused=refused)
        if not confirm(found, known):
            raise RefusedError("not confirmed; nothing was changed")
        steps, failed = _keep(ground, found)
        return Pruned(found=found, known=known, refused=refused, steps=steps, failed=failed)


def read(ground: Ground, names: Sequence[str] = ()) -> Known:
    """The copies in these repositories (in all), as they themselves tell it.

    Raises:
        UsageError: a name that is no repository's, or there is none.
    """
    return reading.read(ground, names)


def _copy(
    ground: Ground,
    known: Known,
    sources: Sequence[str],
    to: Sequence[str],
    *,
    dry_run: bool = False,
) -> Came:
    decision = decide_copies.copies(ground.scene, known, sources, to, due=clock.now())
    return _done(ground, known, decision, dry_run=dry_run)


def _prove(
    ground: Ground, known: Known, sources: Sequence[str], wish: Proving, *, dry_run: bool = False
) -> Came:
    decision = decide_copies.proofs(ground.scene, known, sources, wish, due=clock.now())
    return _done(ground, known, decision, dry_run=dry_run)


def _done(ground: Ground, known: Known, decision: Decision, *, dry_run: bool) -> Came:
    if dry_run or not decision.starts:
        return Came(known=known, decision=decision)
    return Came(known=known, decision=decision, round=running.run(ground, decision))


def _keep(
    ground: Ground, found: Sequence[Keeping]
) -> tuple[tuple[Outcome, ...], dict[str, QuorateError]]:
    """Retention's steps, each in the repositories in which the one before went well."""
    failed: dict[str, QuorateError] = {}
    steps: list[Outcome] = []
    for work in UPKEEP:
        names = [
            one.repository
            for one in found
            if one.repository not in failed and (one.forgotten or work is not Work.FORGET)
        ]
        decision = decide_copies.upkeep(ground.scene, work, names, due=clock.now())
        if not names:
            continue
        came = running.run(ground, decision)
        steps += came.outcomes
        failed |= {one.what: one.error for one in came.refused}
        failed |= {one.job.repository: one.error for one in came.outcomes if one.error}
    return tuple(steps), failed


@contextmanager
def ground_of(
    opened: Opened,
    watcher: Watcher,
    *,
    volumes: bool = False,
    files: bool = False,
    bundle: bool = False,
) -> Iterator[Ground]:
    """What backup work of a live fleet stands on, connected for as long as the block lasts.

    Args:
        volumes, files, bundle: whether servers are asked for their volumes, and the fleet's files
            and its recovery bundle are made ready to be backed up.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with Connections(fleet, patience=PATIENCE_SECONDS) as connections:

        def manager() -> DockerClient:
            connections.renew()
            return connections.manager().client

        snapshot = observe(connections.manager().client)
        scene = Scene(
            fleet=fleet,
            snapshot=snapshot,
            volumes=_volumes(connections) if volumes else {},
            files=archive(fleet) if files else None,
            bundle=sealed_or_why(fleet, made=clock.now()) if bundle else None,
        )
        # A lab's kernel may not be able to encrypt between its nodes.
        able = opened.lab is None or opened.lab.features.encrypted_overlay
        yield Ground(
            scene=scene,
            door=Door(manager, watcher.note),
            watcher=watcher,
            encrypt=fleet.swarm.encrypt_networks and able,
            known=credentials(fleet),
        )


def _volumes(connections: Connections) -> dict[str, frozenset[str]]:
    """The named volumes on each server that answers."""

    def ask(server: Server, client: DockerClient) -> frozenset[str]:
        del server
        listed = client.api.volumes().get("Volumes") or ()
        return frozenset(str(volume["Name"]) for volume in listed)

    return dict(connections.each(ask).results)
