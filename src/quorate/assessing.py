"""The verb `backup status` as its visible steps: look, ask repositories, hold against the policy.

Where there is a swarm, jobs in it list the copies: only they reach a directory on a server. Without
one, or when asked to, the repositories are read from this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from quorate.backing import PATIENCE_SECONDS
from quorate.backup.jobs import decide, enumerating, running
from quorate.backup.jobs.copies import snapshot_of
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Holds
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.watching import Watcher
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Snapshot
from quorate.backup.policy.coverage import Row, coverage
from quorate.backup.policy.estimate import estimate
from quorate.backup.policy.grid import BackupStatus, Evidence, UnaskedServer, backup_status
from quorate.backup.policy.holding import held, takes
from quorate.backup.policy.rehearsals import History
from quorate.backup.policy.report import BackupEstimate, backup_estimate
from quorate.backup.policy.sources import planned, unprotected
from quorate.backup.policy.strays import Stored, found_unprotected
from quorate.backup.policy.wal import receivers
from quorate.backup.wal import asking
from quorate.backup.wal.standing import Log
from quorate.deploy.registries import credentials
from quorate.deploy.values import read_value
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.zones import time_zone
from quorate.observe.connect import Connections
from quorate.observe.snapshot import observe
from quorate.observe.whereabouts import where_now
from quorate.serving import reading
from quorate.serving.memory import Memory, recalled
from quorate.serving.swarm import Swarm, SwarmNotes
from quorate.tools import clock
from quorate.workflows import Opened

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A live fleet: what jobs are started on, what its servers list, and who did not answer."""

    connections: Connections
    ground: Ground
    stored: Mapping[str, Stored] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What the repositories say of themselves; `unread`: those that do not, with why."""

    snapshots: tuple[Snapshot, ...] = ()
    holds: Mapping[str, Holds] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def has_swarm(fleet: Fleet) -> bool:
    """Whether anything of the fleet runs in a swarm."""
    return bool(fleet.swarm_services())


def read_from_here(fleet: Fleet) -> BackupStatus:
    """The status by what this machine can read; no server is asked what lies on it."""
    found, now = reading.read(fleet), clock.now()
    zone = time_zone(fleet.backup.timezone)
    rows = coverage(fleet, planned(fleet), found.snapshots, zone=zone, now=now)
    evidence = Evidence(snapshots=found.snapshots, unread=found.unread, asked=False)
    return backup_status(fleet, rows, unprotected(fleet), evidence, now=now)


def asked_of_the_swarm(opened: Opened, watcher: Watcher) -> BackupStatus:
    """The status by jobs that list the copies, and by what every server has.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with looking(opened, watcher) as seen:
        listed = list_copies(seen.ground)
        now = clock.now()
        rows = rows_of(seen, listed.snapshots, now)
        evidence = Evidence(
            snapshots=listed.snapshots,
            holds=listed.holds,
            unread=listed.unread,
            unasked=seen.unasked,
            logs=logs(seen),
        )
        return backup_status(fleet, rows, found_unprotected(fleet, seen.stored), evidence, now=now)


