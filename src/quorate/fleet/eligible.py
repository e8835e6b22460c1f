"""The servers that a service's pins and constraints allow."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.fleet.constraints import allows, parse_constraint
from quorate.fleet.model import Engine, Server, Service


def eligible_servers(service: Service, servers: Iterable[Server]) -> tuple[Server, ...]:
    """Those a service may run on; a constraint that cannot be read counts as none."""
    pins = {pin.lower() for pin in service.pins}
    found = [server for server in servers if not pins or server.name.lower() in pins]
    if service.engine is Engine.COMPOSE:
        return tuple(found)
    for text in service.constraints:
        try:
            constraint = parse_constraint(text)
        except ValueError:
            continue
        found = [server for server in found if allows(constraint, server)]
    return tuple(found)
