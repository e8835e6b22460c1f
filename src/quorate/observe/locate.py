"""Find the server and container where a service runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from quorate.errors import QuorateError, UsageError
from quorate.fleet.model import Engine, Fleet, Server, Service
from quorate.fleet.observed import Snapshot
from quorate.observe.health import service_health

TASK_SERVICE_LABEL = "com.docker.swarm.service.name"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A running container of a service and the server it is on."""

    server: str
    container: str


def find_service(fleet: Fleet, name: str) -> Service:
    """The service people mean by `name`: its id, `stack/name` or Swarm's name.

    Raises:
        UsageError: there is none; near misses are offered.
    """
    try:
        return fleet.service(name)
    except KeyError:
        known = {s.id for s in fleet.services} | {f"{s.stack}/{s.name}" for s in fleet.services}
        near = get_close_matches(name, sorted(known), n=3)
        raise UsageError(
            f"the fleet has no service {name}",
            todo=f"did you mean {' or '.join(near)}?" if near else "`quorate status` lists them",
        ) from None


def find_server(fleet: Fleet, name: str) -> Server:
    """The server of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return fleet.server(name)
    except KeyError:
        names = ", ".join(server.name for server in fleet.servers)
        raise UsageError(
            f"the fleet has no server {name}", todo=f"choose one of: {names}"
        ) from None


def running_places(service: Service, snapshot: Snapshot) -> tuple[Place, ...]:
    """Every running container of the service, by the swarm where it is one, else by what
    the servers' engines list."""
    if service.engine is Engine.SWARM and snapshot.services:
        live = snapshot.service(service.swarm_name)
        if live is None:
            return ()
        return tuple(
            Place(server=node.hostname, container=task.container_id)
            for task in snapshot.running(live)
            if task.container_id and (node := snapshot.node(task.node_id)) is not None
        )
    return tuple(
        Place(server=item.server, container=item.id)
        for item in snapshot.containers
        if item.state == "running" and _belongs(item.labels, service)
    )


def choose_place(service: Service, snapshot: Snapshot, server: str | None = None) -> Place:
    """One running container of the service, on `server` where that is given.

    Raises:
        QuorateError: none runs (there); says how the service is instead.
    """
    places = sorted(running_places(service, snapshot), key=lambda p: (p.server, p.container))
    chosen = [place for place in places if server in (None, place.server)]
    if chosen:
        return chosen[0]
    if places:
        where = ", ".join(sorted({place.server for place in places}))
        raise QuorateError(
            f"{service.id} does not run on {server}", todo=f"it runs on {where}: choose that one"
        )
    cause = None
    if service.engine is Engine.SWARM and snapshot.nodes:
        state = service_health(service, snapshot, None)
        cause = f"it is {state.condition}" + (f": {state.words}" if state.words else "")
    raise QuorateError(
        f"no task of {service.id} runs",
        cause=cause,
        todo=f"see `quorate logs {service.id}` and `quorate status`",
    )


def _belongs(labels: dict[str, str], service: Service) -> bool:
    if service.engine is Engine.COMPOSE:
        return (
            labels.get("com.docker.compose.project") == service.stack
            and labels.get("com.docker.compose.service") == service.name
        )
    return labels.get(TASK_SERVICE_LABEL) == service.swarm_name
