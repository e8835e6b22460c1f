"""Capacity in the steps people buy: GiB of memory and disk, threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quorate.fleet.model import Disk, Server
from quorate.plan.problem import CPU, DISK, RESERVED_CPU
from quorate.plan.words import MIB, size, threads

GIB_OF_MIB = 1024

FACTOR = 8
"""A figure is tried up to this many times what it is."""


def units_of(server: Server, resource: int) -> int:
    """Capacity in steps people buy: GiB of memory and disk, threads."""
    if resource in (CPU, RESERVED_CPU):
        return int(server.cpus)
    return (server.disk if resource == DISK else server.memory) // (GIB_OF_MIB * MIB)


def capacity(server: Server, resource: int, units: int) -> Mapping[str, object]:
    if resource in (CPU, RESERVED_CPU):
        return {"cpus": float(units)}
    if resource == DISK:
        first = server.disks[0] if server.disks else Disk(name="disk", size=0)
        more = units * GIB_OF_MIB * MIB - server.disk + first.size
        return {"disks": (first.model_copy(update={"size": more}), *server.disks[1:])}
    return {"memory": units * GIB_OF_MIB * MIB}


def amount(resource: int, units: int) -> str:
    if resource in (CPU, RESERVED_CPU):
        return threads(units * 1000)
    kind = "disk" if resource == DISK else "memory"
    return f"{size(units * GIB_OF_MIB)} of {kind}"


def least(low: int, high: int, enough: Callable[[int], bool]) -> int | None:
    """The smallest number above `low` that is enough; None when `high` is not."""
    if not enough(high):
        return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
