"""The containers that run on servers outside of Swarm, as their engines describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate.backup.jobs.enumerating import is_nameless
from quorate.fleet.imports.inventory import (
    COMPOSE_DEPENDS,
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    SWARM_SERVICE,
    listed,
    mapping,
    number,
    text,
    texts,
    words,
)
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, Connections
from quorate.recover.adopt.model import Found, Mounted
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

Raw = Mapping[str, Any]
SWARM_TASK = "com.docker.swarm.task.id"
NOT_FOUND = 404
WRITE_MODES = ("", "rw")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one engine runs outside of Swarm, and the names of the networks that are its own."""

    containers: tuple[Found, ...]
    networks: frozenset[str]


def look(connections: Connections) -> Answers[Seen]:
    """What runs on each server outside of Swarm, and why others did not say."""
    return connections.each(_of)


def _of(server: Server, client: DockerClient) -> Seen:
    api = client.api
    nameless = {str(one["Name"]) for one in api.volumes().get("Volumes") or () if is_nameless(one)}
    images: dict[str, Raw] = {}
    found = []
    for row in api.containers() or ():
        labels = row.get("Labels") or {}
        if SWARM_SERVICE in labels or SWARM_TASK in labels:
            continue
        try:
            raw = api.inspect_container(row["Id"])
        except docker.engine_errors() as error:
            if docker.status_of(error) == NOT_FOUND:
                continue  # it ended meanwhile
            raise
        identity = text(raw, "Image")
        if identity not in images:
            images[identity] = _image(client, identity)
        found.append(container(raw, images[identity], server.name, frozenset(nameless)))
    own = {str(one["Name"]) for one in api.networks() or () if str(one.get("Scope")) == "local"}
    return Seen(containers=tuple(found), networks=frozenset(own))


def _image(client: DockerClient, identity: str) -> Raw:
    """An image; empty where it was removed under its container."""
    try:
        found: Raw = client.api.inspect_image(identity)
    except docker.engine_errors() as error:
        if docker.status_of(error) == NOT_FOUND:
            return {}
        raise
    return found


def container(raw: Raw, image: Raw, server: str, nameless: frozenset[str]) -> Found:
    """A container from its engine's own descriptions of it and of its image. Pure."""
    labels = texts(raw, "Config", "Labels")
    depends = labels.get(COMPOSE_DEPENDS, "")
    name = text(raw, "Name").lstrip("/")
    brought = set(words(image, "Config", "Env"))
    given = [item for item in words(raw, "Config", "Env") if item not in brought]
    own = (name, text(raw, "Id")[:12], text(raw, "Config", "Hostname"))
    return Found(
        id=text(raw, "Id"),
        name=name,
        server=server,
        image=text(raw, "Config", "Image"),
        image_id=text(raw, "Image"),
        tags=tuple(words(image, "RepoTags")),
        digests=tuple(words(image, "RepoDigests")),
        project=labels.get(COMPOSE_PROJECT, ""),
        service=labels.get(COMPOSE_SERVICE, ""),
        depends=tuple(item.partition(":")[0] for item in depends.split(",") if item),
        restart=text(raw, "HostConfig", "RestartPolicy", "Name") or "no",
        retries=int(number(raw, "HostConfig", "RestartPolicy", "MaximumRetryCount")),
        removed_on_stop=mapping(raw, "HostConfig").get("AutoRemove") is True,
        mounts=tuple(_mount(one, nameless) for one in listed(raw, "Mounts")),
        networks={
            network: tuple(
                alias
                for alias in words(raw, "NetworkSettings", "Networks", network, "Aliases")
                if alias not in own
            )
            for network in mapping(raw, "NetworkSettings", "Networks")
        },
        mode=text(raw, "HostConfig", "NetworkMode") or "bridge",
        environment=dict(item.partition("=")[::2] for item in given),
    )


def _mount(raw: Raw, nameless: frozenset[str]) -> Mounted:
    kind = text(raw, "Type") or "volume"
    source = text(raw, "Name") if kind == "volume" else text(raw, "Source")
    return Mounted(
        kind=kind,
        source=source,
        target=text(raw, "Destination"),
        writable=raw.get("RW") is not False,
        nameless=kind == "volume" and source in nameless,
    )
