"""The mends of `status --deep --mend`: what each does to a live swarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quorate.deploy.apply import restart_service
from quorate.deploy.swarm_setup import Say, execute, update_node
from quorate.deploy.swarm_state import observe_swarm
from quorate.deploy.swarm_steps import Tune
from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.observe.connect import Connections, Manager
from quorate.observe.deep_model import Action, Kind
from quorate.observe.deep_tasks import on_dead_nodes
from quorate.observe.snapshot import observe
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

STOP_SECONDS = 20
REPLACE_SECONDS = 20.0
POLL_SECONDS = 0.5
NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A fleet whose lock is held, with its engines."""

    fleet: Fleet
    connections: Connections
    manager: Manager
    say: Say


def mend(action: Action, scene: Scene) -> None:
    """Do one mend; all but `Kind.UP`, which is a verb of its own.

    Raises:
        UsageError: it is not one of these.
        UnreachableError, EngineError, CommandError: a server or its engine refuses.
    """
    if action.kind is Kind.RESTART:
        restart_service(scene.manager.target, action.target)
    elif action.kind is Kind.REMOVE:
        _remove(scene.connections.client(action.server), action)
    elif action.kind is Kind.REPLACE:
        _replace(scene.manager.client, action, scene.say)
    elif action.kind is Kind.TUNE:
        _tune(scene)
    elif action.kind is Kind.PRUNE:
        _prune(scene.connections.client(action.server), action, scene.say)
    else:
        raise UsageError(f"{action.kind} is no single mend")


def _remove(client: DockerClient, action: Action) -> None:
    """Stop a container, with some time to end in good order, and remove it; its volumes stay."""
    with docker.translated(f"the container {action.target[:12]} on {action.server} stays"):
        try:
            client.api.stop(action.target, timeout=STOP_SECONDS)
            client.api.remove_container(action.target, v=False, force=True)
        except docker.engine_errors() as error:
            if docker.status_of(error) != NOT_FOUND:  # it is gone already
                raise


def _replace(client: DockerClient, action: Action, say: Say) -> None:
    """Drain a dead node until Swarm counts on none of its tasks, and set it back.

    It may be back since it was found: drained, it would end all that runs there.
    """
    seen = observe(client)
    found = seen.node(action.target)
    if found is None:
        return
    if not _counts_on(seen, action.target):
        say(f"{found.hostname} is not drained: Swarm counts no task of a dead node there any more")
        return
    update_node(client, action.target, lambda spec: spec | {"Availability": "drain"})
    try:
        deadline = clock.monotonic() + REPLACE_SECONDS
        while clock.monotonic() < deadline:
            clock.sleep(POLL_SECONDS)
            if not _counts_on(observe(client), action.target):
                return
    finally:
        update_node(client, action.target, lambda spec: spec | {"Availability": found.availability})


def _counts_on(seen: Snapshot, node: str) -> bool:
    """Whether Swarm counts on tasks of a node that is dead."""
    return any(finding.subject == node for finding in on_dead_nodes(seen))


def _tune(scene: Scene) -> None:
    wanted = scene.fleet.swarm
    step = Tune(server="", heartbeat=wanted.heartbeat, task_history=wanted.task_history)
    state = observe_swarm(scene.connections)
    execute(scene.fleet, scene.connections, (step,), state, scene.say)


def _prune(client: DockerClient, action: Action, say: Say) -> None:
    """Images without a name and the cache of builds: nothing that runs or is kept by name."""
    with docker.translated(f"nothing could be removed on {action.server}"):
        freed = int(client.api.prune_images({"dangling": True}).get("SpaceReclaimed") or 0)
        freed += int(client.api.prune_builds().get("SpaceReclaimed") or 0)
    say(f"{action.server}: {freed / 1024**2:.0f} MiB are free again")
