"""Data that has to follow a service: from where, how much, how long, how long down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from quorate.fleet.model import Disk, Server, Service
from quorate.fleet.quantities import parse_duration
from quorate.plan.whatif.model import Transfer
from quorate.plan.whatif.scope import (
    CHANGED_MEANWHILE,
    DISK_RATES,
    LINK_USABLE,
    START_SECONDS,
    Scope,
)
from quorate.plan.whatif.side import Side

VOLUMES = "/var/lib/docker"
"""Where an engine keeps local volumes, unless it is told otherwise."""


def moved(side: Side, scope: Scope) -> Iterator[tuple[Service, str, str]]:
    """Tasks that are elsewhere than now: the service, from where, to where.

    What Swarm starts elsewhere after a loss is not moved: there is nothing to copy from.
    """
    gone = {server.name for server in side.lost}
    for service in side.fleet.services:
        now, then = Counter(scope.origin.get(service.id, ())), Counter(side.homes[service.id])
        left = sorted(name for name in (now - then).elements() if name not in gone)
        reached = sorted((then - now).elements())
        yield from ((service, a, b) for a, b in zip(left, reached, strict=False))


def transfers(side: Side, scope: Scope) -> tuple[Transfer, ...]:
    """Every copy needed to get from where everything is now to this side."""
    return tuple(
        _transfer(side, scope, service, source, target)
        for service, source, target in moved(side, scope)
        if not service.movable
    )


def _transfer(side: Side, scope: Scope, service: Service, source: str, target: str) -> Transfer:
    servers = {server.name: server for server in (*scope.origin_side.fleet.servers, *side.lost)}
    rates = {
        f"the disk of {source}": _disk_rate(servers.get(source), service),
        f"the disk of {target}": _disk_rate(side.server(target), service),
        "the network": scope.link * LINK_USABLE,
    }
    limit = min(rates, key=lambda name: rates[name])
    seconds = service.data_size / rates[limit]
    start = start_seconds(service)
    return Transfer(
        service=service.id,
        source=source,
        target=target,
        size=service.data_size or None,
        seconds=round(seconds, 1),
        down=round(seconds + start, 1),
        down_warm=round(seconds * CHANGED_MEANWHILE + start, 1),
        limited_by=limit,
    )


def start_seconds(service: Service) -> float:
    """Until it answers after a start: its health check's `start_period`, else assumed."""
    return given_start(service) or START_SECONDS


def given_start(service: Service) -> float | None:
    """The `start_period` of its health check, seconds; None without one."""
    check: Any = service.raw.get("healthcheck")
    text = check.get("start_period") if isinstance(check, dict) else None
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError:
        return None


def start_first(service: Service) -> bool:
    """Whether an update starts the new task before it stops the old one."""
    deploy: Any = service.raw.get("deploy")
    update = deploy.get("update_config") if isinstance(deploy, dict) else None
    return isinstance(update, dict) and update.get("order") == "start-first"


def _disk_rate(server: Server | None, service: Service) -> float:
    if server is None or not server.disks:
        return DISK_RATES["ssd"]
    paths = [
        use.source if use.kind == "bind" and use.source else VOLUMES
        for use in service.volumes
        if use.local_data
    ]
    return min(DISK_RATES[_disk(server, path).kind] for path in paths or [VOLUMES])


def _disk(server: Server, path: str) -> Disk:
    """The disk a path is on: the longest mount point above it."""
    above = [
        disk
        for disk in server.disks
        if path == disk.mount or path.startswith(disk.mount.rstrip("/") + "/")
    ]
    return max(above or server.disks[:1], key=lambda disk: len(disk.mount))
