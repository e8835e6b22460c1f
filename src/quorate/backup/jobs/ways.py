"""What a job's service needs to reach data: networks, passwords, mounts. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from quorate.backup.jobs.databases import Opened, opened
from quorate.backup.jobs.model import DATA, ENGINE, Mounted
from quorate.backup.jobs.needs import Mount, Start
from quorate.backup.jobs.whereabouts import Scene, live_service, task_on
from quorate.backup.model import Kind, Source
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.backup.policy.sources import TO_BE_REACHED
from quorate.errors import MachineError, QuorateError
from quorate.fleet.images import images_on, references
from quorate.fleet.model import Engine, Service
from quorate.fleet.observed import ObservedService

DATABASES = (Kind.POSTGRES, Kind.MARIADB, Kind.REDIS)


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way into a database, and the network in which it answers."""

    opened: Opened
    network: str

    def added_to(self, start: Start) -> Start:
        """The start with what the way takes; the job is not told of it yet."""
        return replace(
            start,
            networks=(self.network, *start.networks),
            secrets=(*self.opened.secrets, *start.secrets),
            mounts=(*start.mounts, *self.opened.mounts),
        )


def into_database(scene: Scene, source: Source, service: Service, server: str) -> Way:
    """The way into a source's database, from a network of its service, with the password that has.

    Raises:
        QuorateError: it runs by compose, is in no network that jobs can join, or its password
            cannot be told.
    """
    if service.engine is Engine.COMPOSE:
        raise QuorateError(
            f"{source.id} cannot be reached by a job",
            cause=f"its stack {service.stack} runs by compose, in a network of its server alone",
            todo=TO_BE_REACHED,
        )
    live = live_service(scene, service)
    network, identity = _network(scene, service, live)
    host = f"tasks.{service.swarm_name}"
    if "@" in source.id:  # one of several, which are not the same
        task = task_on(scene, live, server)
        addresses = task.addresses.get(identity, ()) if task else ()
        if not addresses:
            raise QuorateError(
                f"no task of {service.id} runs on {server}",
                todo=f"see `quorate status` and `quorate logs {service.id}`",
            )
        host = addresses[0]
    return Way(opened=opened(source.kind, host, service.swarm_name, live.spec), network=network)


def with_volumes(scene: Scene, source: Source, start: Start, *, read_only: bool = True) -> Start:
    """With its volumes mounted.

    Raises:
        QuorateError: one that is to be read is not on that server (the engine would make an empty
            one, as is right where it is restored).
    """
    server = start.job.server
    seen: Collection[str] | None = scene.volumes.get(server)
    mounts, mounted = [], []
    for number, name in enumerate(source.volumes):
        path = f"{DATA}/{number}"
        in_engine = not name.startswith("/")
        if read_only and in_engine and seen is not None and name not in seen:
            raise MachineError(
                f"the volume {name} of {source.id} is not on {server}",
                cause="it was removed, or its service has never started there",
                todo="look for it with `docker volume ls` on each server; `quorate backup restore` "
                "brings a copy back",
            )
        mounts.append(Mount(source=name, target=path, read_only=read_only, volume=in_engine))
        mounted.append(Mounted(name=name, path=path))
    job = start.job.model_copy(update={"volumes": tuple(mounted)})
    return replace(start, job=job, mounts=(*start.mounts, *mounts))


def with_engine(start: Start) -> Start:
    """With the server's engine, to reach into a container."""
    return replace(start, mounts=(*start.mounts, Mount(source=ENGINE, target=ENGINE)))


def wanted_images(scene: Scene, server: str) -> dict[str, bool]:
    """References to back up from a server → whether also where its engine knows a registry.

    What the swarm runs without a digest, no registry had when it was deployed.
    """
    found = images_on(scene.fleet, scene.fleet.server(server))
    for service in scene.fleet.swarm_services():
        live = scene.snapshot.service(service.swarm_name)
        for reference in references(service) if live is not None else ():
            if reference in found and live is not None and live.image == reference:
                found[reference] = True
    return found


def into_gitlab(service: Service, start: Start) -> Start:
    """With the engine, and without the GitLab's health check while it is restored.

    It answers nobody meanwhile, and Swarm replaces what does not answer, in the middle of the
    restore (gitlab.com/gitlab-org/omnibus-gitlab, issue 6846). What runs by compose is left alone.
    """
    start = with_engine(start)
    if service.engine is Engine.COMPOSE:
        return start
    return replace(start, quiet=(service.swarm_name,), method=UNWATCHED)


def pattern(service: Service) -> str:
    """What the names of the service's containers match: `STACK_NAME.SLOT.TASK`, or compose's."""
    if service.engine is Engine.COMPOSE:
        return rf"^{re.escape(service.stack)}[-_]{re.escape(service.name)}[-_]\d+$"
    return rf"^{re.escape(service.swarm_name)}\."


def _network(scene: Scene, service: Service, live: ObservedService) -> tuple[str, str]:
    """The first of a service's networks that others can join, its name and id."""
    template = live.spec.get("TaskTemplate") or {}
    targets = [str(item.get("Target")) for item in template.get("Networks") or ()]
    for target in targets:
        for name, network in scene.snapshot.networks.items():
            if target in (network["id"], name) and network["driver"] == "overlay":
                return name, str(network["id"])
    raise QuorateError(
        f"{service.id} cannot be reached by a job",
        cause="it is in no overlay network",
        todo="give it a network of its stack beside the one it has",
    )
