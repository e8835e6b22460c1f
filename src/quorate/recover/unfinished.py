"""While an operation of a fleet is not over, nothing else changes that fleet.

Its steps count on what they have seen and done so far: a service that is scaled to 0 on purpose
would be started, one that is steered would go home.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.recover.carrying import refuse_open
from quorate.recover.journal import FileStore, SwarmStore
from quorate.recover.site import journals

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.lab.state import Lab
    from quorate.tools.docker import DockerClient


def refuse_unfinished(fleet: Fleet, lab: Lab | None, client: DockerClient | None = None) -> None:
    """Refuse to change a fleet that an operation has begun to change.

    Args:
        client: of a manager; None: only the journals on this machine are looked at.

    Raises:
        LockedError: an operation is not over; says which, and how to go on or back.
        EngineError: the swarm does not answer.
        QuorateError: a journal cannot be read.
    """
    refuse_open(FileStore(journals(fleet.name, lab)))
    if client is not None:
        refuse_open(SwarmStore(lambda: client, fleet.name))
