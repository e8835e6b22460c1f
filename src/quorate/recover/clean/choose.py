"""Which images, containers and networks of a server nothing needs, and why others stay. Pure.

What could hold the only copy of something never goes unnamed: an image that no registry has, a
container that has written anything, a volume.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from quorate.fleet.datasets import DATABASES
from quorate.fleet.families import family_of
from quorate.fleet.image_names import digest, full, repository
from quorate.fleet.imports.inventory import COMPOSE_PROJECT, COMPOSE_SERVICE
from quorate.recover.clean.model import (
    Item,
    Kept,
    SeenContainer,
    SeenImage,
    SeenNetwork,
    ServerPlan,
    Stock,
)
from quorate.recover.clean.needs import Needs
from quorate.stacks.networks import PREDEFINED

SWARM_TASK = "com.docker.swarm.task.id"
STOPPED = ("exited", "dead", "created")
YOUNG = timedelta(hours=1)
"""What is newer may belong to something that somebody is about to start."""

Fetchable = Mapping[str, str]
"""Image by digest → "" where its registry still has it, else why not."""


def to_ask(stock: Stock, needs: Needs, named: Collection[str] = ()) -> frozenset[str]:
    """The images, by digest, whose registry has to be asked before they may go."""
    return frozenset(
        reference
        for image in _unused(stock, _going(stock, needs, named, None))
        if not _image_needed(image, needs)
        for reference in image.digests
    )


def choose(
    stock: Stock,
    needs: Needs,
    fetchable: Fetchable,
    *,
    now: datetime,
    named: Collection[str] = (),
) -> ServerPlan:
    """What may go from one server.

    Args:
        fetchable: what registries said of the images of `to_ask`.
        now: aware; what was made less than an hour before stays.
        named: containers that somebody named, which may go with what they have written.
    """
    items: list[Item] = []
    kept: list[Kept] = []
    going: set[str] = set()
    for container in stock.containers:
        if container.state not in STOPPED:
            continue
        why = container_needed(container, needs, now=now, named=container.name in named)
        if why:
            size = container.written or 0
            kept.append(Kept(kind="container", name=container.name, why=why, size=size))
        else:
            going.add(container.id)
            items.append(_container(container))
    for image in _unused(stock, going):
        why = _image_needed(image, needs) or _image_lost(image, fetchable)
        size = max(image.size - image.shared, 0)
        if why:
            kept.append(Kept(kind="image", name=_shown(image), why=why, size=size))
        else:
            items.append(
                Item(
                    kind="image",
                    id=image.id,
                    name=_shown(image),
                    frees=size,
                    references=(*image.tags, *image.digests),
                )
            )
    for network, why in _networks(stock, needs, going, now):
        if why:
            kept.append(Kept(kind="network", name=network.name, why=why))
        else:
            items.append(
                Item(kind="network", id=network.id, name=network.name, note=network.subnet)
            )
    return ServerPlan(server=stock.server, items=tuple(items), kept=tuple(kept))


def container_needed(
    container: SeenContainer, needs: Needs, *, now: datetime | None, named: bool
) -> str:
    """Why a stopped container stays; "" when it may go."""
    project = container.labels.get(COMPOSE_PROJECT, "")
    mine = (project, container.labels.get(COMPOSE_SERVICE, ""))
    if who := needs.mentioned(container.id, container.name):
        return f"{who} may still be undone, which starts it"
    if mine in needs.services:
        return f"it is of the service {mine[0]}/{mine[1]}"
    if project in needs.stacks:
        return f"it is of the stack {project}"
    if container.id in needs.tasks:
        return "Swarm keeps it for its history of tasks, and removes it itself"
    if now is not None and (container.created is None or now - container.created < YOUNG):
        return "it is less than an hour old"
    if named:
        return ""
    by_name = f"name it to remove it: `--container SERVER:{container.name}`"
    if container.nameless:
        return f"it has a volume without a name, whose data nobody would find again; {by_name}"
    if family_of(container.image).state in DATABASES:
        return f"it looks like a database; {by_name}"
    if container.written is None or container.written > 0:
        return f"what it has written would be lost; {by_name}"
    return ""


def volume_needed(stock: Stock, name: str, needs: Needs) -> str:
    """Why a volume may not go, not even by name; "" when it may."""
    users = sorted(c.name for c in stock.containers if name in c.volumes)
    if users:
        return f"these containers mount it, running or stopped: {', '.join(users)}"
    if name in needs.volumes:
        return f"it is of {needs.volumes[name]}"
    if who := needs.mentioned(name):
        return f"{who} may still be undone, and names it"
    return ""


def _going(
    stock: Stock, needs: Needs, named: Collection[str], now: datetime | None
) -> frozenset[str]:
    """The containers that may go, whose images are then unused; with no `now`, of any age."""
    return frozenset(
        one.id
        for one in stock.containers
        if one.state in STOPPED
        and not container_needed(one, needs, now=now, named=one.name in named)
    )


def _unused(stock: Stock, going: Collection[str]) -> Iterator[SeenImage]:
    used = {c.image_id for c in stock.containers if c.id not in going}
    used |= {c.image for c in stock.containers if c.id not in going}
    for image in stock.images:
        if not used & {image.id, *image.tags, *image.digests}:
            yield image


def _image_needed(image: SeenImage, needs: Needs) -> str:
    for tag in image.tags:
        if repository(tag) == needs.own:
            return "it is Quorate's own"
        if who := needs.references.get(full(tag)):
            return f"{who} needs it"
    for one in (*map(digest, image.digests), image.id):
        if who := needs.digests.get(one):
            return f"{who} needs it"
    if who := needs.mentioned(image.id, *image.tags, *image.digests):
        return f"{who} may still be undone, and names it"
    return ""


def _image_lost(image: SeenImage, fetchable: Fetchable) -> str:
    """Why it could not be had again; "" when every one of its names could."""
    if not image.digests:
        return "it came from no registry: nobody else may have it"
    places = {repository(one) for one in image.digests}
    for tag in image.tags:
        # A tag of another repository than the one it was pulled from was given here.
        if repository(tag) not in places:
            return f"{tag} was given here, and is in no registry"
    for reference in image.digests:
        why = fetchable.get(reference, "its registry was not asked")
        if why:
            return why
    return ""


def _shown(image: SeenImage) -> str:
    return ", ".join(image.tags) or next(iter(image.digests), image.id[:19])


def _container(one: SeenContainer) -> Item:
    return Item(kind="container", id=one.id, name=one.name, frees=one.written or 0, note=one.status)


def _networks(
    stock: Stock, needs: Needs, going: Collection[str], now: datetime
) -> Iterator[tuple[SeenNetwork, str]]:
    """Networks of this engine alone that no container is in, and why each stays."""
    used = _joined(one for one in stock.containers if one.id not in going)
    for network in stock.networks:
        if network.scope != "local" or network.name in PREDEFINED or network.driver == "overlay":
            continue
        if used & {network.id, network.name}:
            continue
        yield network, _network_needed(network, needs, now)


def _joined(containers: Iterable[SeenContainer]) -> frozenset[str]:
    return frozenset(name for one in containers for name in one.networks)


def _network_needed(network: SeenNetwork, needs: Needs, now: datetime) -> str:
    if who := needs.networks.get(network.name):
        return f"{who} names it"
    if network.config_only:
        return "networks of Swarm may be made from its settings"
    if network.labels.get(COMPOSE_PROJECT) in needs.stacks:
        return f"it is of the stack {network.labels[COMPOSE_PROJECT]}"
    if who := needs.mentioned(network.id, network.name):
        return f"{who} may still be undone, and names it"
    if network.created is None or now - network.created < YOUNG:
        return "it is less than an hour old"
    return ""
