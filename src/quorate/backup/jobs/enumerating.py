"""Every volume and container on every server that answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quorate.backup.policy.strays import Stored
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, Connections
from quorate.observe.containers import container

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

NAMELESS = "com.docker.volume.anonymous"
"""A label of volumes that nobody has named, from engine 23 on."""
RANDOM = re.compile(r"[0-9a-f]{64}")


def stored(connections: Connections) -> Answers[Stored]:
    """What each server's engine lists, and why the others did not."""
    return connections.each(_of)


def _of(server: Server, client: DockerClient) -> Stored:
    volumes = client.api.volumes().get("Volumes") or ()
    nameless = frozenset(str(one["Name"]) for one in volumes if is_nameless(one))
    return Stored(
        named=frozenset(str(one["Name"]) for one in volumes) - nameless,
        nameless=nameless,
        containers=tuple(
            container(raw, server.name) for raw in client.api.containers(all=True) or ()
        ),
    )


def is_nameless(volume: Mapping[str, Any]) -> bool:
    """Whether nobody has named a volume, as GET /volumes has it. Pure."""
    labels = volume.get("Labels") or {}
    return NAMELESS in labels or RANDOM.fullmatch(str(volume["Name"])) is not None
