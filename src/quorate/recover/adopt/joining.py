"""Networks in which containers and the services that follow them find each other on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quorate.deploy.networks import DRIVER, wait_for
from quorate.errors import EngineError
from quorate.fleet.imports.inventory import STACK_NAMESPACE
from quorate.recover.adopt.model import KeptContainer, OwnNetwork
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

LABEL = "quorate.adopt"
"""Of networks that were made for an adoption: its id."""
IN_USE_ATTEMPTS = 40
JOIN_ATTEMPTS = 5
POLL_SECONDS = 0.5
NOT_FOUND = 404


def make_networks(site: Site, networks: Sequence[OwnNetwork], identity: str) -> None:
    """Make the stacks' own networks that are missing, as `docker stack deploy` would.

    Raises:
        EngineError: the swarm refuses.
    """
    client = site.client()
    there = site.snapshot().networks
    missing = [one for one in networks if one.name not in there]
    for one in missing:
        labels = {**one.labels, STACK_NAMESPACE: one.stack, LABEL: identity}
        body: dict[str, Any] = {
            "Name": one.name,
            "Driver": DRIVER,
            "Scope": "swarm",
            "Attachable": True,
            "Internal": one.internal,
            "Options": one.options,
            "Labels": labels,
            "CheckDuplicate": True,
        }
        if one.subnets:
            body["IPAM"] = {"Config": [{"Subnet": subnet} for subnet in one.subnets]}
        docker.create(client, "/networks/create", body, f"the network {one.name}")
    if missing:
        wait_for(client, tuple(one.name for one in missing))


def remove_networks(site: Site, identity: str) -> None:
    """Remove the networks that were made for an adoption; one that is used by now stays.

    Raises:
        EngineError: the swarm does not answer.
    """
    client = site.client()
    with docker.translated("the swarm's networks cannot be listed"):
        found = client.api.networks(filters={"label": f"{LABEL}={identity}"}) or ()
    for raw in found:
        _remove(site, client, raw)


def _remove(site: Site, client: DockerClient, raw: Mapping[str, Any]) -> None:
    """Try until it is gone: it is in use until the last addresses are given back, and goes later
    than its removal is accepted."""
    said = "it is still listed"
    for _ in range(IN_USE_ATTEMPTS):
        try:
            client.api.remove_network(raw["Id"])
        except docker.engine_errors() as error:
            if docker.status_of(error) == NOT_FOUND:
                return
            said = docker.words(error)
        clock.sleep(POLL_SECONDS)
    site.report.note(f"the network {raw['Name']} stays: {said}")


def join(site: Site, container: KeptContainer) -> None:
    """Put a container into the networks of its service, as far as it is not in them.

    Raises:
        EngineError: the engine refuses.
    """
    client = site.engine(container.server)
    joined, there = _joined(client, container), site.snapshot().networks
    for network, names in container.joins.items():
        if network in joined or network not in there:
            continue
        _connect(client, container, network, names)


def rejoin(site: Site, container: KeptContainer) -> None:
    """`join` on the way back, where it is a comfort: what cannot be joined is told."""
    try:
        join(site, container)
    except EngineError as error:
        site.report.note(f"{error.what}: {error.cause}")


def _connect(
    client: DockerClient, container: KeptContainer, network: str, names: Sequence[str]
) -> None:
    """An engine that has just let the last task of a network go may not find it for a moment."""
    what = f"{container.name} could not be put into the network {network}"
    for attempt in range(JOIN_ATTEMPTS):
        try:
            client.api.connect_container_to_network(container.id, network, aliases=list(names))
            return
        except docker.engine_errors() as error:
            if attempt == JOIN_ATTEMPTS - 1:
                raise EngineError(
                    what,
                    cause=docker.words(error),
                    todo="see `docker network inspect`; it has to be attachable",
                ) from error
        clock.sleep(2 * POLL_SECONDS)


def leave(site: Site, container: KeptContainer) -> None:
    """Take a container out of them again.

    Raises:
        EngineError: the engine refuses.
    """
    client = site.engine(container.server)
    for network in container.joins.keys() & _joined(client, container):
        with docker.translated(f"{container.name} could not be taken out of {network}"):
            client.api.disconnect_container_from_network(container.id, network, force=True)


def _joined(client: DockerClient, container: KeptContainer) -> frozenset[str]:
    try:
        raw = client.api.inspect_container(container.id)
    except docker.engine_errors() as error:
        raise EngineError(
            f"{container.name} on {container.server} cannot be looked at", cause=docker.words(error)
        ) from error
    return frozenset((raw.get("NetworkSettings") or {}).get("Networks") or {})
