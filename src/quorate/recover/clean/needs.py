"""What the fleet needs now or could need again: nothing of it may be cleaned away. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quorate.fleet.backup import SPOOL_VOLUME
from quorate.fleet.datasets import files_of, mounted, volume_name
from quorate.fleet.image_names import digest, full, repository
from quorate.fleet.model import Fleet, StackFiles
from quorate.fleet.observed import Snapshot
from quorate.recover.model import Journal, State
from quorate.stacks.networks import network_name

Record = tuple[str, Mapping[str, Mapping[str, Any]]]
"""What to call a recorded deployment, and its stacks' documents by the stack's name."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Who needs what, in words: references (in full) and digests of images, names of volumes and
    networks, ids of containers of tasks that Swarm still knows.

    `services` are (stack, service) of the fleet; `stacks` their stacks. `mentions` are the texts
    of operations that can still be undone: whatever is named in one stays. `own` is the
    repository of Quorate's own images.
    """

    references: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    tasks: frozenset[str] = frozenset()
    services: frozenset[tuple[str, str]] = frozenset()
    stacks: frozenset[str] = frozenset()
    mentions: Mapping[str, str] = field(default_factory=dict)
    own: str = ""

    def mentioned(self, *names: str) -> str:
        """The operation that names one of these; "" when none does."""
        quoted = [json.dumps(name) for name in names if name]
        for who, text in self.mentions.items():
            if any(one in text for one in quoted):
                return who
        return ""


def needs(
    fleet: Fleet,
    snapshot: Snapshot,
    records: Sequence[Record],
    journals: Iterable[Journal],
    own_image: str,
) -> Needs:
    """All that has to stay.

    Args:
        records: every kept record of every fleet of this swarm.
        journals: every operation there is.
        own_image: the reference of Quorate's own image.
    """
    images = dict(_images(fleet, snapshot, records, own_image))
    files = files_of(fleet)
    return Needs(
        references={name: who for image, who in images.items() if (name := full(image))},
        digests={found: who for image, who in images.items() if (found := digest(image))},
        volumes=dict(_volumes(fleet, files, snapshot, records)),
        networks=dict(_networks(fleet, files)),
        tasks=frozenset(task.container_id for task in snapshot.tasks if task.container_id),
        services=frozenset((one.stack, one.name) for one in fleet.services),
        stacks=frozenset(one.name for one in fleet.stacks),
        own=repository(own_image),
        mentions=dict(_undoable(journals)),
    )


def _images(
    fleet: Fleet,
    snapshot: Snapshot,
    records: Sequence[Record],
    own_image: str,
) -> Iterator[tuple[str, str]]:
    """References and who needs them; the fleet's own words last, which then are what is said."""
    for called, stacks in records:
        for stack, document in stacks.items():
            for short, body in (document.get("services") or {}).items():
                yield str(body.get("image") or ""), f"{stack}/{short}, {called}"
    for service in snapshot.services:
        for spec in (service.spec, service.previous_spec or {}):
            template = spec.get("TaskTemplate") or {}
            image = (template.get("ContainerSpec") or {}).get("Image")
            if image:
                yield str(image), f"the service {service.name}"
        if service.image:
            yield service.image, f"the service {service.name}"
    for task in snapshot.tasks:
        if task.image:
            yield task.image, "a task of the swarm"
    for one in fleet.services:
        yield one.image, f"the service {one.id}"
    yield own_image, "Quorate's own work"


def _undoable(journals: Iterable[Journal]) -> Iterator[tuple[str, str]]:
    """Operations that can still be undone, and all that they note."""
    for one in journals:
        over = one.state is State.UNDONE or (one.state is State.DONE and one.sealed() is not None)
        if not over:
            called = f"{one.operation.kind} {one.operation.subject} ({one.id})"
            yield called, json.dumps([one.operation.facts, one.facts])


def _volumes(
    fleet: Fleet,
    files: Mapping[str, StackFiles],
    snapshot: Snapshot,
    records: Sequence[Record],
) -> Iterator[tuple[str, str]]:
    for called, stacks in records:
        for stack, document in stacks.items():
            yield from ((name, f"the stack {stack}, {called}") for name in _of(stack, document))
    for service in snapshot.services:
        for name in (*_of_spec(service.spec), *_of_spec(service.previous_spec or {})):
            yield name, f"the service {service.name}"
    for one in files.values():
        for key in one.volumes:
            yield volume_name(one, key), f"the stack {one.stack}"
    for wanted in fleet.services:
        for use in wanted.volumes:
            mounts = mounted(use, files[wanted.stack])
            if use.kind != "bind" and mounts is not None:
                yield mounts, f"the service {wanted.id}"
    for name in _of_repositories(fleet):
        yield name, "a repository of backups"
    yield SPOOL_VOLUME, "Quorate's own work"


def _of_repositories(fleet: Fleet) -> Iterator[str]:
    """Volumes that somebody gave to a repository by its path on the disk."""
    for one in fleet.backup.repositories:
        before, _, after = one.path.partition("/volumes/")
        if before and after:
            yield after.partition("/")[0]


def _of_spec(spec: Mapping[str, Any]) -> Iterator[str]:
    """The volumes that a service's spec, in the engine's own form, mounts."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    for mount in container.get("Mounts") or ():
        if mount.get("Type") == "volume" and mount.get("Source"):
            yield str(mount["Source"])


def _of(stack: str, document: Mapping[str, Any]) -> Iterator[str]:
    for key, spec in (document.get("volumes") or {}).items():
        defined = spec or {}
        external = bool(defined.get("external"))
        yield str(defined.get("name") or (key if external else f"{stack}_{key}"))


def _networks(fleet: Fleet, files: Mapping[str, StackFiles]) -> Iterator[tuple[str, str]]:
    for stack in fleet.stacks:
        yield f"{stack.name}_default", f"the stack {stack.name}"
    for one in files.values():
        for key, spec in one.networks.items():
            name = network_name(key, spec or {}) or f"{one.stack}_{key}"
            yield name, f"the stack {one.stack}"
    for service in fleet.services:
        for name in service.networks:
            yield name, f"the service {service.id}"
