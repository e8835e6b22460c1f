"""Where what a service mounts lies on a server's own disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate.fleet.model import Fleet, Server, Service, VolumeUse
from quorate.stacks import shapes

ENGINE_VOLUMES = "/var/lib/docker/volumes"
"""Of an engine whose data root was not moved."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A directory on a server, or (`path` None) why there is none to save.

    `server` None: on the service's own.
    """

    name: str
    path: str | None = None
    server: str | None = None
    why: str = ""


def place(fleet: Fleet, service: Service, mount: VolumeUse) -> Place:
    """Where the data of a mount lies."""
    source = mount.source
    if source is None:
        return Place(
            name=f"{service.id}:{mount.target}",
            why="a volume without a name is another one each time; give it a name",
        )
    if mount.kind == "bind":
        if source.startswith("/"):
            return Place(name=source, path=source)
        return Place(name=source, why="a path in a home directory; write the whole path")
    definition = _definition(fleet, service, source)
    options = shapes.strings(definition.get("driver_opts"))
    name = volume_name(service.stack, source, definition)
    if mount.kind == "shared":
        return _shared(fleet, name, mount, options)
    device = options.get("device", "")
    if "bind" in options.get("o", "").split(",") and device.startswith("/"):
        return Place(name=name, path=device)
    return Place(name=name, path=f"{ENGINE_VOLUMES}/{name}/_data")


def volume_name(stack: str, key: str, definition: Mapping[str, Any]) -> str:
    """The engine's name of a volume: as given, the key of an external one, else `stack_key`.

    Compose names the volumes of a project the same way.
    """
    external = definition.get("external")
    given = definition.get("name")
    if given is None and isinstance(external, Mapping):
        given = external.get("name")
    return str(given or (key if shapes.external(definition) else f"{stack}_{key}"))


def _definition(fleet: Fleet, service: Service, key: str) -> Mapping[str, Any]:
    for files in fleet.files:
        if files.stack == service.stack:
            return files.volumes.get(key) or {}
    return {}


def _shared(fleet: Fleet, name: str, mount: VolumeUse, options: Mapping[str, str]) -> Place:
    """Shared storage is saved where it lies: on its server, when that is one of the fleet."""
    server = _server(fleet, mount.server)
    if server is None:
        of = f"on {mount.server}" if mount.server else "of a cluster's driver"
        return Place(name=name, why=f"shared storage {of}, which is no server of the fleet")
    path = options.get("device", "").partition(":")[2]
    if not path.startswith("/"):
        return Place(name=name, why=f"which directory of {server.name} it is, is not said")
    return Place(name=name, path=path, server=server.name)


def _server(fleet: Fleet, host: str) -> Server | None:
    for server in fleet.servers:
        if host and host in (server.name, server.address):
            return server
    return None
