"""An estate written down: a fleet file and a compose file for each stack.

JSON is YAML, and needs no library to write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quorate.fleet.model import Engine, Fleet, Mode, Server, Service


def write(fleet: Fleet, directory: Path) -> Path:
    """Write a fleet that `estate.make` made; the fleet file's path."""
    directory.mkdir(parents=True, exist_ok=True)
    by_stack: dict[str, list[Service]] = {stack.name: [] for stack in fleet.stacks}
    for service in fleet.services:
        by_stack[service.stack].append(service)
    for stack in fleet.stacks:
        services = {service.name: _service(service) for service in by_stack[stack.name]}
        document: dict[str, Any] = {"services": services}
        volumes: dict[str | None, dict[str, str]] = {
            use.source: {} for s in by_stack[stack.name] for use in s.volumes
        }
        if volumes:
            document["volumes"] = volumes
        (directory / stack.files[0]).write_text(json.dumps(document, indent=1))
    path = directory / "fleet.yaml"
    path.write_text(json.dumps(_fleet(fleet), indent=1))
    return path


def _fleet(fleet: Fleet) -> dict[str, Any]:
    policy = fleet.policy
    return {
        "version": 1,
        "name": fleet.name,
        "servers": {server.name: _server(server) for server in fleet.servers},
        "stacks": {
            stack.name: {
                "files": [str(path) for path in stack.files],
                **({"engine": "compose", "server": stack.server} if stack.server else {}),
            }
            for stack in fleet.stacks
        },
        "policy": {
            "survive": policy.survive,
            "headroom": {"memory": policy.headroom_memory, "cpu": policy.headroom_cpu},
            "isolation": [pair.model_dump() for pair in policy.isolation],
        },
    }


def _server(server: Server) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "address": server.address,
        "role": server.role.value,
        "cpus": server.cpus,
        "speed": server.speed,
        "memory": server.memory,
        "disks": [{"name": d.name, "size": d.size, "kind": d.kind} for d in server.disks],
        "labels": server.labels,
        "zone": server.zone,
        "uptime_days": server.uptime_days,
        "reliability": server.reliability,
    }
    return {key: value for key, value in entry.items() if value is not None}


def _service(service: Service) -> dict[str, Any]:
    load = service.load
    deploy: dict[str, Any] = {
        "mode": service.mode.value,
        "resources": {
            "reservations": {
                "memory": str(service.reservation_memory),
                "cpus": str(service.reservation_cpus),
            }
        },
    }
    if service.mode is Mode.REPLICATED:
        deploy["replicas"] = service.replicas
    placement: dict[str, Any] = {}
    if service.constraints:
        placement["constraints"] = list(service.constraints)
    if service.max_replicas_per_node:
        placement["max_replicas_per_node"] = service.max_replicas_per_node
    if placement:
        deploy["placement"] = placement
    extension: dict[str, Any] = {
        "class": service.workload_class,
        "state": service.state.value,
        "load": {key: value for key, value in load.model_dump().items() if value},
    }
    for key in ("near", "apart", "needs"):
        if getattr(service, key):
            extension[key] = list(getattr(service, key))
    if service.data_size:
        extension["data_size"] = service.data_size
    if service.pins and service.engine is Engine.SWARM:
        extension["pin"] = list(service.pins)
    entry: dict[str, Any] = {
        "image": service.image,
        "healthcheck": {"test": ["CMD", "true"]},
        "deploy": deploy,
        "x-quorate": extension,
    }
    if service.ports:
        entry["ports"] = [
            {"target": p.target, "published": p.published, "mode": p.mode} for p in service.ports
        ]
    if service.volumes:
        entry["volumes"] = [f"{use.source}:{use.target}" for use in service.volumes]
    return entry
