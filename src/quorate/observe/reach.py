"""From a service's name to the command line that reaches it on the right server."""

from __future__ import annotations

from quorate.errors import QuorateError
from quorate.fleet.model import Engine, Fleet, Service
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections
from quorate.observe.containers import observe_containers
from quorate.observe.gather import gather
from quorate.observe.locate import choose_place, find_server
from quorate.observe.remote import Inside, LogOptions, container_log, execute, service_log
from quorate.observe.targets import target_of
from quorate.tools import clock


def log_command(fleet: Fleet, service: Service, options: LogOptions) -> list[str]:
    """The command line that prints a service's log.

    A manager gathers the lines of all tasks. Where no manager works, one
    server's own container is read instead.

    Raises:
        QuorateError: nothing of the service is to be found.
        UnreachableError, EngineError: no server answers.
    """
    with Connections(fleet) as connections:
        if service.engine is Engine.SWARM:
            try:
                manager = connections.manager()
            except QuorateError as error:
                return _log_without_swarm(connections, service, options, error)
            return service_log(manager.target, service.swarm_name, options)
        place = choose_place(service, _containers(connections))
        return container_log(target_of(find_server(fleet, place.server)), place, options)


def execute_command(
    fleet: Fleet, service: Service, inside: Inside, *, server: str | None = None
) -> list[str]:
    """The command line that runs a command inside a running task of the service.

    Raises:
        QuorateError: no task of it runs (on `server`).
    """
    with Connections(fleet) as connections:
        gathered = gather(connections)
        if not gathered.swarm and not gathered.snapshot.containers and gathered.why:
            raise gathered.why
        place = choose_place(service, gathered.snapshot, server)
    return execute(target_of(find_server(fleet, place.server)), place, inside)


def _log_without_swarm(
    connections: Connections, service: Service, options: LogOptions, why: QuorateError
) -> list[str]:
    try:
        place = choose_place(service, _containers(connections))
    except QuorateError:
        raise why from None
    target = target_of(find_server(connections.fleet, place.server))
    return container_log(target, place, options)


def _containers(connections: Connections) -> Snapshot:
    containers, errors = observe_containers(connections)
    unreachable = {name: error.what for name, error in errors.items()}
    return Snapshot(taken_at=clock.now(), containers=containers, unreachable=unreachable)
