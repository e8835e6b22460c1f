"""A round of jobs as its visible steps: look for leftovers, make ready, start, follow.

Used by `quorate backup run` on a person's machine and by whoever starts jobs on schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quorate.backup.jobs import decide, leftovers, secrets
from quorate.backup.jobs.decide import Decision, Refused
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.launch import Launcher, TakenAwayError
from quorate.backup.jobs.making import note, unmade
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import NETWORK
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.quiet import let_go, quietly
from quorate.backup.jobs.repositories import served_secret
from quorate.backup.jobs.secrets import Deployed
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.stores import Image, ensure_network, ensure_store
from quorate.backup.jobs.telling import with_push
from quorate.backup.jobs.together import as_one, sorted_out
from quorate.backup.jobs.watching import Outcome, Watcher
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.deploy.images import Resolved, look_up
from quorate.deploy.registries import Credential, auth_for
from quorate.errors import QuorateError
from quorate.image.recipe import image_name
from quorate.tools import clock

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


WRITING = (Work.BACKUP, Work.COPY)
REPEATED = (Work.BACKUP, Work.COPY, Work.PROVE)
"""Work that may be done twice without harm."""
TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a round works on.

    `makes`: work that makes a repository which was never made. `encrypt`: whether the network of
    backup work is encrypted; `known`: credentials by registry
    host; `environment`: where secrets of the fleet file come from; None: this process's own.
    """

    scene: Scene
    door: Door
    watcher: Watcher
    makes: Collection[Work] = WRITING
    encrypt: bool = True
    known: Mapping[str, Credential] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of it. `earlier`: jobs of starters that were killed, which had ended meanwhile."""

    outcomes: tuple[Outcome, ...] = ()
    refused: tuple[Refused, ...] = ()
    earlier: tuple[Outcome, ...] = ()


def run(ground: Ground, decision: Decision, *, turn: int = 1) -> Round:
    """Start what was decided and follow it to its end.

    What is under way already is followed instead of being started a second time; where whoever
    started it takes it away before it was read here, it is done again.

    Args:
        turn: how often that was tried.

    Raises:
        CheckError: secrets of the fleet file without a value.
        EngineError, MachineError: the swarm refuses, or does not answer any more.
    """
    fleet = ground.scene.fleet
    swept = leftovers.sweep(ground.door, fleet.name)
    found = [(start, leftovers.under_way(start.job, swept.going)) for start in decision.starts]
    fresh = [with_push(ground.scene, start) for start, job in found if job is None]
    joined = [job for _, job in found if job is not None]
    refused: list[Refused] = []
    image, deployed = Image(deployed=""), Deployed()
    if fresh:
        makers = _makers(ground, fresh)
        image = ground.door.ask("the image cannot be looked up", lambda c: _image(ground, c))
        deployed = _secrets(ground, [*makers, *fresh])
        fresh = _with_stores(ground, [*makers, *fresh], image, deployed, refused)
    launcher = Launcher(door=ground.door, image=image, secrets=deployed, watcher=ground.watcher)
    fresh = _with_repositories(ground, launcher, fresh, refused)
    alone, groups = sorted_out(ground.scene, fresh)
    outcomes = launcher.run([start for start in alone if not start.quiet], _each_once(joined))
    for start, job in found:
        if job is not None and start.method == UNWATCHED:  # its starter was killed
            let_go(ground.door, start)
    earlier = swept.ended
    once_more = _taken_away(found, outcomes)
    if once_more and turn < TURNS:
        names = ", ".join(dict.fromkeys(job.what for _, job in once_more))
        ground.watcher.note(f"{names}: read by somebody else before it was here; once more")
        starts = tuple(start for start, _ in once_more)
        again = run(ground, Decision(starts=starts), turn=turn + 1)
        gone = {job.id for _, job in once_more}
        outcomes = (*(one for one in outcomes if one.job.id not in gone), *again.outcomes)
        refused += again.refused
        earlier += again.earlier
    # One after the other: nobody's services are down for longer than one copy, or group, takes.
    quiet = [quietly(launcher, start) for start in alone if start.quiet]
    quiet += [one for group in groups for one in as_one(launcher, group)]
    return Round(
        outcomes=(*outcomes, *(one for one in quiet if isinstance(one, Outcome))),
        refused=(
            *decision.refused,
            *refused,
            *(one for one in quiet if isinstance(one, Refused)),
        ),
        earlier=earlier,
    )


def _taken_away(
    found: Sequence[tuple[Start, Begun | None]], outcomes: Sequence[Outcome]
) -> list[tuple[Start, Begun]]:
    """The starts whose jobs were somebody else's, who took them away; again they do no harm."""
    gone = {one.job.id for one in outcomes if isinstance(one.error, TakenAwayError)}
    return [
        (start, job)
        for start, job in found
        if job is not None and job.id in gone and start.job.work in REPEATED
    ]


