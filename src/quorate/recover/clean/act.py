"""Removing what may go, one by one and never by force: an engine keeps what is in use after all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quorate.errors import QuorateError
from quorate.fleet.model import Server
from quorate.observe.connect import Connections
from quorate.recover.clean.model import Item, Removed, ServerPlan, VolumeWish
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

NOT_FOUND = 404


def remove(connections: Connections, plans: Sequence[ServerPlan]) -> tuple[Removed, ...]:
    """Remove what these plans say, servers at once, containers first; what refuses stays."""
    wanted = {one.server: one.items for one in plans if one.items}

    def one_server(server: Server, client: DockerClient) -> list[Removed]:
        return [_tried(server.name, client, item) for item in wanted[server.name]]

    answers = connections.each(one_server, wanted)
    done = [one for found in answers.results.values() for one in found]
    done += [
        Removed(server=server, kind=item.kind, name=item.name, why=error.what)
        for server, error in answers.errors.items()
        for item in wanted[server]
    ]
    return tuple(done)


def remove_volume(connections: Connections, wish: VolumeWish) -> Removed:
    """Remove one volume that was named and typed. An engine refuses one that is in use."""
    done = Removed(server=wish.server, kind="volume", name=wish.name, frees=wish.size or 0)
    try:
        client = connections.client(wish.server)
        with docker.translated(f"the volume {wish.name} was not removed"):
            client.api.remove_volume(wish.name, force=False)
    except QuorateError as error:
        return done.model_copy(update={"why": error.cause or error.what})
    return done


def _tried(server: str, client: DockerClient, item: Item) -> Removed:
    done = Removed(server=server, kind=item.kind, name=item.name, frees=item.frees)
    try:
        _remove(client, item)
    except docker.engine_errors() as error:
        return done.model_copy(update={"why": docker.words(error)})
    return done


def _remove(client: DockerClient, item: Item) -> None:
    if item.kind == "container":
        client.api.remove_container(item.id, v=False, force=False)
    elif item.kind == "network":
        client.api.remove_network(item.id)
    else:
        for reference in item.references:
            try:
                client.api.remove_image(reference, force=False, noprune=True)
            except docker.engine_errors() as error:
                # The last tag takes the digests of its repository along.
                if docker.status_of(error) != NOT_FOUND:
                    raise
