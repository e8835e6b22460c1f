"""What a fleet keeps, found from its files: every set of data that has to be backed up.

The words are those of `x-quorate.state`; a service's volumes that its database's own backup
holds are not counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from quorate.fleet.base import Location, Model
from quorate.fleet.eligible import eligible_servers
from quorate.fleet.images import images_on
from quorate.fleet.model import (
    Engine,
    Fleet,
    Mode,
    Server,
    Service,
    StackFiles,
    State,
    VolumeUse,
)

Homes = Mapping[str, Sequence[str]]
"""Service → the servers its tasks are on; those not in it may be on any that is eligible."""

DATABASES = (State.POSTGRES, State.MARIADB, State.REDIS, State.GITLAB)
BY_NETWORK = (State.POSTGRES, State.MARIADB, State.REDIS)
"""Databases that a job speaks to from a network of their service."""
DATA_DIRECTORIES = {
    State.POSTGRES: ("/var/lib/postgresql", "/var/lib/pgsql", "/bitnami/postgresql"),
    State.MARIADB: ("/var/lib/mysql", "/bitnami/mariadb", "/bitnami/mysql"),
    State.REDIS: ("/data", "/bitnami/redis", "/var/lib/redis", "/var/lib/valkey"),
    State.GITLAB: ("/etc/gitlab", "/var/opt/gitlab", "/var/log/gitlab"),
}
"""Where the images keep what the database's own backup holds."""

BUNDLE = "bundle"
"""The recovery bundle, as a source: what no server has, and bare servers need."""


class DataSet(Model):
    """A set of data that is backed up as one.

    `id` is `quorate.backup.model.Source`'s. `servers`: those it may lie on; empty: on none of
    the fleet alone. `services` use it, `volumes` are the engine's names, or paths on the server.
    `size` in bytes, 0 when nobody says; `location`: where a service was written.
    """

    id: str
    kind: str
    services: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    group: str | None = None
    size: int = 0
    location: Location = Location(file="")


@dataclass
class _Volume:
    """A volume while its users are gathered."""

    use: VolumeUse
    users: list[Service] = field(default_factory=list)
    share: int = 0


def data_sets(fleet: Fleet, homes: Homes | None = None) -> tuple[DataSet, ...]:
    """Every set of data of the fleet: databases, volumes, its own files, Swarm, its servers, and
    the images of those that may run what no registry has."""
    where = homes or {}
    found = [*_databases(fleet, where), *_volumes(fleet, where)]
    if fleet.services:
        found.append(DataSet(id="configs", kind="configs"))
    if fleet.backup.bundle is not None:
        # Encrypted where the values are; kept as the configs are.
        found.append(DataSet(id=BUNDLE, kind="configs"))
    if fleet.swarm_services():
        # On every manager alike: no single loss takes it, so it lies on none of them alone.
        found.append(DataSet(id="swarm", kind="swarm"))
    found += [_of_server("system", one) for one in fleet.servers]
    found += [_of_server("images", one) for one in fleet.servers if images_on(fleet, one)]
    return tuple(found)


def _of_server(kind: str, server: Server) -> DataSet:
    return DataSet(
        id=f"{kind}/{server.name}", kind=kind, servers=(server.name,), location=server.location
    )


def out_of_reach(fleet: Fleet, one: DataSet) -> str:
    """Why no job can back a database up, or restore into it; empty where one can.

    A job is a service of the swarm, and joins overlay networks. A GitLab is reached through its
    server's engine instead, and volumes are mounted.
    """
    if one.kind not in BY_NETWORK:
        return ""
    stacks = {
        service.stack
        for name in one.services
        if (service := fleet.service(name)).engine is Engine.COMPOSE
    }
    if not stacks:
        return ""
    return (
        f"its stack {', '.join(sorted(stacks))} runs by compose, in a network of its server alone, "
        "which no job can join"
    )


def volume_name(files: StackFiles, short: str) -> str:
    """What the engine calls a volume of a stack."""
    spec = files.volumes.get(short) or {}
    external = spec.get("external")
    name = spec.get("name") or (external.get("name") if isinstance(external, Mapping) else None)
    if name:
        return str(name)
    return short if external else f"{files.stack}_{short}"


def mounted(use: VolumeUse, files: StackFiles) -> str | None:
    """The name, or the path on the server, of what is mounted; None: it has none."""
    if use.source is None or use.kind == "bind":
        return use.source
    return volume_name(files, use.source)


def served(fleet: Fleet) -> frozenset[str]:
    """What the engine calls the volumes that others serve: no server that mounts them has them."""
    files = files_of(fleet)
    named = (
        mounted(use, files[service.stack])
        for service in fleet.services
        for use in service.volumes
        if use.kind == "shared"
    )
    return frozenset(name for name in named if name)


