"""What the actions of operations work on: a fleet, its servers and engines, its journals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.deploy.progress import Reporter
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.lab.state import labs_directory
from quorate.observe.connect import Connections, Manager
from quorate.observe.snapshot import observe
from quorate.recover.journal import FileStore, SwarmStore

if TYPE_CHECKING:
    from pathlib import Path

    from quorate.lab.state import Lab
    from quorate.tools.docker import DockerClient


@dataclass(frozen=True, kw_only=True)
class Site:
    """A fleet that is worked on. `lab` when its servers are a lab's nodes.

    Managers may change under way: ask for `client()` anew at each step, keep none.

    `guard` is asked before an engine is given: it raises LockedError when the fleet's lock was
    lost, in the midst of a step, too. Who slept through it must not go on with what somebody else
    has gone on with, or back, since. What a step has handed on (a job, a whole `up`) is not asked.
    """

    fleet: Fleet
    connections: Connections
    report: Reporter
    lab: Lab | None = None
    guard: Callable[[], None] = lambda: None

    def manager(self) -> Manager:
        """A manager that answers now.

        Raises:
            UnreachableError, NoQuorumError: none does. LockedError: the lock was lost.
        """
        self.guard()
        self.connections.renew()
        return self.connections.manager()

    def client(self) -> DockerClient:
        """The engine of a manager that answers now."""
        return self.manager().client

    def engine(self, server: str) -> DockerClient:
        """The engine of a server.

        Raises:
            UnreachableError: it does not answer. LockedError: the lock was lost.
        """
        self.guard()
        return self.connections.client(server)

    def snapshot(self) -> Snapshot:
        """What the swarm looks like now."""
        return observe(self.client())

    def in_swarm(self) -> SwarmStore:
        """Journals kept in the swarm."""
        return SwarmStore(self.client, self.fleet.name)

    def in_files(self) -> FileStore:
        """Journals kept on this machine."""
        return FileStore(journals(self.fleet.name, self.lab))


def journals(fleet: str, lab: Lab | None) -> Path:
    """Where the journals of a fleet are on this machine: `$XDG_STATE_HOME/quorate/operations/…`.

    Those of a lab are among its own files: they say nothing of the servers, and go with it.
    """
    return lab.directory / "operations" if lab else labs_directory().parent / "operations" / fleet
