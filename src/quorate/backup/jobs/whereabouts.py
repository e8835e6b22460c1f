"""Where a source's data is now, by what is seen of the swarm. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from quorate.backup.bundle.archive import Sealed
from quorate.backup.model import Kind, Source
from quorate.errors import MachineError, QuorateError
from quorate.fleet.model import Engine, Fleet, Service
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A fleet as its files say it, and as it is seen.

    `volumes`: the named volumes on each server that was asked. `files`: an archive of the
    fleet's own files; None: they are not where this program runs. `bundle`: the recovery bundle,
    encrypted, or why there is none; None: nobody has made it here.
    """

    fleet: Fleet
    snapshot: Snapshot
    volumes: Mapping[str, Collection[str]]
    files: bytes | None = field(default=None, repr=False)
    bundle: Sealed | QuorateError | None = field(default=None, repr=False)

    def node(self, server: str) -> ObservedNode:
        """The node of a server that can be given work.

        Raises:
            MachineError: it is down, or is given none.
        """
        own = [node for node in self.snapshot.nodes if node.hostname == server]
        able = [node for node in own if node.ready and node.availability == "active"]
        if able:
            return able[0]
        state = ", ".join(f"{node.state}, {node.availability}" for node in own)
        raise MachineError(
            f"nothing can be started on {server}",
            cause=f"its node is {state}" if own else "it is not in the swarm",
            todo="`quorate status` shows it; bring it back, then run this again",
        )

    def ready_managers(self) -> list[ObservedNode]:
        """Managers that can be given work, in the fleet file's order."""
        order = [server.name for server in self.fleet.servers]
        return sorted(
            (
                node
                for node in self.snapshot.nodes
                if node.role == "manager"
                and node.ready
                and node.availability == "active"
                and node.hostname in order
            ),
            key=lambda node: order.index(node.hostname),
        )

    def any_node(self) -> ObservedNode:
        """A node that can be given work, a manager first.

        Raises:
            MachineError: there is none.
        """
        names = {server.name for server in self.fleet.servers}
        others = [
            node
            for node in self.snapshot.nodes
            if node.ready and node.availability == "active" and node.hostname in names
        ]
        for node in (*self.ready_managers(), *others):
            return node
        raise MachineError("no server of the fleet can be given work", todo="see `quorate status`")


def server_of(scene: Scene, source: Source) -> str:
    """The server that a source's data is on now.

    Raises:
        QuorateError: that cannot be told, with why.
    """
    if "@" in source.id or source.kind in (Kind.SYSTEM, Kind.IMAGES):
        return source.servers[0]
    if source.service is None:
        managers = scene.ready_managers()
        if not managers:
            raise MachineError("no manager can be given work", todo="see `quorate status`")
        return managers[0].hostname
    service = scene.fleet.service(source.service)
    if service.engine is Engine.COMPOSE:
        return _composed(scene.fleet, service)
    return _of_service(scene, source, service)


def live_service(scene: Scene, service: Service) -> ObservedService:
    """The service as it runs.

    Raises:
        QuorateError: it is not in the swarm.
    """
    live = scene.snapshot.service(service.swarm_name)
    if live is None:
        raise QuorateError(
            f"{service.id} is not in the swarm",
            cause="it was not deployed yet, or somebody has removed it",
            todo="`quorate up` deploys it; `exclude:` in `backup:` leaves it out",
        )
    return live


def task_on(scene: Scene, live: ObservedService, server: str) -> ObservedTask | None:
    """The service's running task on a server."""
    return next((task for name, task in _running(scene, live) if name == server), None)


def _of_service(scene: Scene, source: Source, service: Service) -> str:
    """Where a task of it runs; of files that nobody uses now, where they were left."""
    live = live_service(scene, service)
    for server, _ in _running(scene, live):
        return server
    if source.kind is not Kind.VOLUME:
        raise QuorateError(
            f"no task of {service.id} runs, so it cannot be asked for its data",
            cause=_why_not(scene, live),
            todo=f"see `quorate logs {service.id}` and `quorate status`",
        )
    left = _left(scene, source, live)
    if len(left) == 1:
        return left[0]
    raise QuorateError(
        f"nobody can tell where {source.id} is",
        cause=f"no task of {service.id} runs, and "
        + (f"it may be on any of {', '.join(left)}" if left else "no server is seen to have it"),
        todo=f"start {service.id}, or leave it out with `exclude:` in `backup:`",
    )


def _left(scene: Scene, source: Source, live: ObservedService) -> list[str]:
    """Servers that have its volume; where none was asked, that of the service's last task."""
    having = [
        server
        for server, names in scene.volumes.items()
        if source.volumes and set(source.volumes) <= set(names)
    ]
    if having:
        return sorted(having)
    ended = [task for task in scene.snapshot.tasks if task.service_id == live.id and task.node_id]
    ended.sort(key=lambda task: task.timestamp or scene.snapshot.taken_at, reverse=True)
    node = scene.snapshot.node(ended[0].node_id) if ended else None
    return [node.hostname] if node else []


def _running(scene: Scene, live: ObservedService) -> Iterator[tuple[str, ObservedTask]]:
    for task in sorted(scene.snapshot.running(live), key=lambda task: task.slot or 0):
        node = scene.snapshot.node(task.node_id)
        if node is not None:
            yield node.hostname, task


def _why_not(scene: Scene, live: ObservedService) -> str | None:
    tasks = [task for task in scene.snapshot.tasks if task.service_id == live.id and task.error]
    tasks.sort(key=lambda task: task.timestamp or scene.snapshot.taken_at)
    return tasks[-1].error if tasks else f"it is meant to have {live.replicas} tasks"


def _composed(fleet: Fleet, service: Service) -> str:
    server = next((stack.server for stack in fleet.stacks if stack.name == service.stack), None)
    if server is None:
        raise QuorateError(
            f"nobody can tell where {service.id} runs",
            cause=f"its stack {service.stack} runs by compose on a server that is not named",
            todo=f"give the stack {service.stack} a `server:`",
        )
    return server
