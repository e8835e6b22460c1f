"""The swarm as starters of jobs reach it: any manager, asked again while one is elected.

A job runs for hours; the manager that was asked first may be lost meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from quorate.backup.jobs import spec
from quorate.backup.jobs.standing import Begun, begun
from quorate.deploy.election import through_election
from quorate.errors import EngineError, MachineError
from quorate.fleet.observed import ObservedNode, ObservedTask
from quorate.observe import snapshot
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

Answer = TypeVar("Answer")
Manager = Callable[[], "DockerClient"]
"""Gives a manager with a working swarm; called anew for each request."""

OUTAGE_SECONDS = 180.0
"""How long no manager may answer: they elect within a minute or so, power comes back later."""
POLL_SECONDS = 1.0
NOT_FOUND, CONFLICT = 404, 409


class Door:
    """Asks managers; `say` is told of waits."""

    def __init__(self, manager: Manager, say: Callable[[str], None]) -> None:
        self._manager = manager
        self._say = say

    def ask(self, what: str, call: Callable[[DockerClient], Answer]) -> Answer:
        """What `call` returns of a manager; it must be safe to repeat.

        Raises:
            EngineError: a manager refuses (`what` says what), or none had a leader for long.
            MachineError: no manager answers for `OUTAGE_SECONDS`.
        """

        def once() -> Answer:
            client = self._manager()
            try:
                return call(client)
            except docker.engine_errors() as error:
                if docker.status_of(error) is None:
                    raise _Silence(what, cause=docker.words(error)) from error
                raise EngineError(what, cause=docker.words(error)) from error

        return self._through_outage(lambda: through_election(once, self._say))

    def _through_outage(self, call: Callable[[], Answer]) -> Answer:
        """Again while managers fall silent; refusals are raised at once."""
        deadline: float | None = None
        while True:
            try:
                return call()
            except EngineError as error:
                if not isinstance(error, _Silence):
                    raise
                last: MachineError = error
            except MachineError as error:
                last = error
            if deadline is None:
                self._say("no manager answers for the moment: trying again")
                deadline = clock.monotonic() + OUTAGE_SECONDS
            if clock.monotonic() >= deadline:
                raise last
            clock.sleep(POLL_SECONDS)

    def jobs(self, fleet: str) -> tuple[Begun, ...]:
        """All jobs of a fleet that are in the swarm, ended ones too."""
        filters = {"label": f"{spec.LABEL_FLEET}={fleet}"}
        listed = self.ask(
            "the swarm's services cannot be listed",
            lambda client: client.api.services(filters=filters) or (),
        )
        return tuple(found for raw in listed if (found := _begun(raw)) is not None)

    def job(self, name: str) -> Begun | None:
        """The job whose service has that name; None: there is none."""
        found = self.service(name)
        return _begun(found) if found else None

    def service(self, name: str) -> dict[str, Any] | None:
        """A service in the engine's own form, by its name or id; None: there is none."""

        def look(client: DockerClient) -> dict[str, Any] | None:
            try:
                return dict(client.api.inspect_service(name))
            except docker.engine_errors() as error:
                if docker.status_of(error) == NOT_FOUND:
                    return None
                raise

        return self.ask(f"the service {name} cannot be looked at", look)

    def tasks(self, services: Iterable[str]) -> dict[str, list[ObservedTask]]:
        """The tasks of services, by the service's id; a service that is gone has none."""
        wanted = list(services)
        listed = self.ask("the swarm's tasks cannot be listed", lambda c: _tasks(c, wanted))
        found: dict[str, list[ObservedTask]] = {one: [] for one in wanted}
        for raw in listed:
            task = snapshot.task(raw)
            found.setdefault(task.service_id, []).append(task)
        return found

    def nodes(self) -> tuple[ObservedNode, ...]:
        """The swarm's nodes."""
        listed = self.ask(
            "the swarm's nodes cannot be listed", lambda client: client.api.nodes() or ()
        )
        return tuple(snapshot.node(raw) for raw in listed)

    def log(self, service: str, *, lines: int | None, errors: bool = False) -> list[str]:
        """The last lines of a service's log. Not repeated.

        Raises:
            MachineError: they cannot be had: its server does not answer, or the service is gone.
        """
        client = self._manager()
        with docker.translated(f"the log of {service} cannot be read"):
            return docker.log_lines(client, service, lines=lines, errors=errors)

    def remove(self, service: str) -> None:
        """Remove a service; one that is gone already is."""

        def call(client: DockerClient) -> None:
            try:
                client.api.remove_service(service)
            except docker.engine_errors() as error:
                if docker.status_of(error) != NOT_FOUND:
                    raise

        self.ask(f"the service {service} cannot be removed", call)


class _Silence(EngineError):
    """A manager's connection broke: another one may answer."""


def _tasks(client: DockerClient, services: list[str]) -> list[dict[str, Any]]:
    """Engines refuse to list any when one of the services is gone: then each is asked for."""
    try:
        return list(client.api.tasks(filters={"service": services}) or ())
    except docker.engine_errors() as error:
        if docker.status_of(error) != NOT_FOUND:
            raise
    if len(services) == 1:
        return []
    return [raw for one in services for raw in _tasks(client, [one])]


def _begun(raw: dict[str, Any]) -> Begun | None:
    seen = snapshot.service(raw)
    return begun(seen.id, seen.name, seen.labels)