def estimated(opened: Opened, watcher: Watcher) -> BackupEstimate:
    """What the policy will need by the copies there are, and the room that was measured.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with looking(opened, watcher) as seen:
        listed = list_copies(seen.ground)
        homes = where_now(fleet, seen.ground.scene.snapshot)
    found = {one.name: held(one, listed.holds.get(one.name)) for one in fleet.backup.repositories}
    made = estimate(
        fleet,
        planned(fleet, homes),
        zone=time_zone(fleet.backup.timezone),
        snapshots=listed.snapshots,
        free={name: room for name, one in found.items() if (room := takes(one)) is not None},
    )
    unread = tuple(f"not read: {name}: {why}" for name, why in listed.unread.items())
    return backup_estimate(fleet, replace(made, assumptions=(*unread, *made.assumptions)))


def nobody_asked(made: BackupStatus, fleet: Fleet, why: str) -> BackupStatus:
    """The same where servers should have been asked and could not be: that is not good."""
    names = [server.name for server in fleet.servers]
    return made.model_copy(
        update={
            "good": False,
            "asked": True,
            "unasked": tuple(UnaskedServer(name=name, why=why) for name in names),
        }
    )


@contextmanager
def looking(opened: Opened, watcher: Watcher) -> Iterator[Seen]:
    """A live fleet, for as long as the block lasts.

    Raises:
        UnreachableError, EngineError: no manager answers.
    """
    fleet = opened.fleet
    with Connections(fleet, patience=PATIENCE_SECONDS) as connections:

        def manager() -> DockerClient:
            connections.renew()
            return connections.manager().client

        snapshot = observe(connections.manager().client)
        found = enumerating.stored(connections)
        volumes = {server: one.named for server, one in found.results.items()}
        able = opened.lab is None or opened.lab.features.encrypted_overlay
        yield Seen(
            connections=connections,
            ground=Ground(
                scene=Scene(fleet=fleet, snapshot=snapshot, volumes=volumes),
                door=Door(manager, watcher.note),
                watcher=watcher,
                encrypt=fleet.swarm.encrypt_networks and able,
                known=credentials(fleet),
            ),
            stored=found.results if opened.lab is None else _in_lab(found.results),
            unasked={server: "; ".join(error.lines()) for server, error in found.errors.items()},
        )


def _in_lab(seen: Mapping[str, Stored]) -> dict[str, Stored]:
    """A lab gives its servers all images itself: that no registry has them tells nothing there."""
    return {server: replace(one, local=()) for server, one in seen.items()}


def list_copies(ground: Ground) -> Listed:
    """The copies in every repository, by jobs in the swarm; one that cannot be read says why.

    Raises:
        EngineError, MachineError: the swarm refuses, or does not answer any more.
    """
    fleet = ground.scene.fleet
    unread = without_password(fleet)
    names = [one.name for one in fleet.backup.repositories if one.name not in unread]
    if not names:
        return Listed(unread=unread)
    came = running.run(ground, decide.catalogues(ground.scene, names, due=clock.now()))
    snapshots: list[Snapshot] = []
    holds = {}
    for refused in came.refused:
        unread[refused.what] = "; ".join(refused.error.lines())
    for outcome in came.outcomes:
        name = outcome.job.repository
        if outcome.error is not None or outcome.answer is None:
            unread[name] = "; ".join(outcome.error.lines()) if outcome.error else "no answer"
            continue
        snapshots += map(snapshot_of, outcome.answer.copies)
        if outcome.answer.holds is not None:
            holds[name] = outcome.answer.holds
    snapshots.sort(key=lambda one: (one.taken, one.source, one.id))
    return Listed(snapshots=tuple(snapshots), holds=holds, unread=unread)


def logs(seen: Seen) -> tuple[Log, ...]:
    """How the write-ahead logs of the fleet's Postgres are received."""
    fleet = seen.ground.scene.fleet
    wanted = receivers(fleet, where_now(fleet, seen.ground.scene.snapshot))
    return asking.logs(seen.connections, wanted, seen.stored, clock.now())


def without_password(fleet: Fleet) -> dict[str, str]:
    """The repositories of which a password or key has no value here, and why."""
    directory = fleet.path.absolute().parent
    unread: dict[str, str] = {}
    for repository in fleet.backup.repositories:
        sources = {"password": repository.password, **repository.credentials}
        for word, source in sources.items():
            try:
                read_value(f"({word} of {repository.name})", source, directory=directory)
            except QuorateError as error:
                unread[repository.name] = "; ".join(error.lines())
    return unread


def rows_of(seen: Seen, copies: Iterable[Snapshot], now: datetime) -> tuple[Row, ...]:
    """The coverage grid of a live fleet, with what its controller remembers."""
    fleet, notes = seen.ground.scene.fleet, _notes(seen)
    return coverage(
        fleet,
        planned(fleet, where_now(fleet, seen.ground.scene.snapshot)),
        copies,
        zone=time_zone(fleet.backup.timezone),
        now=now,
        since=notes.since if notes else None,
        rehearsals=notes.history if notes else History(),
    )


def _notes(seen: Seen) -> Memory | None:
    """What a controller of this fleet has noted; None: none ever did."""
    manager = seen.connections.manager().client
    swarm = Swarm(fleet=seen.ground.scene.fleet, manager=lambda: manager, say=lambda text: None)
    try:
        said = SwarmNotes(swarm).load()
    except QuorateError:
        return None
    return recalled(said, clock.now()) if said else None
