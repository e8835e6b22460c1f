"""Which containers are of which service of the fleet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quorate.fleet.datasets import files_of, mounted
from quorate.fleet.image_names import repository
from quorate.fleet.imports.grouping import clean_name
from quorate.fleet.model import Engine, Fleet, Service
from quorate.recover.adopt.model import Found


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Containers by the id of their service; `left` are of none, or of one that stays: with why."""

    of: Mapping[str, tuple[Found, ...]] = field(default_factory=dict)
    left: tuple[tuple[Found, str], ...] = ()


def match(fleet: Fleet, found: Iterable[Found]) -> Matches:
    """By the labels of docker compose; else by name and image; else by image and volumes.

    A container is of one service at most; where several could be meant it is left.
    """
    of: dict[str, list[Found]] = {}
    left = []
    for container in sorted(found, key=lambda one: (one.server, one.name)):
        mine = next((names for rule in _RULES if (names := list(rule(fleet, container)))), [])
        if len(mine) > 1:
            several = ", ".join(one.id for one in mine)
            left.append((container, f"it could be any of the services {several}"))
        elif not mine:
            left.append((container, "it is of no service of the fleet"))
        elif mine[0].engine is Engine.COMPOSE:
            left.append((container, f"{mine[0].id} stays with docker compose (`engine: compose`)"))
        else:
            of.setdefault(mine[0].id, []).append(container)
    return Matches(of={name: tuple(of[name]) for name in sorted(of)}, left=tuple(left))


def _by_labels(fleet: Fleet, container: Found) -> Iterator[Service]:
    """Imports name a stack after its project, and its server where two have one name."""
    if not (container.project and container.service):
        return
    names = {
        container.project,
        clean_name(container.project),
        clean_name(f"{container.project}-{container.server}"),
    }
    mine = [s for s in fleet.services if s.name == container.service and s.stack in names]
    exact = [s for s in mine if s.stack != clean_name(container.project)]
    yield from exact if len(mine) > 1 else mine


def _by_name(fleet: Fleet, container: Found) -> Iterator[Service]:
    if container.project:
        return
    for service in fleet.services:
        names = {service.name, service.id, service.swarm_name, f"{service.stack}-{service.name}"}
        bare = container.name
        for separator in "-_":
            head, _, number = container.name.rpartition(separator)
            bare = head if number.isdigit() else bare
        if {container.name, bare} & names and same_image(service, container):
            yield service


def _by_volumes(fleet: Fleet, container: Found) -> Iterator[Service]:
    """The service with this image that mounts these very volumes."""
    mine = {(m.source, m.target) for m in container.mounts if m.kind == "volume" and not m.nameless}
    files = files_of(fleet)
    for service in fleet.services:
        named = {
            (mounted(use, files[service.stack]), use.target)
            for use in service.volumes
            if use.kind == "volume" and use.source
        }
        if mine and mine == named and same_image(service, container):
            yield service


_RULES = (_by_labels, _by_name, _by_volumes)


def same_image(service: Service, container: Found) -> bool:
    """Whether a container runs an image of the service's repository, whatever its tag."""
    names = (container.image, *container.tags, *container.digests)
    return repository(service.image) in {repository(name) for name in names if name}
