"""Volumes and databases on servers that no backup holds, by what their engines list. Pure.

Named volumes are held against the sources of the fleet (`sources.unprotected`). What nobody has
named is told by who uses it, and what no container uses any more is summed up for each server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from quorate.backup.policy.sources import Unprotected, unprotected
from quorate.fleet.backup_policies import excluded
from quorate.fleet.datasets import DATABASES, data_sets
from quorate.fleet.families import family_of
from quorate.fleet.image_names import full
from quorate.fleet.images import images_on
from quorate.fleet.model import Engine, Fleet, Service
from quorate.fleet.observed import ObservedContainer

SWARM_SERVICE = "com.docker.swarm.service.name"
OWN = "quorate-"
"""What Quorate's own jobs, stores and controller begin with; they keep nothing in volumes of theirs
that would be lost with them."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a server's engine lists: named volumes, those without a name, its containers, and the
    names of images that no registry is known to have (`local`)."""

    named: Collection[str] = ()
    nameless: Collection[str] = ()
    containers: tuple[ObservedContainer, ...] = ()
    local: Collection[str] = ()


def found_unprotected(fleet: Fleet, seen: Mapping[str, Stored]) -> tuple[Unprotected, ...]:
    """Everything on the servers, and in the files, that no backup holds."""
    return (
        *unprotected(fleet, {server: one.named for server, one in seen.items()}),
        *(found for server, one in sorted(seen.items()) for found in _nameless(fleet, server, one)),
        *(
            found
            for server, one in sorted(seen.items())
            for found in _databases(fleet, server, one)
        ),
        *(found for server, one in sorted(seen.items()) for found in _images(fleet, server, one)),
    )


def _nameless(fleet: Fleet, server: str, stored: Stored) -> Iterator[Unprotected]:
    users: dict[str, list[ObservedContainer]] = {name: [] for name in stored.nameless}
    for container in stored.containers:
        for name in container.volumes:
            if name in users:
                users[name].append(container)
    unused = sum(not mine for mine in users.values())
    if unused:
        yield Unprotected(
            what=f"{unused} volumes without a name" if unused > 1 else "a volume without a name",
            server=server,
            why="no container uses it: look into it, then `docker volume rm`"
            if unused == 1
            else "no container uses them: look into them, then `docker volume rm`",
        )
    told = set()
    for mine in users.values():
        for container in mine:
            what, why = _of_user(fleet, container)
            if why and what not in told:
                told.add(what)
                yield Unprotected(what=what, server=server, why=why)


def _of_user(fleet: Fleet, container: ObservedContainer) -> tuple[str, str]:
    """Whose nameless volume it is, and why that is not safe; empty: it is, or keeps nothing."""
    name = container.labels.get(SWARM_SERVICE) or container.name
    if name.startswith(OWN):
        return "", ""
    service = service_of(fleet, container)
    if service is None:
        return f"a volume without a name of {name}", "it is of no service of the fleet"
    if not service.state.keeps_data or service.state in DATABASES:
        return "", ""  # by its own word; or its dump holds what is in it
    why = "its image keeps data where no volume with a name is mounted"
    return f"{service.id}: a volume without a name", why


def _databases(fleet: Fleet, server: str, stored: Stored) -> Iterator[Unprotected]:
    """Databases, by their images, that are no service of the fleet's."""
    told = set()
    for container in stored.containers:
        name = container.labels.get(SWARM_SERVICE) or container.name
        family = family_of(container.image)
        if family.state not in DATABASES or container.state != "running" or name in told:
            continue
        if name.startswith(OWN) or service_of(fleet, container) is not None:
            continue
        told.add(name)
        why = f"it looks like {family.name} ({container.image}), and is no service of the fleet"
        yield Unprotected(what=name, server=server, why=why)


def _images(fleet: Fleet, server: str, stored: Stored) -> Iterator[Unprotected]:
    """Images of services that run, which no registry has and no source holds."""
    local = {full(name): name for name in stored.local}
    held = [one for one in fleet.servers if one.name == server]
    kept = {full(name) for one in held for name in images_on(fleet, one)}
    if f"images/{server}" in excluded(fleet.backup, data_sets(fleet)):
        kept = set(local)  # by somebody's word
    for name in sorted(local.keys() - kept):
        users = sorted(
            {
                service.id
                for container in stored.containers
                if container.state == "running" and full(container.image) == name
                if (service := service_of(fleet, container)) is not None
            }
        )
        if users:
            yield Unprotected(
                what=f"the image {local[name]} of {', '.join(users)}",
                server=server,
                why="no registry has it, and no copy: name it under `backup.images`",
            )


def service_of(fleet: Fleet, container: ObservedContainer) -> Service | None:
    """The fleet's service that a container is of."""
    swarm_name = container.labels.get(SWARM_SERVICE)
    for service in fleet.services:
        if service.engine is Engine.COMPOSE:
            mine = (service.stack, service.name)
            if mine == (container.compose_project, container.compose_service):
                return service
        elif swarm_name == service.swarm_name:
            return service
    return None
