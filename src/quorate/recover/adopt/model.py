"""Containers that are to become services, as they run, and as they are noted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field

from quorate.fleet.model import Model


@dataclass(frozen=True, kw_only=True)
class Mounted:
    """Something mounted in a container. `source`: a volume's name, or a path of the server.

    `nameless`: a volume that nobody has named.
    """

    kind: str
    source: str
    target: str
    writable: bool = True
    nameless: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """A container that runs and is no task of Swarm.

    `image` is the reference it was started with; `tags` and `digests` are its image's.
    `restart` and `retries` are its restart policy; `removed_on_stop` when it was started with
    `--rm`. `networks`: name → aliases, those of its engine alone. `mode` is how it is on the
    network. `environment` is without what the image brings along.
    """

    id: str
    name: str
    server: str
    image: str
    image_id: str = ""
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    project: str = ""
    service: str = ""
    depends: tuple[str, ...] = ()
    restart: str = ""
    retries: int = 0
    removed_on_stop: bool = False
    mounts: tuple[Mounted, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mode: str = "bridge"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class KeptContainer(Model):
    """A container that is stopped and kept: what puts it back as it was.

    `joins`: the fleet's networks that it is put into while others are still to follow → the names
    it has there.
    """

    id: str
    name: str
    server: str
    restart: str = ""
    retries: int = 0
    joins: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Adopted(Model):
    """A service that takes the place of containers. `image` is what it is deployed with."""

    id: str
    stack: str
    name: str
    swarm_name: str
    image: str
    home: str
    containers: tuple[KeptContainer, ...]


class OwnNetwork(Model):
    """A network that only one stack uses, made before the stack so that containers can join it."""

    name: str
    stack: str
    options: dict[str, str] = Field(default_factory=dict)
    internal: bool = False
    subnets: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
