"""The desired fleet: what people wrote, resolved once and frozen.

Units everywhere: memory and disk in bytes, CPU in threads (a load of 1.5 keeps
one and a half threads of a speed-1.0 processor busy), network in bytes per
second, times in seconds. Nothing here does I/O.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from quorate.fleet.backup import Backup
from quorate.fleet.base import Location as Location
from quorate.fleet.base import Model as Model
from quorate.fleet.base import SecretSource as SecretSource


class Role(StrEnum):
    MANAGER = "manager"
    WORKER = "worker"


class Engine(StrEnum):
    SWARM = "swarm"
    COMPOSE = "compose"


class State(StrEnum):
    """What a service keeps: decides whether it may move and how it is backed up."""

    NONE = "none"
    CACHE = "cache"
    VOLUME = "volume"
    POSTGRES = "postgres"
    MARIADB = "mariadb"
    REDIS = "redis"
    GITLAB = "gitlab"

    @property
    def keeps_data(self) -> bool:
        return self not in (State.NONE, State.CACHE)


class Mode(StrEnum):
    REPLICATED = "replicated"
    GLOBAL = "global"
    REPLICATED_JOB = "replicated-job"
    GLOBAL_JOB = "global-job"


class Ssh(Model):
    """How a server answers ssh; None leaves it to the person's own ssh configuration."""

    user: str | None = None
    port: int | None = None
    config: Path | None = None


class Disk(Model):
    """A disk of a server. `kind` is nvme, ssd or hdd."""

    name: str
    size: int
    kind: str = "ssd"
    mount: str = "/"


class Reserved(Model):
    """Something that runs on a server outside Swarm and takes its share (an NFS server, Bacula)."""

    name: str
    memory: int = 0
    cpus: float = 0.0
    disk: int = 0


