"""Every volume, container and image on every server that answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quorate.backup.policy.strays import Stored
from quorate.fleet.image_names import repository
from quorate.fleet.model import Server
from quorate.observe.connect import Answers, Connections
from quorate.observe.containers import container

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

NAMELESS = "com.docker.volume.anonymous"
"""A label of volumes that nobody has named, from engine 23 on."""
RANDOM = re.compile(r"[0-9a-f]{64}")


def stored(connections: Connections) -> Answers[Stored]:
    """What each server's engine lists, and why the others did not."""
    return connections.each(_of)


def _of(server: Server, client: DockerClient) -> Stored:
    volumes = client.api.volumes().get("Volumes") or ()
    nameless = frozenset(str(one["Name"]) for one in volumes if is_nameless(one))
    return Stored(
        named=frozenset(str(one["Name"]) for one in volumes) - nameless,
        nameless=nameless,
        containers=tuple(
            container(raw, server.name) for raw in client.api.containers(all=True) or ()
        ),
        local=frozenset(name for raw in client.api.images() or () for name in in_no_registry(raw)),
    )


def in_no_registry(image: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of an image, as GET /images has it, that no registry is known to have. Pure.

    A name is known there where the image has a digest of that very repository. Engines that keep
    images in containerd have one of all images: then nobody can tell.
    """
    known = {repository(one) for one in image.get("RepoDigests") or ()}
    names = [one for one in image.get("RepoTags") or () if not one.startswith("<none>")]
    return tuple(name for name in names if repository(name) not in known)


def is_nameless(volume: Mapping[str, Any]) -> bool:
    """Whether nobody has named a volume, as GET /volumes has it. Pure."""
    labels = volume.get("Labels") or {}
    return NAMELESS in labels or RANDOM.fullmatch(str(volume["Name"])) is not None
