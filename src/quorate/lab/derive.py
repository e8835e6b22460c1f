"""The lab's stack files, derived from the real ones. Pure.

What differs is only what this machine cannot give, and every difference is
listed: applying the list to the real documents gives the lab's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from quorate.fleet.model import Model
from quorate.lab import derive_image, derive_mounts, derive_network, derive_resources
from quorate.lab.derive_rules import Change
from quorate.lab.state import Lab
from quorate.stacks.model import Rendered, RenderedStack


class Difference(Model):
    """One place where the lab's documents differ from the real ones.

    `path` leads to it within the service (within the document when `service`
    is empty, within the shared networks when `stack` is empty too); `key` is
    the path as people read it. `real` is None where the real one has nothing
    there, `lab` is None where the lab's has nothing.
    """

    stack: str
    service: str
    key: str
    real: Any
    lab: Any
    why: str
    path: tuple[str, ...]


class Group(Model):
    """Differences of one kind: the same key, for the same reason.

    `of` are the services (`STACK/SERVICE`), stacks or networks it concerns.
    """

    key: str
    why: str
    of: tuple[str, ...]


def derive(rendered: Rendered, lab: Lab) -> tuple[Rendered, tuple[Difference, ...]]:
    """The stack files as the lab can run them, and all differences to the real ones."""
    differences: list[Difference] = []
    for stack in rendered.stacks:
        services: Mapping[str, Any] = stack.document.get("services") or {}
        for name, service in sorted(services.items()):
            changes = _service_changes(service, lab)
            differences += _listed(changes, service, stack.name, name)
        differences += _listed(_document_changes(stack, lab), stack.document, stack.name, "")
    shared = derive_network.shared_networks(rendered.networks, lab)
    differences += _listed(shared, rendered.networks, "", "")
    return apply(rendered, differences), tuple(differences)


def grouped(differences: Sequence[Difference]) -> tuple[Group, ...]:
    """The differences by kind, in the order of their first ones."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in differences:
        key, subject = _subject(item)
        found.setdefault((key, item.why), []).append(subject)
    return tuple(Group(key=key, why=why, of=tuple(of)) for (key, why), of in found.items())


def _subject(item: Difference) -> tuple[str, str]:
    """The key, and what it is a key of: `volumes.data.driver` is `driver` of that volume."""
    if item.service:
        return item.key, f"{item.stack}/{item.service}"
    if not item.stack:
        network, *rest = item.path
        return ".".join(["networks", *rest]), network
    kind, name, *rest = item.path
    return ".".join([kind, *rest]), f"{item.stack}/{name}"


def apply(rendered: Rendered, differences: Sequence[Difference]) -> Rendered:
    """The documents with the differences' lab values in place of the real ones."""
    stacks = {stack.name: deepcopy(stack.document) for stack in rendered.stacks}
    networks = deepcopy(rendered.networks)
    for difference in differences:
        where: dict[str, Any] = networks
        if difference.stack:
            where = stacks[difference.stack]
        if difference.service:
            where = where["services"][difference.service]
        _set(where, difference.path, difference.lab)
    changed = tuple(
        stack.model_copy(update={"document": stacks[stack.name]}) for stack in rendered.stacks
    )
    return rendered.model_copy(update={"stacks": changed, "networks": networks})


def _service_changes(service: Mapping[str, Any], lab: Lab) -> Iterator[Change]:
    yield from derive_image.changes(service, lab)
    yield from derive_network.service(service, lab)
    yield from derive_resources.changes(service, lab)
    yield from derive_mounts.service(service)


def _document_changes(stack: RenderedStack, lab: Lab) -> Iterator[Change]:
    yield from derive_network.networks(stack.document.get("networks") or {}, lab)
    yield from derive_mounts.volumes(stack.document)


def _listed(
    changes: Iterator[Change], where: Mapping[str, Any], stack: str, service: str
) -> Iterator[Difference]:
    for change in changes:
        yield Difference(
            stack=stack,
            service=service,
            key=".".join(change.path),
            real=deepcopy(_get(where, change.path)),
            lab=change.lab,
            why=change.why,
            path=change.path,
        )


def _get(where: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(where, Mapping) or key not in where:
            return None
        where = where[key]
    return where


def _set(where: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set the value at a path, making what leads to it; None takes it away."""
    *parents, last = path
    for key in parents:
        where = where.setdefault(key, {})
    if value is None:
        where.pop(last, None)
    else:
        where[last] = deepcopy(value)
