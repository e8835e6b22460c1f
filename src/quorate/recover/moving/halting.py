"""The containers of tasks that Swarm was told to end, ended by their own engines at once.

Swarm's agent takes a container out of its networks' load balancing, waits two seconds for the other
servers to hear of it (moby, `daemon/cluster/executor/container/controller.go`:
`defaultGossipConvergeDelay`), and only then tells the program to end: after 3.1 s in a lab. Nobody
else could answer for a service that moves, so that wait is nothing but downtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quorate.backup import quiesce
from quorate.backup.policy.quiesce import stopping_seconds
from quorate.errors import MachineError, QuorateError
from quorate.recover.moving.model import Moved
from quorate.tools import clock, docker, parallel

if TYPE_CHECKING:
    from quorate.recover.site import Site

DECIDED_SECONDS = 2.0
"""Within this Swarm has told the tasks of a service that was scaled to 0 to end."""
POLL_SECONDS = 0.05
LONG_SECONDS = 60.0
"""A program that may take longer than this to end is left to Swarm: its wait is nothing there."""
LAG_SECONDS = 10.0
"""How much later than Swarm an engine may say that a container has ended."""
ENDING = ("shutdown", "remove")
SERVICE_LABEL = "com.docker.swarm.service.name"


def ended(place: Site, moved: Sequence[Moved]) -> frozenset[str]:
    """End what these services run in, which are scaled to 0; the containers that have ended.

    What cannot be ended in this way is not among them: Swarm ends it, a little later.
    """
    found = parallel.run(lambda one: tuple(_ended(place, one)), moved)
    return frozenset(container for each in found for container in each)


def require_ended(place: Site, one: Moved) -> None:
    """Wait until nothing of a service runs where it was, by the word of that server's own engine.

    Swarm's does not count for a server that it has lost touch with: what runs there may go on.

    Raises:
        MachineError: it runs on. UnreachableError, EngineError: the engine does not answer.
    """
    client = place.engine(one.source)
    filters = {"label": f"{SERVICE_LABEL}={one.swarm_name}"}
    deadline = clock.monotonic() + LAG_SECONDS
    while True:
        with docker.translated(f"the engine of {one.source} does not tell what runs there"):
            found = client.api.containers(filters=filters)
        if not found:
            return
        if clock.monotonic() > deadline:
            raise MachineError(
                f"{one.service} runs on {one.source} all the same, by the word of its engine",
                cause=f"the swarm has lost touch with {one.source}, and ends nothing there",
                todo=f"once `quorate status` calls {one.source} ready, or after `docker stop "
                f"{found[0]['Id'][:12]}` there, do this again",
            )
        clock.sleep(POLL_SECONDS)


def _ended(place: Site, one: Moved) -> Iterator[str]:
    try:
        service = quiesce.service(place.client(), one.swarm_name)
        grace = stopping_seconds(service["Spec"])
        told = _told(place, one.swarm_name) if grace <= LONG_SECONDS else {}
        for server in dict.fromkeys((one.source, one.target)):
            if not told:
                return
            client = place.engine(server)
            with docker.translated(f"the engine of {server} does not tell its node"):
                node = str(client.api.info()["Swarm"]["NodeID"])
            for container in told.pop(node, ()):
                docker.stop(client, container, grace)
                yield container
    except QuorateError as error:
        place.report.note(
            f"{one.service} is left to Swarm to stop, some seconds later: {error.what}"
        )


def _told(place: Site, service: str) -> dict[str, list[str]]:
    """By node, the containers of the tasks that Swarm has told to end; none while one may go on."""
    deadline = clock.monotonic() + DECIDED_SECONDS
    while True:
        left = quiesce.left(place.client(), service)
        if all(task.get("DesiredState") in ENDING for task in left):
            break
        if clock.monotonic() > deadline:
            return {}
        clock.sleep(POLL_SECONDS)
    found: dict[str, list[str]] = {}
    for task in left:
        if container := quiesce.container_of(task):
            found.setdefault(str(task["NodeID"]), []).append(container)
    return found
