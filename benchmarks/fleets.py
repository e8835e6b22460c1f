"""Fleets of growing size, for measuring how reading and checking grow."""

from __future__ import annotations

import json
from pathlib import Path

SERVICES_PER_STACK = 20


def write(directory: Path, *, services: int, servers: int = 4) -> Path:
    """A fleet file with that many small services in stacks of twenty; its path.

    JSON is YAML, and needs no library to write.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stacks: dict[str, dict[str, object]] = {}
    for first in range(0, services, SERVICES_PER_STACK):
        name = f"stack{first // SERVICES_PER_STACK}"
        count = min(SERVICES_PER_STACK, services - first)
        compose = {"services": {f"s{first + i}": _service(first + i) for i in range(count)}}
        (directory / f"{name}.yaml").write_text(json.dumps(compose, indent=1))
        stacks[name] = {"files": [f"{name}.yaml"]}
    fleet = {
        "version": 1,
        "name": f"grown-{services}",
        "servers": {
            f"server{i}": {
                "address": f"192.0.2.{i + 1}",
                "role": "manager" if i < 3 else "worker",
                "cpus": 16,
                "memory": "256GiB",
            }
            for i in range(servers)
        },
        "stacks": stacks,
    }
    path = directory / "fleet.yaml"
    path.write_text(json.dumps(fleet, indent=1))
    return path


def _service(number: int) -> dict[str, object]:
    return {
        "image": "nginx:1.27",
        "healthcheck": {"test": ["CMD", "true"]},
        "environment": {"NUMBER": str(number), "LEVEL": "${LEVEL:-info}"},
        "x-quorate": {"state": "none", "load": {"memory": "64M", "cpu": 0.02}},
    }
