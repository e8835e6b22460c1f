"""What servers have, what may go, and what stays and why. Pure; sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from quorate.fleet.model import Model


@dataclass(frozen=True, kw_only=True)
class SeenImage:
    """An image on a server. `shared`: what of `size` other images have too."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    shared: int = 0


@dataclass(frozen=True, kw_only=True)
class SeenContainer:
    """A container on a server, running or not.

    `written`: bytes in its own layer, None where the engine does not say. `volumes` are those it
    mounts, `nameless` those of them that nobody has named; `networks` ids and names.
    """

    id: str
    name: str
    image: str = ""
    image_id: str = ""
    state: str = "unknown"
    status: str = ""
    created: datetime | None = None
    written: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    nameless: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SeenNetwork:
    """A network that an engine lists. `subnet` is its first one.

    `config_only`: it only keeps settings, by which networks of a swarm are made on this server.
    """

    id: str
    name: str
    driver: str = "bridge"
    scope: str = "local"
    created: datetime | None = None
    subnet: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    config_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Stock:
    """All that one server has. `volumes`: name → bytes, None where the engine does not say."""

    server: str
    images: tuple[SeenImage, ...] = ()
    containers: tuple[SeenContainer, ...] = ()
    networks: tuple[SeenNetwork, ...] = ()
    volumes: Mapping[str, int | None] = field(default_factory=dict)


class Item(Model):
    """Something that may go. `kind`: image, container, network or volume.

    `references` are what an image is removed by; `frees` in bytes; `note` says more, for people.
    """

    kind: str
    id: str
    name: str
    frees: int = 0
    references: tuple[str, ...] = ()
    note: str = ""


class Kept(Model):
    """Something that nothing uses now and that stays, and why."""

    kind: str
    name: str
    why: str
    size: int = 0


class ServerPlan(Model):
    """What may go from one server, and what stays although nothing uses it now."""

    server: str
    items: tuple[Item, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def frees(self) -> int:
        """Bytes."""
        return sum(item.frees for item in self.items)


class VolumeWish(Model):
    """A volume that was named to go. `proof` says in words what the backups have of it."""

    server: str
    name: str
    size: int | None = None
    proof: str = ""


class CleanPlan(Model):
    """What a clean-up would remove. `unasked`: servers that did not answer, and why."""

    fleet: str
    servers: tuple[ServerPlan, ...]
    volumes: tuple[VolumeWish, ...] = ()
    unasked: dict[str, str] = Field(default_factory=dict)

    @property
    def frees(self) -> int:
        """Bytes, as far as they are known."""
        known = sum(wish.size or 0 for wish in self.volumes)
        return sum(one.frees for one in self.servers) + known

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.volumes and not any(one.items for one in self.servers)


class Removed(Model):
    """What became of one thing: `why` is empty where it went."""

    server: str
    kind: str
    name: str
    frees: int = 0
    why: str = ""


class CleanResult(Model):
    """What a clean-up did. `removed` None: it was only shown."""

    plan: CleanPlan
    removed: tuple[Removed, ...] | None = None

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(one.frees for one in self.removed or () if not one.why)

    @property
    def failed(self) -> tuple[Removed, ...]:
        """What did not go."""
        return tuple(one for one in self.removed or () if one.why)
