"""Stores: services that give a repository on one server to jobs on the others, append-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quorate.backup.jobs import spec
from quorate.backup.jobs.door import CONFLICT, Door
from quorate.backup.jobs.names import NETWORK, store_name
from quorate.backup.jobs.repositories import served_secret
from quorate.backup.jobs.secrets import Deployed
from quorate.deploy import networks
from quorate.errors import EngineError, QuorateError
from quorate.fleet.backup import Repository
from quorate.fleet.observed import ObservedTask, Snapshot
from quorate.observe.snapshot import network as observed_network
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

START_SECONDS = 300.0
"""A store starts in a second; its image may have to be pulled first."""
POLL_SECONDS = 0.5
FAILED = ("rejected", "failed")


@dataclass(frozen=True, kw_only=True)
class Image:
    """What jobs and stores run. `auth`: user and password for its registry."""

    deployed: str
    auth: Mapping[str, str] | None = None


def ensure_network(door: Door, snapshot: Snapshot, *, fleet: str, encrypt: bool) -> None:
    """See that the network of backup work is there.

    Raises:
        EngineError: it is there with other options, or the swarm refuses.
    """
    options = {"encrypted": ""} if encrypt else {}

    def call(client: DockerClient) -> None:
        # An earlier round may have made it since the swarm was looked at.
        listed = {str(raw["Name"]): observed_network(raw) for raw in client.api.networks()}
        now = replace(snapshot, networks=listed)
        networks.create_networks(client, {NETWORK: options}, now, fleet=fleet)

    door.ask(f"the network {NETWORK} could not be made", call)


def ensure_store(
    door: Door, repository: Repository, *, fleet: str, image: Image, secrets: Deployed
) -> None:
    """See that a repository's store is there as it should be, and answers.

    Raises:
        EngineError: it does not start, with Swarm's words.
    """
    secret = served_secret(repository.name)
    deployed = secrets.named[secret.name]
    wanted = spec.store_spec(
        repository,
        fleet=fleet,
        image=image.deployed,
        secret=secret,
        deployed=deployed,
        identity=secrets.ids[deployed],
    )
    found = door.service(wanted["Name"])
    if found is None:
        _create(door, wanted, image)
    elif (found["Spec"].get("Labels") or {}).get(spec.LABEL_SPEC) != _digest(wanted):
        _update(door, found, wanted, image)
    _wait(door, repository, wanted["Name"])


def _create(door: Door, wanted: dict[str, Any], image: Image) -> None:
    def call(client: DockerClient) -> None:
        try:
            docker.create_service(client, wanted, image.auth)
        except docker.engine_errors() as error:
            if docker.status_of(error) != CONFLICT:  # somebody else was quicker
                raise

    door.ask(f"the service {wanted['Name']} could not be made", call)


def _update(door: Door, found: Mapping[str, Any], wanted: dict[str, Any], image: Image) -> None:
    identity, version = str(found["ID"]), int(found["Version"]["Index"])
    door.ask(
        f"the service {wanted['Name']} could not be updated",
        lambda client: docker.update_service(client, identity, version, wanted, image.auth),
    )


def _digest(wanted: Mapping[str, Any]) -> str:
    return str(wanted["Labels"][spec.LABEL_SPEC])


def _wait(door: Door, repository: Repository, name: str) -> None:
    """Until its task runs.

    Raises:
        EngineError: it does not, with Swarm's words.
    """
    deadline = clock.monotonic() + START_SECONDS
    before: frozenset[str] | None = None
    while True:
        service = door.service(name)
        if service is None:
            raise EngineError(f"the store of {repository.name} was removed by somebody")
        tasks = door.tasks([str(service["ID"])])[str(service["ID"])]
        running = [t for t in tasks if t.state == "running" and t.desired_state == "running"]
        if running and not _updating(service):
            return
        failed = [task for task in tasks if task.state in FAILED]
        if before is None:  # what failed earlier may have been mended since
            before = frozenset(task.id for task in failed)
        fresh = [task for task in failed if task.id not in before]
        if len(fresh) > 1 or clock.monotonic() >= deadline:
            raise _not_started(repository, fresh or tasks)
        clock.sleep(POLL_SECONDS)


def _updating(service: Mapping[str, Any]) -> bool:
    return (service.get("UpdateStatus") or {}).get("State") == "updating"


def _not_started(repository: Repository, tasks: list[ObservedTask]) -> QuorateError:
    said = [task.error or task.message for task in tasks if task.error or task.message]
    why = said[0] if said else ""
    todo = f"see `docker service ps {store_name(repository.name)}` on a manager"
    if "bind source path does not exist" in why:
        todo = f"make the directory on {repository.server}: `mkdir -m 700 -p {repository.path}`"
    elif "No such image" in why:
        todo = "`quorate backup image` says how each server comes by the image"
    return EngineError(
        f"the store of the repository {repository.name} does not start on {repository.server}",
        cause=why or None,
        todo=todo,
    )
