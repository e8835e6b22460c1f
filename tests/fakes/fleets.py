"""Fleets and plans for tests, built from compose mappings without reading any file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quorate.fleet.model import (
    Fleet,
    Mode,
    Port,
    Role,
    SecretSource,
    Server,
    Service,
    Stack,
    StackFiles,
    SwarmSettings,
    VolumeUse,
)
from quorate.fleet.quantities import parse_size
from quorate.plan.model import Placement, Plan, ServerUse, Use

DIRECTORY = Path("/srv/fleet")
GIB = 1024**3


def make_service(stack: str, name: str, raw: Mapping[str, Any], **fields: Any) -> Service:
    """A service as a reader of compose files would give it, for the spellings tests use."""
    deploy = raw.get("deploy") or {}
    resources = deploy.get("resources") or {}
    found: dict[str, Any] = {
        "id": name,
        "name": name,
        "stack": stack,
        "image": raw.get("image", "example/image:1"),
        "mode": Mode(deploy.get("mode", "replicated")),
        "replicas": deploy.get("replicas", 1),
        "max_replicas_per_node": (deploy.get("placement") or {}).get("max_replicas_per_node", 0),
        "constraints": tuple((deploy.get("placement") or {}).get("constraints") or ()),
        "volumes": tuple(_use(entry) for entry in raw.get("volumes") or ()),
        "ports": tuple(_port(entry) for entry in raw.get("ports") or ()),
        "raw": dict(raw),
    }
    for kind, prefix in (("limits", "limit"), ("reservations", "reservation")):
        given = resources.get(kind) or {}
        found[f"{prefix}_memory"] = parse_size(given.get("memory", 0))
        found[f"{prefix}_cpus"] = float(given.get("cpus", 0))
    return Service(**{**found, **fields})


def _use(entry: Any) -> VolumeUse:
    if isinstance(entry, Mapping):
        return VolumeUse(
            kind=entry["type"],
            source=entry.get("source"),
            target=entry["target"],
            read_only=bool(entry.get("read_only")),
        )
    parts = entry.split(":")
    if len(parts) == 1:
        return VolumeUse(kind="volume", source=None, target=entry)
    kind = "bind" if parts[0].startswith(("/", ".", "~")) else "volume"
    return VolumeUse(kind=kind, source=parts[0], target=parts[1], read_only=parts[2:3] == ["ro"])


def _port(entry: Any) -> Port:
    if isinstance(entry, Mapping):
        return Port(
            target=entry["target"],
            published=int(entry.get("published", 0)),
            protocol=entry.get("protocol", "tcp"),
            mode=entry.get("mode", "ingress"),
        )
    *before, last = str(entry).split(":")
    target, _, protocol = last.partition("/")
    published = int(before[-1]) if before else 0
    return Port(target=int(target), published=published, protocol=protocol or "tcp")


def make_fleet(
    stacks: Mapping[str, Mapping[str, Any]],
    *,
    servers: Sequence[Server] | None = None,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    swarm: Mapping[str, Any] | None = None,
    secrets: Mapping[str, SecretSource] | None = None,
) -> Fleet:
    """A fleet whose stacks are compose mappings; `fields` overrides service fields by id."""
    services = [
        make_service(stack, name, raw, **(fields or {}).get(name, {}))
        for stack, document in stacks.items()
        for name, raw in document["services"].items()
    ]
    sections = ("networks", "volumes", "secrets", "configs")
    return Fleet(
        name="office",
        path=DIRECTORY / "fleet.yaml",
        servers=tuple(servers or [make_server(name) for name in ("alpha", "beta", "gamma")]),
        stacks=tuple(Stack(name=name, files=(DIRECTORY / f"{name}.yaml",)) for name in stacks),
        services=tuple(services),
        files=tuple(
            StackFiles(
                stack=name,
                directory=DIRECTORY,
                **{
                    section: {key: spec or {} for key, spec in document.get(section, {}).items()}
                    for section in sections
                },
            )
            for name, document in stacks.items()
        ),
        swarm=SwarmSettings(**(swarm or {})),
        secrets=dict(secrets or {}),
    )


def make_server(name: str, **fields: Any) -> Server:
    """A server of 4 threads and 8 GiB."""
    given = {"address": "192.0.2.1", "cpus": 4, "memory": 8 * GIB, "role": Role.MANAGER}
    return Server(name=name, **{**given, **fields})


def make_plan(
    fleet: Fleet,
    *,
    homes: Mapping[str, Sequence[str]] | None = None,
    pools: Mapping[str, Sequence[str]] | None = None,
    free_memory: Mapping[str, float] | None = None,
) -> Plan:
    """A plan: every service on the first server and free to go anywhere, unless told."""
    everyone = tuple(server.name for server in fleet.servers)
    placements = {}
    for service in fleet.swarm_services():
        own = tuple((homes or {}).get(service.id, everyone[:1]))
        placements[service.id] = Placement(
            id=service.id,
            stack=service.stack,
            name=service.name,
            home=own[0],
            homes=own,
            pool=tuple((pools or {}).get(service.id, everyone)),
        )
    full = Use(capacity=0)
    return Plan(
        fleet=fleet.name,
        fleet_digest="",
        made_at="",
        status="optimal",
        objective=0,
        bound=0,
        services=placements,
        servers={
            name: ServerUse(memory=Use(capacity=8 * GIB, free=free), cpu=full, disk=full)
            for name, free in (free_memory or {}).items()
        },
    )
