"""`quorate up` starts no service beside a container that runs for it: two would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.errors import RefusedError
from quorate.recover.adopt.look import look
from quorate.recover.adopt.match import match

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.fleet.observed import Snapshot
    from quorate.observe.connect import Connections


def refuse_beside(fleet: Fleet, connections: Connections, snapshot: Snapshot) -> None:
    """Refuse services that keep data, are not in the swarm yet, and whose containers run.

    Raises:
        RefusedError: naming each container.
    """
    new = {
        service.id
        for service in fleet.swarm_services()
        if service.state.keeps_data and snapshot.service(service.swarm_name) is None
    }
    if not new:
        return
    seen = look(connections).results
    matches = match(fleet, [one for there in seen.values() for one in there.containers])
    beside = [
        f"{service}: {one.name} on {one.server}"
        for service, containers in matches.of.items()
        if service in new
        for one in containers
    ]
    if beside:
        raise RefusedError(
            "containers run for services that would be started beside them; nothing was changed",
            cause="two would work on the same data:\n" + "\n".join(beside),
            todo="`quorate adopt` makes services of them; or stop them",
        )
