"""The fleet with another server in the place of a lost one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quorate.fleet.backup import Backup
from quorate.fleet.constraints import parse_constraint
from quorate.fleet.model import Engine, Fleet, Service

HOSTNAME = "node.hostname"


def remapped(
    fleet: Fleet,
    name: str,
    target: str,
    bound: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Fleet:
    """The fleet without `name`: what its files pin there is pinned to `target`.

    Args:
        bound: service id → the servers it is pinned to, whatever its file says.

    The same name: the fleet as it is. Repositories on the lost server lie on the other one, at
    the same path. Stacks of `engine: compose` stay as written: nobody moves them.
    """
    if name == target:
        return fleet
    return fleet.model_copy(
        update={
            "servers": tuple(one for one in fleet.servers if one.name != name),
            "services": tuple(
                _service(one, name, target, bound.get(one.id, ())) for one in fleet.services
            ),
            "backup": _backup(fleet.backup, name, target),
        }
    )


def _service(service: Service, name: str, target: str, bound: tuple[str, ...]) -> Service:
    if service.engine is Engine.COMPOSE:
        return service
    pins = tuple(dict.fromkeys(_other(pin, name, target) for pin in service.pins))
    constraints = tuple(_constraint(text, name, target) for text in service.constraints)
    return service.model_copy(update={"pins": bound or pins, "constraints": constraints})


def _constraint(text: str, name: str, target: str) -> str:
    try:
        found = parse_constraint(text)
    except ValueError:
        return text
    if found.key == HOSTNAME and found.equal and found.value.lower() == name.lower():
        return f"{HOSTNAME}=={target}"
    return text


def _backup(backup: Backup, name: str, target: str) -> Backup:
    repositories = tuple(
        one.model_copy(update={"server": target}) if one.server == name else one
        for one in backup.repositories
    )

    def without(servers: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        return {"servers": tuple(one for one in servers if one != name)}

    return backup.model_copy(
        update={
            "repositories": repositories,
            "proving": backup.proving.model_copy(update=without(backup.proving.servers)),
            "rehearsing": backup.rehearsing.model_copy(update=without(backup.rehearsing.servers)),
        }
    )


def _other(pin: str, name: str, target: str) -> str:
    return target if pin.lower() == name.lower() else pin