def files_of(fleet: Fleet) -> dict[str, StackFiles]:
    """Each stack's files; without definitions where none were read."""
    bare = {s.stack: StackFiles(stack=s.stack, directory=Path()) for s in fleet.services}
    return bare | {one.stack: one for one in fleet.files}


def keeps(use: VolumeUse) -> bool:
    """Whether data is kept there."""
    return use.spoiled_by_two


def in_database(service: Service, use: VolumeUse) -> bool:
    """Whether the backup of the service's database holds what lies there."""
    if service.state not in DATABASES:
        return False
    mine = [one for one in service.volumes if keeps(one)]
    if len(mine) == 1:
        return True  # wherever it is mounted, it is the database's
    directories = (*DATA_DIRECTORIES[service.state], service.environment.get("PGDATA", ""))
    return any(_within(use.target, directory) for directory in directories if directory)


def _within(target: str, directory: str) -> bool:
    one, other = PurePosixPath(target), PurePosixPath(directory)
    return one == other or other in one.parents or one in other.parents


def _databases(fleet: Fleet, homes: Homes) -> Iterator[DataSet]:
    files = files_of(fleet)
    for service in fleet.services:
        if service.state not in DATABASES:
            continue
        volumes = [
            name
            for use in service.volumes
            if keeps(use) and in_database(service, use)
            and (name := mounted(use, files[service.stack]))
        ]  # fmt: skip
        whole = DataSet(
            id=service.id,
            kind=service.state.value,
            services=(service.id,),
            servers=_servers(service, fleet.servers, homes),
            volumes=tuple(dict.fromkeys(volumes)),
            group=service.group,
            size=service.data_size,
            location=service.location,
        )
        yield from _each(whole, [service])


def _volumes(fleet: Fleet, homes: Homes) -> Iterator[DataSet]:
    files = files_of(fleet)
    gathered: dict[str, _Volume] = {}
    for service in fleet.services:
        mine = _own(service)
        for use in mine:
            name = mounted(use, files[service.stack])
            if name is None:
                continue
            volume = gathered.setdefault(name, _Volume(use))
            volume.users.append(service)
            volume.share = max(volume.share, service.data_size // len(mine))
    for name, volume in gathered.items():
        whole = DataSet(
            id=f"bind{name}" if volume.use.kind == "bind" else f"volume/{name}",
            kind="volume",
            services=tuple(dict.fromkeys(service.id for service in volume.users)),
            servers=_of_volume(volume, fleet.servers, homes),
            volumes=(name,),
            group=next((s.group for s in volume.users if s.group), None),
            size=volume.share,
            location=volume.users[0].location,
        )
        yield from [whole] if volume.use.kind == "shared" else _each(whole, volume.users)


def _own(service: Service) -> list[VolumeUse]:
    """The volumes of a service that have to be backed up by themselves."""
    if not service.state.keeps_data:
        return []
    return [use for use in service.volumes if keeps(use) and not in_database(service, use)]


def _of_volume(volume: _Volume, servers: Sequence[Server], homes: Homes) -> tuple[str, ...]:
    if volume.use.kind == "shared":
        host = volume.use.server.lower()
        known = [s.name for s in servers if host and host in (s.name.lower(), s.address.lower())]
        if known:
            return tuple(known)
    found = [name for user in volume.users for name in _servers(user, servers, homes)]
    return tuple(dict.fromkeys(found))


def _servers(service: Service, servers: Iterable[Server], homes: Homes) -> tuple[str, ...]:
    if service.id in homes:
        return tuple(dict.fromkeys(homes[service.id]))
    return tuple(server.name for server in eligible_servers(service, servers))


def _each(whole: DataSet, users: Sequence[Service]) -> Iterator[DataSet]:
    """The set; where several tasks keep their own, one for each server."""
    several = any(s.mode in (Mode.GLOBAL, Mode.GLOBAL_JOB) or s.replicas > 1 for s in users)
    if not several:
        yield whole
        return
    for server in whole.servers:
        yield whole.model_copy(update={"id": f"{whole.id}@{server}", "servers": (server,)})


def ids_named(sets: Iterable[DataSet]) -> dict[str, tuple[str, ...]]:
    """Each name that may be written for sets of data → their ids.

    An id; the id without its server, of all; and a service's name, of its database or volumes.
    """
    found: dict[str, list[str]] = {}
    for one in sets:
        names = {one.id, one.id.partition("@")[0], *one.services} if one.services else {one.id}
        for name in names:
            found.setdefault(name, []).append(one.id)
    exact = {one for ids in found.values() for one in ids}
    return {name: (name,) if name in exact else tuple(ids) for name, ids in found.items()}
