"""What the servers have, as their engines list it; and whether registries still have an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quorate.backup.jobs.enumerating import is_nameless
from quorate.deploy.images import explain
from quorate.deploy.registries import Credential, auth_for
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, Connections
from quorate.recover.clean.model import SeenContainer, SeenImage, SeenNetwork, Stock
from quorate.tools import docker, parallel

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

LOOKUPS = 6
NO_TAG = "<none>:<none>"
NO_DIGEST = "<none>@<none>"


def stocks(connections: Connections) -> Answers[Stock]:
    """What each server has, and why the others did not say."""
    return connections.each(_of)


def _of(server: Server, client: DockerClient) -> Stock:
    return stock(server.name, docker.disk_use(client), client.api.networks() or ())


def stock(server: str, use: Mapping[str, Any], networks: Iterable[Mapping[str, Any]]) -> Stock:
    """A server's things from its engine's own listings (`/system/df`, `/networks`). Pure."""
    volumes = use.get("Volumes") or ()
    nameless = frozenset(str(one["Name"]) for one in volumes if is_nameless(one))
    return Stock(
        server=server,
        images=tuple(_image(raw) for raw in use.get("Images") or ()),
        containers=tuple(_container(raw, nameless) for raw in use.get("Containers") or ()),
        networks=tuple(_network(raw) for raw in networks),
        volumes={str(one["Name"]): _volume_size(one) for one in volumes},
    )


def fetchable(
    client: DockerClient, images: Iterable[str], known: Mapping[str, Credential]
) -> dict[str, str]:
    """Ask registries, through a manager's engine: image by digest → "", or why it is not had.

    Args:
        known: credentials by registry host.
    """
    wanted = tuple(images)
    answers = parallel.run(lambda one: _fetchable(client, one, known), wanted, limit=LOOKUPS)
    return dict(zip(wanted, answers, strict=True))


def _fetchable(client: DockerClient, image: str, known: Mapping[str, Credential]) -> str:
    try:
        client.api.inspect_distribution(image, auth_config=auth_for(image, known))
    except docker.engine_errors() as error:
        said = explain(docker.words(error), image)
        return f"it could perhaps not be pulled again: {said}"
    return ""


def _image(raw: Mapping[str, Any]) -> SeenImage:
    return SeenImage(
        id=str(raw.get("Id") or ""),
        tags=tuple(t for t in raw.get("RepoTags") or () if t != NO_TAG),
        digests=tuple(d for d in raw.get("RepoDigests") or () if d != NO_DIGEST),
        size=_bytes(raw.get("Size")) or 0,
        shared=_bytes(raw.get("SharedSize")) or 0,
    )


def _container(raw: Mapping[str, Any], nameless: frozenset[str]) -> SeenContainer:
    names = raw.get("Names") or [raw.get("Id") or ""]
    mounted = frozenset(
        str(mount["Name"])
        for mount in raw.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    )
    joined = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    ids = {str((one or {}).get("NetworkID") or "") for one in joined.values()}
    return SeenContainer(
        id=str(raw.get("Id") or ""),
        name=str(names[0]).lstrip("/"),
        image=str(raw.get("Image") or ""),
        image_id=str(raw.get("ImageID") or ""),
        state=str(raw.get("State") or "unknown"),
        status=str(raw.get("Status") or ""),
        created=_moment(raw.get("Created")),
        # An engine leaves out what is 0.
        written=_bytes(raw.get("SizeRw", 0)),
        labels={str(k): str(v) for k, v in (raw.get("Labels") or {}).items()},
        volumes=mounted,
        nameless=mounted & nameless,
        networks=frozenset((*ids, *joined)) - {""},
    )


def _network(raw: Mapping[str, Any]) -> SeenNetwork:
    ranges = (raw.get("IPAM") or {}).get("Config") or ()
    return SeenNetwork(
        id=str(raw.get("Id") or ""),
        name=str(raw.get("Name") or ""),
        driver=str(raw.get("Driver") or ""),
        scope=str(raw.get("Scope") or ""),
        created=_time(str(raw.get("Created") or "")),
        subnet=next((str(one["Subnet"]) for one in ranges if one.get("Subnet")), ""),
        labels={str(k): str(v) for k, v in (raw.get("Labels") or {}).items()},
        config_only=raw.get("ConfigOnly") is True,
    )


def _volume_size(raw: Mapping[str, Any]) -> int | None:
    size = _bytes((raw.get("UsageData") or {}).get("Size"))
    return size if size is None or size >= 0 else None


def _bytes(value: Any) -> int | None:
    """A size; -1, which an engine says for what it has not measured, is nothing known."""
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def _moment(value: Any) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None


def _time(text: str) -> datetime | None:
    """An engine's time, with nanoseconds: `2026-06-30T12:00:00.123456789Z`."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None
