"""Databases that would write into the same files as another task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from quorate.fleet.lints.context import Context
from quorate.fleet.model import Mode, Service, State, VolumeUse

_DATABASES = (State.POSTGRES, State.MARIADB, State.REDIS, State.GITLAB)
_ROLLOUTS = ("update_config", "rollback_config")

Place = tuple[str, ...]
"""What tells two volumes apart: two of one place are the same files."""


class _Writer(NamedTuple):
    """A database and a volume it writes to."""

    service: Service
    use: VolumeUse


def lint(context: Context) -> None:
    """Report databases that share a volume: with another one, with their own copies."""
    writers: dict[Place, list[_Writer]] = {}
    swarm = {service.id for service in context.swarm_services}
    sections = {files.stack: files.volumes for files in context.fleet.files}
    for service in context.fleet.services:
        if service.state not in _DATABASES:
            continue
        for use in service.volumes:
            if not (use.source and use.spoiled_by_two):
                continue
            place = _place(service, use, sections.get(service.stack, {}).get(use.source) or {})
            writers.setdefault(place, []).append(_Writer(service, use))
        if service.id in swarm:
            _copies(context, service)
            _rollouts(context, service)
    for sharing in writers.values():
        _pairs(context, sharing)


def _pairs(context: Context, sharing: list[_Writer]) -> None:
    for index, writer in enumerate(sharing):
        for earlier in sharing[:index]:
            if earlier.service.id != writer.service.id and _meet(context, earlier, writer):
                context.problems.add(
                    "Q523",
                    context.mark(writer.service, "volumes"),
                    f"`{writer.service.id}` writes to the volume `{writer.use.source}`, as "
                    f"`{earlier.service.id}` does",
                )
                break


def _meet(context: Context, one: _Writer, other: _Writer) -> bool:
    """Whether the two may have the same files: on one server, or in shared storage."""
    if one.use.kind == "shared":
        return True
    servers = {server.name for server in context.eligible(one.service)}
    return any(server.name in servers for server in context.eligible(other.service))


def _copies(context: Context, service: Service) -> None:
    """Replicas of one database in shared storage; those on local volumes are Q519's."""
    shared = [use.source for use in service.volumes if use.kind == "shared" and use.spoiled_by_two]
    if shared and service.mode in (Mode.REPLICATED, Mode.GLOBAL) and context.tasks(service) > 1:
        context.problems.add(
            "Q523",
            context.mark(service, "deploy", "replicas"),
            f"`{service.id}` runs {context.tasks(service)} times and each writes to the volume "
            f"`{shared[0]}`",
        )


def _rollouts(context: Context, service: Service) -> None:
    """An update that starts the new task beside the old one."""
    used = [use.source for use in service.volumes if use.source and use.spoiled_by_two]
    view = context.view(service)
    for key in _ROLLOUTS if used else ():
        if view.value("deploy", key, "order") == "start-first":
            context.problems.add(
                "Q524",
                view.mark("deploy", key, "order"),
                f"`{service.id}` has `order: start-first` and writes to the volume `{used[0]}`",
            )


def _place(service: Service, use: VolumeUse, definition: Mapping[str, Any]) -> Place:
    """The same for two mounts of the same files; `definition` is the volume's in its stack."""
    source, part = use.source or "", _subpath(service, use)
    if use.kind == "bind":
        return ("path", source, part)
    options = definition.get("driver_opts")
    if isinstance(options, Mapping) and options.get("device"):
        return ("device", use.server, str(options["device"]), part)
    own = source if definition.get("external") else f"{service.stack}_{source}"
    return ("volume", str(definition.get("name") or own), part)


def _subpath(service: Service, use: VolumeUse) -> str:
    """The part of a volume that is mounted; empty for all of it."""
    mounts = service.raw.get("volumes")
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, Mapping) and mount.get("target") == use.target:
            options = mount.get("volume")
            return str(options.get("subpath") or "") if isinstance(options, Mapping) else ""
    return ""
