"""The fleet file's mapping into servers, stacks, policy and the rest of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate.fleet.backup import Backup
from quorate.fleet.backup_read import read_backup
from quorate.fleet.entries import SourceEntry
from quorate.fleet.file import FleetFile
from quorate.fleet.model import (
    Disk,
    Isolation,
    Location,
    Measure,
    Policy,
    Prometheus,
    Registry,
    Reserved,
    SecretSource,
    Server,
    Ssh,
    Stack,
    SwarmSettings,
)
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems
from quorate.fleet.sources import tidy
from quorate.fleet.validate import Codes, place, validate

Locate = Callable[..., Location]
CODES = Codes(unknown="Q101", missing="Q102", value="Q103")
# Stand-ins for what is missing or wrong, so that checking goes on; a fleet
# with errors is never handed out.
FILL = {
    "version": 1, "name": "fleet", "address": "unknown", "cpus": 1.0, "memory": 1,
    "role": "worker", "size": 0, "files": (), "user": "", "spiky": "", "away_from": "", "url": "http://unknown",
    "servers": {}, "server": "unknown", "path": "/unknown", "host": "unknown", "bucket": "unknown",
    "endpoint": "http://unknown", "password": {"environment": "UNKNOWN"},
    "hourly": 1, "daily": 1, "weekly": 1, "monthly": 1, "yearly": 1,
    "access_key": {"environment": "UNKNOWN"}, "secret_key": {"environment": "UNKNOWN"},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FleetParts:
    """What the fleet file says, resolved; `mapping` keeps the places."""

    mapping: Map
    name: str
    servers: tuple[Server, ...]
    stacks: tuple[Stack, ...]
    policy: Policy
    swarm: SwarmSettings
    secrets: dict[str, SecretSource]
    registries: tuple[Registry, ...]
    measure: Measure
    backup: Backup
    file: FleetFile

    def mark(self, *path: str | int) -> Mark:
        """The place nearest to a path in the fleet file."""
        return place(self.mapping, *path)


def read_parts(mapping: Map, directory: Path, problems: Problems) -> FleetParts | None:
    """The parts of a fleet file; None only when nothing of it can be used."""
    file = validate(
        FleetFile, mapping, problems, CODES, fill=FILL, special={"servers.*.memory": "Q104"}
    )
    if file is None:
        return None

    def location(*path: str) -> Location:
        mark = place(mapping, *path)
        return Location(file=mark.file, line=mark.line, column=mark.column)

    servers = tuple(_server(file, name, directory, location) for name in file.servers)
    return FleetParts(
        mapping=mapping,
        name=file.name,
        servers=servers,
        stacks=tuple(_stack(file, name, directory, location) for name in file.stacks),
        policy=_policy(file),
        swarm=SwarmSettings(**file.swarm.model_dump()),
        secrets={name: _source(entry, directory) for name, entry in file.secrets.items()},
        registries=tuple(
            Registry(host=host, user=entry.user, password=_source(entry.password, directory))
            for host, entry in file.registries.items()
        ),
        measure=_measure(file, directory),
        backup=read_backup(file.backup, servers, lambda entry: _source(entry, directory), location),
        file=file,
    )


def _server(file: FleetFile, name: str, directory: Path, location: Locate) -> Server:
    entry = file.servers[name]
    config = entry.ssh.config
    return Server(
        name=name,
        address=entry.address,
        ssh=Ssh(
            user=entry.ssh.user,
            port=entry.ssh.port,
            config=tidy(directory / config.expanduser()) if config else None,
        ),
        role=entry.role,
        cpus=entry.cpus,
        speed=entry.speed,
        memory=entry.memory,
        disks=tuple(Disk(**disk.model_dump()) for disk in entry.disks),
        labels=dict(entry.labels),
        zone=entry.zone,
        power=entry.power,
        uptime_days=entry.uptime_days,
        reliability=entry.reliability,
        reserved=tuple(Reserved(**item.model_dump()) for item in entry.reserved),
        location=location("servers", name),
    )


def _stack(file: FleetFile, name: str, directory: Path, location: Locate) -> Stack:
    entry = file.stacks[name]
    return Stack(
        name=name,
        files=tuple(tidy(directory / item) for item in entry.files),
        env_files=tuple(tidy(directory / item) for item in entry.env_files),
        profiles=entry.profiles,
        engine=entry.engine,
        server=entry.server,
        workload_class=entry.workload_class,
        location=location("stacks", name),
    )


def _policy(file: FleetFile) -> Policy:
    policy = file.policy
    return Policy(
        survive=policy.survive,
        recovery_target=policy.recovery_target,
        headroom_memory=policy.headroom.memory,
        headroom_cpu=policy.headroom.cpu,
        isolation=tuple(
            Isolation(spiky=item.spiky, away_from=item.away_from) for item in policy.isolation
        ),
        production_classes=policy.production_classes,
    )


def _measure(file: FleetFile, directory: Path) -> Measure:
    entry = file.measure.prometheus
    prometheus = None
    if entry is not None:
        given = entry.model_dump(exclude={"authorization"})
        source = _source(entry.authorization, directory) if entry.authorization else None
        prometheus = Prometheus(**given, authorization=source)
    return Measure(window=file.measure.window, prometheus=prometheus)


def _source(entry: SourceEntry, directory: Path) -> SecretSource:
    # Absolute: who reads it may start from another directory than where this was read.
    file = tidy(directory.absolute() / entry.file.expanduser()) if entry.file else None
    return SecretSource(file=file, environment=entry.environment, command=entry.command)
