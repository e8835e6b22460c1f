"""Small fleets for planner tests, in round figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quorate.fleet.model import (
    Disk,
    Fleet,
    Load,
    Location,
    Policy,
    Server,
    Service,
    Stack,
    StackFiles,
    State,
    VolumeUse,
)

GIB = 2**30


def server(name: str, *, memory: float = 16, **fields: Any) -> Server:
    """A server; memory in GiB, four threads, a disk of 500 GiB."""
    settings: dict[str, Any] = {
        "address": "192.0.2.1",
        "cpus": 4,
        "disks": (Disk(name="sda", size=500 * GIB),),
        "location": Location(file="fleet.yaml", line=3),
    }
    return Server(name=name, memory=int(memory * GIB), **{**settings, **fields})


def service(
    name: str,
    *,
    memory: float = 1,
    cpu: float = 0.1,
    stack: str = "app",
    load: dict[str, Any] | None = None,
    **fields: Any,
) -> Service:
    """A service that reserves and uses `memory` GiB and `cpu` threads."""
    settings: dict[str, Any] = {
        "image": "example/image:1",
        "reservation_memory": int(memory * GIB),
        "reservation_cpus": cpu,
        "location": Location(file=f"{stack}.yaml", line=len(name)),
    }
    use = {"memory": int(memory * GIB), "cpu": cpu, **(load or {})}
    return Service(id=name, name=name, stack=stack, load=Load(**use), **{**settings, **fields})


def data(name: str = "data") -> dict[str, Any]:
    """The fields of a service that keeps data in a local volume."""
    volume = VolumeUse(kind="volume", source=name, target="/data")
    return {"state": State.VOLUME, "volumes": (volume,)}


def fleet(
    servers: list[Server],
    services: list[Service],
    *,
    stacks: list[Stack] | None = None,
    files: tuple[StackFiles, ...] = (),
    **policy: Any,
) -> Fleet:
    """A fleet without headroom unless the policy says so."""
    names = dict.fromkeys(one.stack for one in services)
    given = {stack.name for stack in stacks or ()}
    plain = [Stack(name=name, files=()) for name in names if name not in given]
    return Fleet(
        name="test",
        path=Path("fleet.yaml"),
        servers=tuple(servers),
        stacks=(*(stacks or ()), *plain),
        services=tuple(services),
        files=files,
        policy=Policy(**{"headroom_memory": 0.0, "survive": 0, **policy}),
        digest="0" * 64,
    )
