"""A fleet's `engine: compose` stacks in the lab: started on their node, as a person would have.

Quorate never deploys such a stack; on real servers it is simply there. So that
the lab has what the fleet has, `lab up` starts it there, reduced to what a node
inside a container can run.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from quorate.fleet.model import Engine, Fleet, Service, Stack
from quorate.lab import standin
from quorate.lab.compose import start_compose
from quorate.lab.derive_image import kind
from quorate.lab.images_names import parse
from quorate.lab.progress import Progress, step
from quorate.lab.state import Lab

KEPT = ("image", "command", "healthcheck", "ports", "restart", "depends_on", "hostname")
"""What a service keeps; privileges, fixed addresses and devices of the host go."""


def start_all(fleet: Fleet, lab: Lab, progress: Progress) -> tuple[str, ...]:
    """Start every compose stack of the fleet on its node; returns their names.

    Raises:
        LabError: a node is off, or docker compose failed.
    """
    stacks = [stack for stack in fleet.stacks if stack.engine is Engine.COMPOSE and stack.server]
    if not stacks:
        return ()
    names = ", ".join(f"{stack.name} on {stack.server}" for stack in stacks)
    with step(progress, f"start by docker compose: {names}"), ThreadPoolExecutor() as pool:
        started = [
            pool.submit(start_compose, lab, str(s.server), s.name, document(fleet, s, lab))
            for s in stacks
        ]
        for one in started:
            one.result()
    return tuple(stack.name for stack in stacks)


def document(fleet: Fleet, stack: Stack, lab: Lab) -> dict[str, Any]:
    """The compose document of a stack as the lab runs it. Pure."""
    services = [service for service in fleet.services if service.stack == stack.name]
    files = next(files for files in fleet.files if files.stack == stack.name)
    return {
        "services": {service.name: _service(service, lab) for service in services},
        "volumes": {
            name: {}
            for name in files.volumes
            if any(use.source == name for service in services for use in service.volumes)
        },
    }


def _service(service: Service, lab: Lab) -> dict[str, Any]:
    raw: Mapping[str, Any] = service.raw
    out = {key: raw[key] for key in KEPT if raw.get(key) is not None}
    environment = dict(service.environment)
    if kind(service.image, lab) == "stand-in":
        listen = ",".join(standin.ports(parse(service.image), raw))
        if listen:
            environment[standin.ENVIRONMENT] = listen
    if environment:
        # Docker compose interpolates the document once more.
        out["environment"] = {k: str(v).replace("$", "$$") for k, v in environment.items()}
    mounts = [
        f"{use.source}:{use.target}"
        for use in service.volumes
        if use.kind == "volume" and use.source is not None
    ]
    return {**out, "volumes": mounts} if mounts else out