class Server(Model):
    """A machine of the fleet; `name` is its host name, as Swarm sees it.

    `cpus` counts threads; `speed` is one thread's speed relative to 1.0;
    `uptime_days` and `reliability` (0 to 1, share of the time it is up) say how
    stable it has been; None means unknown.
    """

    name: str
    address: str
    ssh: Ssh = Ssh()
    role: Role = Role.WORKER
    cpus: float
    speed: float = 1.0
    memory: int
    disks: tuple[Disk, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    zone: str | None = None
    power: str | None = None
    uptime_days: float | None = None
    reliability: float | None = None
    reserved: tuple[Reserved, ...] = ()
    location: Location = Location(file="")

    @property
    def reserved_memory(self) -> int:
        return sum(item.memory for item in self.reserved)

    @property
    def reserved_cpus(self) -> float:
        return sum(item.cpus for item in self.reserved)

    @property
    def disk(self) -> int:
        return sum(item.size for item in self.disks)


class Isolation(Model):
    """Keep spiky services of class `spiky` away from services of class `away_from`."""

    spiky: str
    away_from: str


class Policy(Model):
    """What the fleet must withstand.

    `survive`: number of server losses after which all that may move still fits.
    `recovery_target`: seconds until a moved service answers again.
    `headroom_memory`, `headroom_cpu`: share (0 to 1) of each server kept free at baseline.
    """

    survive: int = 1
    recovery_target: float = 60.0
    headroom_memory: float = 0.1
    headroom_cpu: float = 0.0
    isolation: tuple[Isolation, ...] = ()
    production_classes: tuple[str, ...] = ("production", "data")


class SwarmSettings(Model):
    """Swarm-wide settings Quorate keeps in place.

    `heartbeat` is the dispatcher heartbeat in seconds (Swarm's default is 5;
    a lost worker is noticed after about three). `restart_delay`: seconds before a lost or failed
    task is replaced, where the service's compose file names none (Swarm's default is 5).
    """

    heartbeat: float = 5.0
    restart_delay: float = 2.0
    task_history: int = 5
    encrypt_networks: bool = True
    minimum_engine: str = "20.10"

    @property
    def engine(self) -> tuple[int, ...]:
        """The oldest engine there is, as numbers: `(25, 0)`."""
        parts = self.minimum_engine.split(".")[:2]
        return tuple(int(part) for part in parts if part.isdigit())


class Registry(Model):
    """Credentials for an image registry: the password comes from a secret source."""

    host: str
    user: str
    password: SecretSource


class Prometheus(Model):
    """A Prometheus that scrapes cAdvisor on the servers.

    `url` is as this machine sees it, or, with `server`, as that server sees it (it is
    then reached by ssh). `match` are labels that a series must have. The other names
    are those of cAdvisor's labels and metrics.
    """

    url: str
    server: str | None = None
    authorization: SecretSource | None = None
    match: dict[str, str] = Field(default_factory=dict)
    service_label: str = "container_label_com_docker_swarm_service_name"
    project_label: str = "container_label_com_docker_compose_project"
    compose_service_label: str = "container_label_com_docker_compose_service"
    task_label: str = "name"
    server_label: str = "instance"
    memory_metric: str = "container_memory_working_set_bytes"
    cpu_metric: str = "container_cpu_usage_seconds_total"


class Measure(Model):
    """How `quorate measure` finds out what services use. `window` in seconds."""

    window: float | None = None
    prometheus: Prometheus | None = None


class Stack(Model):
    """Compose files that make up one stack.

    `workload_class` is the default class of its services. With engine
    `compose`, the stack runs by docker compose on `server`: it is counted and
    observed, never converted to Swarm.
    """

    name: str
    files: tuple[Path, ...]
    env_files: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()
    engine: Engine = Engine.SWARM
    server: str | None = None
    workload_class: str = "production"
    location: Location = Location(file="")


class Load(Model):
    """What a service uses, per replica: `baseline` in ordinary times, `peak` at worst."""

    memory: int = 0
    memory_peak: int = 0
    cpu: float = 0.0
    cpu_peak: float = 0.0
    network: float = 0.0
    network_peak: float = 0.0
    spiky: bool = False


class VolumeUse(Model):
    """A mount of a service. `kind`: volume, bind, tmpfs, shared or host.

    `shared` is storage reachable from every server (an NFS volume, a cluster
    volume); `host` is a part of the server itself (/proc, the engine's socket).
    `source` is None for anonymous volumes; that of a relative bind starts with
    its stack's directory. `read_only` mounts keep no data. `server`: the host, by name or address,
    that shared storage is on, where the volume says so.
    """

    kind: str
    source: str | None
    target: str
    read_only: bool = False
    server: str = ""

    @property
    def local_data(self) -> bool:
        """Data that stays behind on the server when the service moves."""
        return self.kind in ("volume", "bind") and not self.read_only

    @property
    def spoiled_by_two(self) -> bool:
        """Whether two tasks at once could spoil it; a socket of the host they could not."""
        return (
            self.kind in ("volume", "bind", "shared")
            and not self.read_only
            and not (self.source or "").endswith(".sock")
        )


class Port(Model):
    """A published port; `published` 0 lets the engine choose; `mode` is ingress or host."""

    target: int
    published: int
    protocol: str = "tcp"
    mode: str = "ingress"


class Service(Model):
    """One service of a stack, resolved.

    `id` is how people name it: the compose name where that is unique in the
    fleet, else `stack/name`. `swarm_name` is `stack_name`. `raw` is the
    service's mapping as written (after interpolation, `extends` and merging),
    every key kept; `x` is its `x-quorate` mapping. `pins` are the servers its
    owner allows (empty: no pin). `assumed` lists what was assumed because the
    files do not say, in words. `environment` is what the containers get: `env_file`
    and over it `environment`, names without a value taken from the caller's.
    """

    id: str
    name: str
    stack: str
    engine: Engine = Engine.SWARM
    image: str
    mode: Mode = Mode.REPLICATED
    replicas: int = 1
    max_replicas_per_node: int = 0
    workload_class: str = "production"
    state: State = State.NONE
    load: Load = Load()
    reservation_memory: int = 0
    reservation_cpus: float = 0.0
    limit_memory: int = 0
    limit_cpus: float = 0.0
    volumes: tuple[VolumeUse, ...] = ()
    data_size: int = 0
    ports: tuple[Port, ...] = ()
    networks: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    group: str | None = None
    pins: tuple[str, ...] = ()
    recovery_target: float | None = None
    switchover: str = ""
    has_healthcheck: bool = False
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    raw: dict[str, Any] = Field(default_factory=dict)
    x: dict[str, Any] = Field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    location: Location = Location(file="")

    @property
    def swarm_name(self) -> str:
        return f"{self.stack}_{self.name}"

    @property
    def movable(self) -> bool:
        """Whether it can start elsewhere without its data staying behind."""
        return not (self.state.keeps_data and any(v.local_data for v in self.volumes))


class StackFiles(Model):
    """A stack's compose files, merged: top-level sections as written, every key kept.

    `networks`, `volumes`, `secrets`, `configs` map the short name to its mapping.
    `directory` is where relative paths start; `version` what they say of their form, if anything.
    """

    stack: str
    directory: Path
    version: str = ""
    networks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = Field(default_factory=dict)
    extensions: dict[str, Any] = Field(default_factory=dict)


class Fleet(Model):
    """Everything the fleet file and its compose files say.

    `digest` is a SHA-256 over all that was read: a plan records it, and a
    deployment refuses a plan made from another one. `read` are the files that were read,
    `variables` those that had a part in it.
    """

    name: str
    path: Path
    servers: tuple[Server, ...]
    stacks: tuple[Stack, ...]
    services: tuple[Service, ...]
    files: tuple[StackFiles, ...]
    policy: Policy = Policy()
    swarm: SwarmSettings = SwarmSettings()
    secrets: dict[str, SecretSource] = Field(default_factory=dict)
    registries: tuple[Registry, ...] = ()
    measure: Measure = Measure()
    backup: Backup = Backup()
    drills: dict[str, Any] = Field(default_factory=dict)
    digest: str = ""
    read: tuple[Path, ...] = ()
    variables: tuple[str, ...] = ()

    def server(self, name: str) -> Server:
        """The server of that name; KeyError when there is none."""
        for server in self.servers:
            if server.name == name:
                return server
        raise KeyError(name)

    def service(self, name: str) -> Service:
        """The service with that id, `stack/name` or swarm name; KeyError when there is none."""
        for service in self.services:
            if name in (service.id, f"{service.stack}/{service.name}", service.swarm_name):
                return service
        raise KeyError(name)

    @property
    def managers(self) -> tuple[Server, ...]:
        return tuple(server for server in self.servers if server.role is Role.MANAGER)

    def swarm_services(self) -> tuple[Service, ...]:
        """The services Swarm runs (engine `compose` left out)."""
        return tuple(service for service in self.services if service.engine is Engine.SWARM)
