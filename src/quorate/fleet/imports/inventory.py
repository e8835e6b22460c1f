"""What live engines said, as they said it: the input of an import.

Mappings are the engines' own and may hold anything; whoever reads them asks
`mapping`, `listed`, `text` and `number`, which never raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.fleet.imports.guesses import Measured

Raw = Mapping[str, Any]
COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_NETWORK = "com.docker.compose.network"
COMPOSE_VOLUME = "com.docker.compose.volume"
COMPOSE_DEPENDS = "com.docker.compose.depends_on"
STACK_NAMESPACE = "com.docker.stack.namespace"
STACK_IMAGE = "com.docker.stack.image"
SWARM_SERVICE = "com.docker.swarm.service.name"
ENGINES_OWN = ("com.docker.", "desktop.docker.", "quorate.")
"""Labels that the engine, its tools or Quorate put there; a file that is deployed gets its own."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One engine and what runs on it.

    `address`, `user`, `port`, `config` say how it was reached (`address` "" for a
    local socket). `containers` are inspected ones, `images` maps an image's id to its
    inspected form. `volume_sizes` and `path_sizes` are bytes; `usage` maps container ids
    to what they used.
    """

    source: str
    address: str = ""
    user: str | None = None
    port: int | None = None
    config: str | None = None
    info: Raw = field(default_factory=dict)
    containers: tuple[Raw, ...] = ()
    images: Mapping[str, Raw] = field(default_factory=dict)
    networks: tuple[Raw, ...] = ()
    volumes: Mapping[str, Raw] = field(default_factory=dict)
    volume_sizes: Mapping[str, int] = field(default_factory=dict)
    path_sizes: Mapping[str, int] = field(default_factory=dict)
    usage: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its host name as the engine has it; else how it was reached."""
        return text(self.info, "Name") or self.address or self.source

    @property
    def node_id(self) -> str:
        """Its id in its swarm; "" when it is in none."""
        return text(mapping(self.info, "Swarm"), "NodeID")


@dataclass(frozen=True, kw_only=True)
class SwarmSeen:
    """What a manager said about its swarm."""

    nodes: tuple[Raw, ...] = ()
    services: tuple[Raw, ...] = ()
    tasks: tuple[Raw, ...] = ()
    networks: tuple[Raw, ...] = ()
    settings: Raw = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Every engine that answered; why the others did not, by name; what was odd in the answers."""

    hosts: tuple[Host, ...] = ()
    swarm: SwarmSeen | None = None
    unreachable: Mapping[str, str] = field(default_factory=dict)
    odd: tuple[tuple[str, str], ...] = ()
    """(who answered, what made no sense)."""


def mapping(raw: Any, *path: str) -> Raw:
    """The mapping at a path; empty when there is none."""
    for key in path:
        raw = raw.get(key) if isinstance(raw, Mapping) else None
    return raw if isinstance(raw, Mapping) else {}


def listed(raw: Any, *path: str) -> list[Any]:
    """The list at a path; empty when there is none."""
    found = mapping(raw, *path[:-1]).get(path[-1]) if path else raw
    return list(found) if isinstance(found, list | tuple) else []


def words(raw: Any, *path: str) -> list[str]:
    """The texts of the list at a path; a single text counts as a list of one."""
    found = mapping(raw, *path[:-1]).get(path[-1])
    if isinstance(found, str):
        return [found] if found else []
    return [item for item in listed(raw, *path) if isinstance(item, str)]


def text(raw: Any, *path: str) -> str:
    """The text at a path; "" when there is none."""
    found = mapping(raw, *path[:-1]).get(path[-1])
    return found if isinstance(found, str) else ""


def number(raw: Any, *path: str) -> float:
    """The number at a path; 0 when there is none, or it is not above 0."""
    found = mapping(raw, *path[:-1]).get(path[-1])
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0
    # A NaN is not above 0 either; no real figure is as large as 2^60.
    return found if 0 < found < 2**60 else 0


def texts(raw: Any, *path: str) -> dict[str, str]:
    """The mapping at a path with texts as values; others left out."""
    return {str(k): v for k, v in mapping(raw, *path).items() if isinstance(v, str)}


def own_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels without those that tools put there."""
    return {key: value for key, value in labels.items() if not key.startswith(ENGINES_OWN)}
