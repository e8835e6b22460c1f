"""Secrets of the fleet file in the swarm, versioned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from quorate.deploy import versioned
from quorate.deploy.values import read_values
from quorate.deploy.versioned import Kind, Value
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.stacks.model import Rendered

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def secret_values(
    fleet: Fleet, rendered: Rendered, environment: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """The values of all secrets that the stacks use, by plain name; never to be shown.

    Raises:
        CheckError: every secret whose source gives none.
    """
    directory = fleet.path.absolute().parent
    return read_values(rendered.secrets, directory=directory, environment=environment)


def ensure_secrets(
    client: DockerClient, values: Mapping[str, bytes], *, fleet: str
) -> dict[str, str]:
    """See that each secret is in the swarm; returns plain → deployed name (`name-v2`).

    Raises:
        EngineError: the swarm refuses, or a value is empty or too large.
    """
    return versioned.ensure(client, Kind.SECRET, _as_values(values), fleet=fleet)


def expected_secrets(
    client: DockerClient, values: Mapping[str, bytes], *, fleet: str
) -> dict[str, str]:
    """As `ensure_secrets` would answer, changing nothing: for a diff.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.expected(client, Kind.SECRET, _as_values(values), fleet=fleet)


def _as_values(values: Mapping[str, bytes]) -> dict[str, Value]:
    return {name: Value(data=data) for name, data in values.items()}


def prune_secrets(
    client: DockerClient, snapshot: Snapshot, *, fleet: str, recorded: Iterable[str] = ()
) -> tuple[str, ...]:
    """Remove versions that no service and no record uses, the last two of each name kept.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.prune(client, Kind.SECRET, snapshot, fleet=fleet, recorded=recorded)
