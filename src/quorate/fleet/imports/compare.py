"""A server's hardware against what the fleet file says of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from quorate.fleet.imports.hardware import GIB, NOTEWORTHY, FoundDisk, Hardware, Outside
from quorate.fleet.imports.text import Said, dump
from quorate.fleet.model import Model, Server
from quorate.fleet.quantities import show_size, write_size

MEMORY_TOLERANCE = 0.03
"""A kernel keeps some for itself: 32 GiB of memory are 31.2 for `free`."""
SPEED_TOLERANCE = 0.25
"""The measurement is short: smaller differences are noise."""
DISK_TOLERANCE = 0.1
UPTIME_DAYS = 1.0


class Difference(Model):
    """Something that is not as the fleet file says."""

    key: str = Field(description="The key of the server's entry, dotted.")
    before: str = Field(description="What the fleet file says; empty when it says nothing.")
    after: str = Field(description="What was found.")
    advice: str = Field("", description="Why `--write` leaves it alone; empty when it writes it.")
    value: Any = Field(None, exclude=True)


def differences(
    server: Server, entry: Mapping[str, Any], found: Hardware
) -> tuple[Difference, ...]:
    """What is different, in the order of a fleet file's keys.

    Args:
        server: as the fleet file has it; `entry`: its mapping there (what is written at all).
        found: what was found.
    """
    return tuple(
        [
            *_identity(server, found),
            *_figures(server, entry, found),
            *_disks(server, found),
            *_reserved(server, found),
        ]
    )


def _identity(server: Server, found: Hardware) -> Iterator[Difference]:
    if found.name and found.name.lower() != server.name.lower():
        yield Difference(
            key="name", before=server.name, after=found.name,
            advice="Swarm knows servers by their host names: rename one of the two",
        )  # fmt: skip
    if found.role and found.role != server.role.value:
        yield Difference(
            key="role", before=server.role.value, after=found.role,
            advice="`quorate up` gives every server the role of the fleet file",
        )  # fmt: skip


def _figures(server: Server, entry: Mapping[str, Any], found: Hardware) -> Iterator[Difference]:
    if found.threads and found.threads != server.cpus:
        yield Difference(
            key="cpus", before=f"{server.cpus:g}", after=str(found.threads), value=found.threads
        )
    if found.speed is not None and _speed_differs(server, entry, found.speed):
        before = f"{server.speed:g}" if "speed" in entry else ""
        advice = "it was busy: measure again in a quiet hour" if found.busy else ""
        yield Difference(
            key="speed", before=before, after=f"{found.speed:g}", value=found.speed, advice=advice
        )
    if found.memory and abs(found.memory - server.memory) > MEMORY_TOLERANCE * server.memory:
        value = memory_text(found.memory)
        yield Difference(key="memory", before=show_size(server.memory), after=value, value=value)
    days = found.uptime_days
    if days is not None and (
        server.uptime_days is None or abs(days - server.uptime_days) > UPTIME_DAYS
    ):
        before = f"{server.uptime_days:g}" if server.uptime_days is not None else ""
        yield Difference(key="uptime_days", before=before, after=f"{days:g}", value=days)


def _speed_differs(server: Server, entry: Mapping[str, Any], speed: float) -> bool:
    if "speed" not in entry:
        return True
    return abs(speed - server.speed) > SPEED_TOLERANCE * server.speed


def memory_text(size: int) -> str:
    """Memory as people write it: `31.2GiB`."""
    return f"{size / GIB:.1f}".removesuffix(".0") + "GiB"


def disk_entry(disk: FoundDisk) -> dict[str, Any]:
    """A disk as the fleet file has it, its size in whole GiB."""
    size = write_size(disk.size // GIB * GIB)
    return {"name": disk.name, "size": size, "kind": disk.kind, "mount": disk.mount}


def _disks(server: Server, found: Hardware) -> Iterator[Difference]:
    known = {disk.name: disk for disk in server.disks}
    for disk in found.disks:
        there = known.get(disk.name)
        shown = f"{show_size(disk.size)} {disk.kind} on {disk.mount}"
        if there is None:
            value = disk_entry(disk)
            yield Difference(key=f"disks.{disk.name}", before="", after=shown, value=value)
        elif there.kind != disk.kind or abs(there.size - disk.size) > DISK_TOLERANCE * disk.size:
            before = f"{show_size(there.size)} {there.kind} on {there.mount}"
            value = {key: disk_entry(disk)[key] for key in ("size", "kind")}
            yield Difference(key=f"disks.{disk.name}", before=before, after=shown, value=value)


def reserved_entry(outside: Outside) -> dict[str, Any]:
    """A program outside as the fleet file's `reserved` has it, in whole MiB."""
    mib = 2**20
    return {"name": outside.name, "memory": write_size(max(mib, outside.memory // mib * mib))}


def worth_reserving(outside: Outside) -> bool:
    """Whether a program keeps enough to be counted."""
    return outside.memory >= NOTEWORTHY


def _reserved(server: Server, found: Hardware) -> Iterator[Difference]:
    names = [item.name.lower() for item in server.reserved]
    for outside in found.outside:
        words = {part.strip("() ").lower() for part in (outside.name, *outside.name.split(" ("))}
        if any(name in words or word in name for name in names for word in words):
            continue
        if worth_reserving(outside):
            yield Difference(
                key="reserved", before="", after=f"{outside.name}: {show_size(outside.memory)}",
                value=reserved_entry(outside),
            )  # fmt: skip
    if found.containers:
        shown = ", ".join(found.containers[:6]) + (" …" if len(found.containers) > 6 else "")
        count = f"{len(found.containers)} container{'s' if len(found.containers) > 1 else ''}"
        yield Difference(
            key="reserved", before="", after=f"{count}: {shown}",
            advice="import them (`quorate init --from-docker`), or reserve what they use",
        )  # fmt: skip


def snippet(name: str, address: str, ssh: Mapping[str, Any], found: Hardware) -> str:
    """The server as a piece of a fleet file; what is not known is left to be filled in."""
    entry: dict[str, Any] = {"address": address}
    if ssh:
        entry["ssh"] = dict(ssh)
    entry["role"] = found.role or Said("worker", "guess: it is in no swarm")
    cpus: Any = found.threads if found.threads else Said(1, "placeholder: it did not tell")
    entry["cpus"] = Said(cpus, found.cpu) if found.cpu and found.threads else cpus
    if found.speed is not None:
        busy = ", while it was busy" if found.busy else ""
        entry["speed"] = Said(found.speed, f"measured: MD5 by one thread, 600 MiB/s is 1.0{busy}")
    entry["memory"] = (
        memory_text(found.memory) if found.memory else Said("1GiB", "placeholder: it did not tell")
    )
    if found.disks:
        entry["disks"] = [disk_entry(disk) for disk in found.disks]
    if found.uptime_days is not None:
        entry["uptime_days"] = found.uptime_days
    kept = [reserved_entry(item) for item in found.outside if worth_reserving(item)]
    if kept:
        entry["reserved"] = Said(kept, "measured: what runs outside of containers now")
    return dump({"servers": {name: entry}})
