"""The verbs of backups that work on a live fleet, as their visible, typed steps.

Open the fleet, look at the swarm, decide which jobs to start, start and follow them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.backup.jobs import decide, running
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.fleetfiles import archive
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.watching import Watcher
from quorate.backup.jobs.whereabouts import Scene
from quorate.deploy.registries import credentials
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
    with _ground(opened, watcher, sources=True) as ground:
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
    with _ground(opened, watcher, sources=False) as ground:
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


@contextmanager
def _ground(opened: Opened, watcher: Watcher, *, sources: bool) -> Iterator[Ground]:
    fleet = opened.fleet
    with Connections(fleet, patience=PATIENCE_SECONDS) as connections:

        def manager() -> DockerClient:
            connections.renew()
            return connections.manager().client

        snapshot = observe(connections.manager().client)
        scene = Scene(
            fleet=fleet,
            snapshot=snapshot,
            volumes=_volumes(connections) if sources else {},
            files=archive(fleet) if sources else None,
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
