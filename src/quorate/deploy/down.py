"""Taking a fleet's stacks down. Volumes are never touched."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from quorate.deploy.networks import FLEET_LABEL
from quorate.deploy.progress import Reporter
from quorate.errors import EngineError
from quorate.fleet.observed import Snapshot
from quorate.observe.snapshot import observe
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

GONE_SECONDS = 120.0
POLL_SECONDS = 0.5
IN_USE_ATTEMPTS = 40
NOT_FOUND = 404


def stacks_of(snapshot: Snapshot, fleet: str) -> tuple[str, ...]:
    """The stacks this fleet deployed, by the label on their services. Pure."""
    return tuple(
        sorted(
            {
                service.stack
                for service in snapshot.services
                if service.stack and service.labels.get("quorate.fleet") == fleet
            }
        )
    )


def wait_until_gone(client: DockerClient, stacks: Collection[str], report: Reporter) -> None:
    """Wait until no service of these stacks is left and no task of theirs runs on a ready node.

    Raises:
        EngineError: they are still there after two minutes.
    """
    report.phase("waiting until everything has stopped")
    deadline = clock.monotonic() + GONE_SECONDS
    while clock.monotonic() < deadline:
        if not _left(observe(client), stacks):
            return
        clock.sleep(POLL_SECONDS)
    raise EngineError(
        f"some services have not stopped within {GONE_SECONDS:.0f} s",
        cause="a server is down, or a container does not end",
        todo="see `quorate status`; run `quorate down` again",
    )


def _left(snapshot: Snapshot, stacks: Collection[str]) -> bool:
    known = {service.id for service in snapshot.services}
    ready = {node.id for node in snapshot.nodes if node.ready}
    # Tasks outlive their service for the time their containers take to stop.
    orphans = [
        task
        for task in snapshot.tasks
        if task.service_id not in known and task.state == "running" and task.node_id in ready
    ]
    return bool(orphans) or any(service.stack in stacks for service in snapshot.services)


def remove_shared_networks(client: DockerClient, fleet: str) -> tuple[str, ...]:
    """Remove the networks Quorate made for this fleet; returns their names.

    Raises:
        EngineError: a network is still used by something else.
    """
    removed = []
    with docker.translated("the swarm's networks cannot be listed"):
        networks = client.api.networks(filters={"label": f"{FLEET_LABEL}={fleet}"})
    for network in networks:
        _remove(client, str(network["Id"]), str(network["Name"]))
        removed.append(str(network["Name"]))
    return tuple(removed)


def _remove(client: DockerClient, identity: str, name: str) -> None:
    """A network is in use until the last task's addresses are given back: try for a while."""
    for attempt in range(IN_USE_ATTEMPTS):
        try:
            client.api.remove_network(identity)
            return
        except docker.engine_errors() as error:
            if docker.status_of(error) == NOT_FOUND:
                return
            if attempt == IN_USE_ATTEMPTS - 1:
                raise EngineError(
                    f"the network {name} cannot be removed",
                    cause=docker.words(error),
                    todo="something outside the fleet may use it; run `quorate down` again",
                ) from error
        clock.sleep(POLL_SECONDS)
