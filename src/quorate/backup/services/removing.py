"""Quorate's own services removed: one that is wanted no more, or all of a fleet's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.names import SECRET_PREFIX, run_key, secret_name
from quorate.backup.jobs.needs import Start
from quorate.backup.policy.wal import Receiver
from quorate.backup.services.receiver import Receiving, prepare_start
from quorate.backup.wal.model import VARIABLE, Told
from quorate.deploy import versioned
from quorate.deploy.versioned import Kind
from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.fleet.own import CONTROLLER, LABEL_FLEET, LOCK, NOTES
from quorate.observe import snapshot as seen
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

GONE_SECONDS = 120.0
POLL_SECONDS = 1.0
KEPT = secret_name("wal", "")
"""A role of the database's has this password, and the database's volume stays."""


@dataclass(frozen=True, kw_only=True)
class LetGo:
    """What puts the primary of a receiver that is removed back as it was; in which image."""

    start: Start
    image: str


def let_go(door: Door, fleet: Fleet, name: str) -> LetGo | None:
    """Remove a service and wait until it has ended; what its primary needs then, if it has one.

    Raises:
        MachineError: it does not end, or its primary cannot be put back as it was.
    """
    raw = door.service(name)
    if raw is None:
        return None
    door.remove(name)
    now = _ended(door, name, str(raw["ID"]))
    was = seen.service(raw)
    told = _told(was.spec)
    if told is None:
        return None
    live = now.service(told.reach.host.removeprefix("tasks."))
    server = _server(was.spec)
    node = next((one.id for one in now.nodes if one.hostname == server and one.ready), None)
    if live is None or not now.running(live) or node is None:
        raise MachineError(
            f"the primary of {told.source} stays as it was made ready",
            cause=f"it does not run, or {server} is not there",
            todo="docs/how-to/point-in-time.md says what was changed; its slot is bounded",
        )
    start = prepare_start(
        fleet,
        _receiving(told, was.spec, server),
        live,
        node,
        run_key(f"wal/{told.source}", clock.now()),
        undo=True,
    )
    return LetGo(start=start, image=was.image)


def remove_all(door: Door, fleet: str) -> tuple[str, ...]:
    """Remove the controller, then receivers, stores and jobs of a fleet; their names.

    Raises:
        EngineError, MachineError: the swarm refuses, or no manager answers.
    """
    listed = door.ask(
        "the swarm's services cannot be listed",
        lambda client: client.api.services(filters={"label": f"{LABEL_FLEET}={fleet}"}) or (),
    )
    names = sorted((seen.service(raw).name for raw in listed), key=lambda n: (n != CONTROLLER, n))
    for name in names:
        door.remove(name)
    return tuple(names)


def forget_all(client: DockerClient, fleet: str) -> None:
    """Remove the secrets and configs of backup work, once nothing uses them any more.

    Raises:
        EngineError: the swarm does not answer.
    """
    present = versioned.deployed_versions(client, Kind.SECRET, fleet)
    ours = [v for v in present if v.name.startswith(SECRET_PREFIX) and not v.name.startswith(KEPT)]
    versioned.remove(client, Kind.SECRET, ours)
    with docker.translated("the controller's configs cannot be removed"):
        for raw in client.api.configs(filters={"name": LOCK}) or ():
            if (raw.get("Spec") or {}).get("Name") in (LOCK, NOTES):
                client.api.remove_config(raw["ID"])


def _ended(door: Door, name: str, identity: str) -> Snapshot:
    """The swarm once none of the service's tasks runs any more."""
    deadline = clock.monotonic() + GONE_SECONDS
    while True:
        now = door.ask("the swarm cannot be observed", seen.observe)
        ready = {node.id for node in now.nodes if node.ready}
        going = [
            task
            for task in now.tasks
            if task.service_id == identity and task.state == "running" and task.node_id in ready
        ]
        if not going:
            return now
        if clock.monotonic() >= deadline:
            raise MachineError(
                f"{name} has not ended within {GONE_SECONDS:.0f} s",
                todo="look at its server (`quorate status`), then `quorate up`",
            )
        clock.sleep(POLL_SECONDS)


def _container(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}


def _told(spec: Mapping[str, Any]) -> Told | None:
    """What a receiver was told; None: it is no receiver, or of another version."""
    pairs = (str(entry).partition("=") for entry in _container(spec).get("Env") or ())
    said = {key: value for key, _, value in pairs}
    try:
        return Told.model_validate_json(said[VARIABLE])
    except (KeyError, ValueError):
        return None


def _server(spec: Mapping[str, Any]) -> str:
    placement = (spec.get("TaskTemplate") or {}).get("Placement") or {}
    constraints = [str(one) for one in placement.get("Constraints") or ()]
    return next((one.partition("==")[2] for one in constraints), "")


def _receiving(told: Told, spec: Mapping[str, Any], server: str) -> Receiving:
    """The receiver as it was."""
    mounts = [str(one.get("Source")) for one in _container(spec).get("Mounts") or ()]
    joined = (spec.get("TaskTemplate") or {}).get("Networks") or ()
    networks = [str(one.get("Target")) for one in joined]
    return Receiving(
        of=Receiver(
            source=told.source,
            service=told.source,
            server=server,
            beside=False,
            path=next(iter(mounts), ""),
            slot=told.slot,
            slot_room=0,
            schedule=told.schedule,
            keep=told.keep,
            role=told.reach.user,
        ),
        server=server,
        host=told.reach.host,
        network=next(iter(networks), ""),
    )
