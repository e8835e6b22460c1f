"""Configs made from files of the compose stacks, versioned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from quorate.deploy import versioned
from quorate.deploy.versioned import Kind
from quorate.fleet.observed import Snapshot

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def ensure_configs(
    client: DockerClient, values: Mapping[str, bytes], *, fleet: str
) -> dict[str, str]:
    """See that each config is in the swarm; returns name → deployed name (`name-v2`).

    Raises:
        EngineError: the swarm refuses, or a value is empty or too large.
    """
    return versioned.ensure(client, Kind.CONFIG, values, fleet=fleet)


def expected_configs(
    client: DockerClient, values: Mapping[str, bytes], *, fleet: str
) -> dict[str, str]:
    """As `ensure_configs` would answer, changing nothing: for a diff.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.expected(client, Kind.CONFIG, values, fleet=fleet)


def prune_configs(
    client: DockerClient, snapshot: Snapshot, *, fleet: str, recorded: Iterable[str] = ()
) -> tuple[str, ...]:
    """Remove versions that no service and no record uses, the last two of each name kept.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.prune(client, Kind.CONFIG, snapshot, fleet=fleet, recorded=recorded)
