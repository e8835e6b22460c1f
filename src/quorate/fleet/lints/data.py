"""Data that stays behind, is shared by mistake, or is nowhere."""

from __future__ import annotations

from quorate.fleet.compose import EXTENSION
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Mode, Service, State
from quorate.fleet.paths import is_path
from quorate.fleet.positions import Map

_DATABASES = (State.POSTGRES, State.MARIADB, State.GITLAB)


def lint(context: Context) -> None:
    """Report stateful services whose data does not move with them."""
    for service in context.swarm_services:
        local = [volume for volume in service.volumes if volume.local_data]
        if service.state.keeps_data and local:
            _unpinned(context, service)
            _shared_by_replicas(context, service)
        if service.state in _DATABASES and not any(
            volume.source and volume.kind in ("volume", "bind", "shared")
            for volume in service.volumes
        ):
            context.problems.add(
                "Q520",
                context.mark(service, "image"),
                f"`{service.id}` is a database ({service.state.value}) without a volume",
            )
        _relative(context, service)


def _unpinned(context: Context, service: Service) -> None:
    if service.mode is Mode.GLOBAL or len(context.eligible(service)) == 1:
        return
    if context.view(service).value(EXTENSION, "pin") is not None:
        return  # several servers, on purpose
    names = [v.source or v.target for v in service.volumes if v.local_data]
    context.problems.add(
        "Q501",
        context.mark(service, "volumes"),
        f"`{service.id}` keeps data on a local volume ({', '.join(names)}) and is not pinned",
    )


def _shared_by_replicas(context: Context, service: Service) -> None:
    if service.mode is Mode.REPLICATED and service.replicas > 1:
        context.problems.add(
            "Q519",
            context.mark(service, "deploy", "replicas"),
            f"`{service.id}` has {service.replicas} replicas and keeps data on local volumes",
        )


def _relative(context: Context, service: Service) -> None:
    for item, mark in context.view(service).items("volumes"):
        if isinstance(item, Map):
            source = item.get("source") if item.get("type") == "bind" else None
        else:
            source = str(item).partition(":")[0] if ":" in str(item) else None
            source = source if source and is_path(source) else None
        if isinstance(source, str) and not source.startswith("/"):
            context.problems.add(
                "Q516", mark, f"`{service.id}` mounts the relative path `{source}`"
            )
