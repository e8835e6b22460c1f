"""One kept container: stopped, started again as it was, removed. Each looks first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quorate.errors import EngineError, MachineError
from quorate.recover.adopt.model import KeptContainer
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.recover.site import Site
    from quorate.tools.docker import DockerClient

STOP_SECONDS, DATA_STOP_SECONDS = 10, 60
"""Before it is killed: as docker does, and where it has data: it writes what it has in hand."""
HEALTHY_SECONDS = 120.0
POLL_SECONDS = 0.3
NOT_FOUND = 404


def stop(site: Site, container: KeptContainer) -> datetime:
    """Stop a container, not to be started by itself; since when it is stopped (UTC).

    Raises:
        EngineError: it is gone, or does not stop.
    """
    client = site.engine(container.server)
    raw = _inspect(client, container)
    with docker.translated(f"{container.name} on {container.server} could not be stopped"):
        if _policy(raw) != ("no", 0):
            docker.set_restart_policy(client, container.id, "no")
        if not _running(raw):
            return _finished(raw)
        since = clock.now()
        client.api.stop(container.id, timeout=stop_seconds(raw))
    if _running(_inspect(client, container)):
        raise EngineError(f"{container.name} on {container.server} runs after it was stopped")
    return since


def stop_seconds(raw: Mapping[str, Any]) -> int:
    """How long a container may take to end: what it says, or by whether it has data. Pure."""
    said = (raw.get("Config") or {}).get("StopTimeout")
    if said is not None:
        return int(said)
    has_data = any(mount.get("RW") for mount in raw.get("Mounts") or ())
    return DATA_STOP_SECONDS if has_data else STOP_SECONDS


def start(site: Site, container: KeptContainer) -> None:
    """Start a container with the restart policy it had; wait until it is healthy, if it says so.

    Raises:
        MachineError: it is gone, ends, or does not become healthy.
    """
    client = site.engine(container.server)
    raw = _inspect(client, container)
    with docker.translated(f"{container.name} on {container.server} could not be started"):
        if not _running(raw):
            client.api.start(container.id)
        wanted = (container.restart or "no", container.retries)
        if _policy(raw) != wanted:
            docker.set_restart_policy(client, container.id, *wanted)
    _wait(client, container)


def runs(site: Site, container: KeptContainer) -> bool:
    """Whether it runs; a container that is gone does not."""
    client = site.engine(container.server)
    try:
        raw = client.api.inspect_container(container.id)
    except docker.engine_errors() as error:
        if docker.status_of(error) == NOT_FOUND:
            return False
        raise EngineError(
            f"{container.name} on {container.server} cannot be looked at", cause=docker.words(error)
        ) from error
    return _running(raw)


def remove(site: Site, container: KeptContainer) -> None:
    """Remove a stopped container; its volumes stay, those without a name too.

    Raises:
        EngineError: the engine refuses.
    """
    client = site.engine(container.server)
    try:
        client.api.remove_container(container.id, v=False, force=False)
    except docker.engine_errors() as error:
        if docker.status_of(error) != NOT_FOUND:
            raise EngineError(
                f"{container.name} on {container.server} could not be removed",
                cause=docker.words(error),
            ) from error


def _wait(client: DockerClient, container: KeptContainer) -> None:
    deadline = clock.monotonic() + HEALTHY_SECONDS
    while True:
        state: Mapping[str, Any] = _inspect(client, container).get("State") or {}
        health = (state.get("Health") or {}).get("Status") or "none"
        if state.get("Running") and health in ("healthy", "none"):
            return
        if not state.get("Running") or clock.monotonic() > deadline:
            raise MachineError(
                f"{container.name} on {container.server} was started and is {state.get('Status')}"
                f" ({health})",
                todo=f"see `docker logs {container.name}` there, then resume",
            )
        clock.sleep(POLL_SECONDS)


def _inspect(client: DockerClient, container: KeptContainer) -> Mapping[str, Any]:
    what = f"{container.name} on {container.server} cannot be looked at"
    with docker.translated(what, todo="if it was removed, nothing can start it again"):
        found: Mapping[str, Any] = client.api.inspect_container(container.id)
    return found


def _running(raw: Mapping[str, Any]) -> bool:
    return bool((raw.get("State") or {}).get("Running"))


def _policy(raw: Mapping[str, Any]) -> tuple[str, int]:
    policy = (raw.get("HostConfig") or {}).get("RestartPolicy") or {}
    return str(policy.get("Name") or "no"), int(policy.get("MaximumRetryCount") or 0)


def _finished(raw: Mapping[str, Any]) -> datetime:
    """When it ended, by its engine; now, where that makes no sense."""
    text = str((raw.get("State") or {}).get("FinishedAt") or "")
    try:
        found = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return clock.now()
    return min(found, clock.now())
