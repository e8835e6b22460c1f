"""The containers on each server, those of Swarm and those of Docker Compose alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate.errors import QuorateError
from quorate.fleet.observed import ObservedContainer
from quorate.observe.connect import Connections

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


@dataclass(frozen=True, kw_only=True)
class ComposeState:
    """A compose project on a server; `failing` names containers stopped or unhealthy."""

    server: str
    project: str
    containers: int
    running: int
    healthy: int
    checked: int
    failing: tuple[str, ...] = ()


def observe_containers(
    connections: Connections,
) -> tuple[tuple[ObservedContainer, ...], Mapping[str, QuorateError]]:
    """All containers of all servers that answer, and why the others did not."""
    answers = connections.each(lambda server, client: _of(server.name, client))
    found = tuple(item for items in answers.results.values() for item in items)
    return found, answers.errors


def _of(server: str, client: DockerClient) -> tuple[ObservedContainer, ...]:
    return tuple(container(raw, server) for raw in client.api.containers(all=True) or ())


def container(raw: Mapping[str, Any], server: str) -> ObservedContainer:
    """A container from the engine's own listing."""
    labels = {str(key): str(value) for key, value in (raw.get("Labels") or {}).items()}
    names = raw.get("Names") or [raw.get("Id") or ""]
    return ObservedContainer(
        id=str(raw.get("Id") or ""),
        name=str(names[0]).lstrip("/"),
        server=server,
        image=str(raw.get("Image") or ""),
        state=str(raw.get("State") or "unknown"),
        health=_health(str(raw.get("Status") or "")),
        compose_project=labels.get(PROJECT_LABEL),
        compose_service=labels.get(SERVICE_LABEL),
        labels=labels,
        networks=_networks(raw),
        volumes=_volumes(raw),
    )


def _networks(raw: Mapping[str, Any]) -> dict[str, str]:
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        str(item.get("NetworkID") or name): str(item.get("IPAddress") or "")
        for name, item in networks.items()
        if isinstance(item, Mapping)
    }


def _volumes(raw: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        str(mount.get("Name") or "")
        for mount in raw.get("Mounts") or ()
        if mount.get("Type") == "volume"
        and mount.get("Driver") in (None, "", "local")
        and mount.get("RW", True)
    )


def _health(status: str) -> str | None:
    """The listing has health only inside its words: "Up 2 minutes (health: starting)"."""
    for words, health in (("(healthy)", "healthy"), ("(unhealthy)", "unhealthy")):
        if words in status:
            return health
    return "starting" if "(health: starting)" in status else None


def compose_states(containers: tuple[ObservedContainer, ...]) -> tuple[ComposeState, ...]:
    """The compose projects among these containers, by server and name."""
    groups: dict[tuple[str, str], list[ObservedContainer]] = {}
    for item in containers:
        if item.compose_project is not None:
            groups.setdefault((item.server, item.compose_project), []).append(item)
    return tuple(
        ComposeState(
            server=server,
            project=project,
            containers=len(items),
            running=sum(item.state == "running" for item in items),
            healthy=sum(item.health == "healthy" for item in items),
            checked=sum(item.health is not None for item in items),
            failing=tuple(
                item.compose_service or item.name
                for item in items
                if item.state != "running" or item.health == "unhealthy"
            ),
        )
        for (server, project), items in sorted(groups.items())
    )