def _makers(ground: Ground, starts: Sequence[Start]) -> list[Start]:
    """What makes the repositories that are written to and were not made yet.

    And the one whose chunks all have, first.
    """
    names = {start.job.repository.name for start in starts if start.job.work in ground.makes}
    if not names:
        return []
    every = ground.scene.fleet.backup.repositories
    missing = unmade(ground.door, every, names)
    first = decide.first_of(ground.scene.fleet).name
    if missing and first not in names:  # nothing of this round goes there, and others begin with it
        missing += unmade(ground.door, every, {first})
    made = decide.creations(ground.scene, missing, due=clock.now()) if missing else Decision()
    return list(made.starts)


def _with_repositories(
    ground: Ground, launcher: Launcher, starts: Sequence[Start], refused: list[Refused]
) -> list[Start]:
    """Make the repositories that are to be made; the starts that have theirs then."""
    makers = [start for start in starts if start.job.work is Work.CREATE]
    failed: dict[str, QuorateError] = {}
    for start in makers:  # one by one: others have the chunks of the first
        name = start.job.repository.name
        (outcome,) = launcher.run([start])
        if outcome.error is None:
            repository = ground.scene.fleet.backup.repository(name)
            note(ground.door, repository, fleet=ground.scene.fleet.name)
        else:
            failed[name] = outcome.error
    rest = [start for start in starts if start.job.work is not Work.CREATE]
    return _without(rest, failed, lambda start: (start.job.repository.name,), refused)


def _without(
    starts: Sequence[Start],
    failed: Mapping[str, QuorateError],
    needs: Callable[[Start], Sequence[str]],
    refused: list[Refused],
) -> list[Start]:
    """The starts that need nothing that failed; the others are refused, for that reason."""
    ready = []
    for start in starts:
        why = next((failed[name] for name in needs(start) if name in failed), None)
        if why is None:
            ready.append(start)
        else:
            refused.append(Refused(what=start.job.source or start.job.repository.name, error=why))
    return ready


def _each_once(jobs: Sequence[Begun]) -> list[Begun]:
    return list({job.id: job for job in jobs}.values())


def _image(ground: Ground, client: DockerClient) -> Image:
    """By its digest where a registry knows it: then servers that have it need no registry."""
    name = image_name(ground.scene.fleet.backup)
    found = look_up(client, name, ground.known)
    deployed = found.deployed if isinstance(found, Resolved) else name
    return Image(deployed=deployed, auth=auth_for(name, ground.known))


def _secrets(ground: Ground, starts: Sequence[Start]) -> Deployed:
    wanted = [secret for start in starts for secret in start.secrets]
    wanted += [served_secret(store) for start in starts for store in start.stores]
    return ground.door.ask(
        "the secrets of backups cannot be put into the swarm",
        lambda client: secrets.ensure(client, ground.scene.fleet, wanted, ground.environment),
    )


def _with_stores(
    ground: Ground,
    starts: Sequence[Start],
    image: Image,
    deployed: Deployed,
    refused: list[Refused],
) -> list[Start]:
    """The starts whose stores answer."""
    scene = ground.scene
    if any(NETWORK in start.networks for start in starts):
        ensure_network(ground.door, scene.snapshot, fleet=scene.fleet.name, encrypt=ground.encrypt)
    failed: dict[str, QuorateError] = {}
    for name in sorted({store for start in starts for store in start.stores}):
        ground.watcher.note(f"looking after the store of {name}")
        try:
            ensure_store(
                ground.door,
                scene.fleet.backup.repository(name),
                fleet=scene.fleet.name,
                image=image,
                secrets=deployed,
            )
        except QuorateError as error:
            failed[name] = error
    return _without(starts, failed, lambda start: start.stores, refused)
