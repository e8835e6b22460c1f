"""Everything that can be seen of a fleet right now, even when some of it is down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from quorate.errors import EngineError, QuorateError
from quorate.fleet.observed import ObservedContainer, Snapshot
from quorate.observe.connect import Connections, Manager, leaderless, no_quorum
from quorate.observe.containers import observe_containers
from quorate.observe.snapshot import observe
from quorate.tools import clock, parallel

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

_Seen = tuple[Manager | None, Snapshot | None, QuorateError | None]
_Containers = tuple[tuple[ObservedContainer, ...], Mapping[str, QuorateError]]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What was seen. `swarm` is False when no manager with a working swarm answered.

    The snapshot then holds only the servers' containers; `why` is the reason.
    `unreachable` maps servers to their own errors.
    """

    snapshot: Snapshot
    swarm: bool
    why: QuorateError | None = None
    unreachable: Mapping[str, QuorateError] = field(default_factory=dict)
    manager: Manager | None = None

    @property
    def client(self) -> DockerClient | None:
        """The engine of the manager that answered."""
        return self.manager.client if self.manager else None


def gather(connections: Connections) -> Gathered:
    """Ask a manager about the swarm and every server about its containers, at once.

    Never raises for a server or a swarm that does not work: that is what it reports.
    """
    taken_at = clock.now()
    asked: list[_Seen] = []
    found: list[_Containers] = []

    def ask(what: str) -> None:
        if what == "swarm":
            asked.append(_swarm(connections))
        else:
            found.append(observe_containers(connections))

    parallel.run(ask, ("swarm", "containers"))
    manager, snapshot, why = asked[0]
    containers, errors = found[0]
    seen = replace(
        snapshot or Snapshot(taken_at=taken_at),
        containers=containers,
        unreachable={name: error.what for name, error in errors.items()},
    )
    return Gathered(
        snapshot=seen, swarm=snapshot is not None, why=why, unreachable=errors, manager=manager
    )


def _swarm(connections: Connections) -> _Seen:
    try:
        manager = connections.manager()
    except QuorateError as error:
        return None, None, error
    try:
        return manager, observe(manager.client), None
    except EngineError as error:
        # It had a leader when it was chosen, and has lost it since.
        lost = leaderless(error.cause or "")
        return None, None, no_quorum(manager.server.name, error.cause or "") if lost else error


def seen_running(containers: tuple[ObservedContainer, ...]) -> Mapping[str, tuple[str, ...]]:
    """Swarm services that have running containers, from the containers alone.

    Swarm service name → the servers they run on, one per container: all that is
    known of services while the swarm has no quorum.
    """
    places: dict[str, list[str]] = {}
    for item in containers:
        name = item.labels.get("com.docker.swarm.service.name")
        if name and item.state == "running":
            places.setdefault(name, []).append(item.server)
    return {name: tuple(sorted(servers)) for name, servers in sorted(places.items())}
