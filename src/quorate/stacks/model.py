"""Rendered stacks: what `docker stack deploy` takes, as values."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from quorate.fleet.model import Model


class RenderedStack(Model):
    """One stack file. `document` is its mapping (legacy schema, version "3.8").

    `secrets` and `configs` map the name used in the document's top-level section
    to the fleet's secret or config name it is made from (the deployed, versioned
    name is filled in at deployment).
    """

    name: str
    document: dict[str, Any]
    warnings: tuple[str, ...] = ()


class Rendered(Model):
    """Everything a plan becomes.

    `labels` maps a server's name to the node labels it must carry (its own and
    those of the pools it belongs to). `networks` maps the name of each network
    shared between stacks to its driver options; Quorate makes them before the
    stacks. `pool_constraints` maps a service's id to the constraint of its pool
    (None: any server) and `home_constraints` to the constraint that holds it at
    its homes; the stack documents carry the pool's.
    """

    stacks: tuple[RenderedStack, ...]
    labels: dict[str, dict[str, str]] = Field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pool_constraints: dict[str, str | None] = Field(default_factory=dict)
    home_constraints: dict[str, str | None] = Field(default_factory=dict)

