"""Rendered stacks: what `docker stack deploy` takes, as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from quorate.fleet.model import Model, SecretSource


class ConfigSource(Model):
    """What a Swarm config is made of: exactly one of a file, a text, an environment variable.

    Not secret. `template_driver` (`golang`) lets Swarm fill in placeholders per task.
    """

    file: Path | None = None
    content: str | None = None
    environment: str | None = None
    template_driver: str | None = None


class RenderedStack(Model):
    """One stack file. `document` is its mapping (legacy schema, version "3.8").

    `secrets` and `configs` map the name used in the document's top-level section
    to the plain name it is made from (a key of `Rendered.secrets` or
    `Rendered.configs`); the deployed, versioned name is filled in at deployment
    by `stacks.secrets.bind`. Entries that Quorate does not make (external ones
    that the fleet file does not name) are left out.
    """

    name: str
    document: dict[str, Any]
    secrets: dict[str, str] = Field(default_factory=dict)
    configs: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Rendered(Model):
    """Everything a plan becomes.

    `labels` maps a server's name to the node labels it must carry (its own and
    those of the pools it belongs to). `networks` maps the name of each network
    shared between stacks to its driver options; Quorate makes them before the
    stacks. `secrets` and `configs` map each plain name to where its value comes
    from. `pool_constraints` maps a service's id to the constraint of its pool
    (None: any server) and `home_constraints` to the constraint that holds it at
    its homes; the stack documents carry the pool's.
    """

    fleet: str = ""
    stacks: tuple[RenderedStack, ...]
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    secrets: dict[str, SecretSource] = Field(default_factory=dict)
    configs: dict[str, ConfigSource] = Field(default_factory=dict)
    pool_constraints: dict[str, str | None] = Field(default_factory=dict)
    home_constraints: dict[str, str | None] = Field(default_factory=dict)


class RenderedFile(Model):
    """One stack of a `RenderReport`."""

    file: str
    services: tuple[str, ...]
    warnings: tuple[str, ...]


class RenderReport(Model):
    """What `quorate render --json` prints: files written, and what they need beforehand."""

    fleet: str
    directory: str
    files: tuple[str, ...]
    stacks: dict[str, RenderedFile]
    labels: dict[str, dict[str, str]]
    networks: tuple[str, ...]
    secrets: tuple[str, ...]
    configs: tuple[str, ...]
