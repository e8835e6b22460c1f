"""The fleet file and `x-quorate` as people write them, validated strictly.

JSON Schemas for editors are generated from these models; descriptions and
defaults live here only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from quorate.fleet.backup_file import BackupEntry
from quorate.fleet.entries import (
    Cpus,
    Duration,
    Rate,
    Share,
    Size,
    SourceEntry,
    Strict,
    Text,
    Words,
    http_url,
)
from quorate.fleet.model import Engine, Policy, Prometheus, Role, State, SwarmSettings


class SshEntry(Strict):
    """How the server answers ssh; what is not given is left to your own ssh configuration."""

    user: Text | None = Field(None, description="The user to log in as.")
    port: int | None = Field(None, ge=1, le=65535, description="The port sshd listens on.")
    config: Path | None = Field(None, description="An ssh_config file to use for this server.")


class DiskEntry(Strict):
    """A disk of the server."""

    name: Text = Field(description="A name for it: `system`, `data`.")
    size: Size = Field(description="Its size: `512G`.")
    kind: Literal["nvme", "ssd", "hdd"] = Field("ssd", description="What it is.")
    mount: str = Field("/", description="Where it is mounted.")


class ReservedEntry(Strict):
    """Something that runs on the server outside Swarm."""

    name: Text = Field(description="What it is: `NFS server`.")
    memory: Size = Field(0, description="Memory it keeps.")
    cpus: Cpus = Field(0.0, description="CPU threads it keeps.")
    disk: Size = Field(0, description="Disk it keeps.")


class ServerEntry(Strict):
    """A machine; its key in `servers:` is its host name, as `hostname` prints it."""

    address: Text = Field(min_length=1, description="IP address or name the others reach it by.")
    ssh: SshEntry = Field(default_factory=SshEntry, description="How it answers ssh.")
    role: Role = Field(Role.WORKER, description="Have three managers; the rest are workers.")
    cpus: Cpus = Field(gt=0, description="CPU threads, as `nproc` prints them.")
    speed: float = Field(1.0, gt=0, description="Speed of one thread; 1.0 is the reference.")
    memory: Size = Field(gt=0, description="Memory, as `free -h` shows it: `31GiB`.")
    disks: tuple[DiskEntry, ...] = Field((), description="Its disks.")
    labels: dict[str, Text] = Field(default_factory=dict, description="Swarm node labels.")
    zone: Text | None = Field(None, description="Room or site; replicas spread over zones.")
    power: Text | None = Field(None, description="Power circuit it hangs on.")
    uptime_days: float | None = Field(None, ge=0, description="Days it has been up.")
    reliability: Share | None = Field(None, description="Share of the time it is up: 0.999.")
    reserved: tuple[ReservedEntry, ...] = Field((), description="What runs outside Swarm.")


class StackEntry(Strict):
    """Compose files that belong together; its key in `stacks:` is the stack's name."""

    files: Words = Field(min_length=1, description="Compose files, later ones merged over earlier.")
    env_files: Words = Field((), description="Environment files, over the directory's .env.")
    profiles: Words = Field((), description="Compose profiles to enable; `*` is all.")
    engine: Engine = Field(
        Engine.SWARM,
        description="`compose` for a stack that Swarm cannot run: it stays on one server.",
    )
    server: Text | None = Field(None, description="The server of an `engine: compose` stack.")
    workload_class: Text = Field(
        "production", alias="class", description="The class of its services, unless they say."
    )


class HeadroomEntry(Strict):
    """Share of each server kept free in ordinary times."""

    memory: Share = Field(Policy().headroom_memory, description="Share of memory kept free.")
    cpu: Share = Field(Policy().headroom_cpu, description="Share of CPU kept free.")


class IsolationEntry(Strict):
    """Keep the spiky services of one class away from another class."""

    spiky: Text = Field(description="The class with spiky services: `ci`.")
    away_from: Text = Field(description="The class to keep them away from: `production`.")


class PolicyEntry(Strict):
    """What the fleet must withstand."""

    survive: int = Field(
        Policy().survive,
        ge=0,
        description="Server losses after which all that may move still fits.",
    )
    recovery_target: Duration = Field(
        Policy().recovery_target, gt=0, description="Time until a moved service answers again."
    )
    headroom: HeadroomEntry = Field(
        default_factory=HeadroomEntry, description="What to keep free on each server."
    )
    isolation: tuple[IsolationEntry, ...] = Field((), description="Classes kept apart.")
    production_classes: Words = Field(
        Policy().production_classes, description="Classes that count as production."
    )


class SwarmEntry(Strict):
    """Swarm-wide settings that Quorate keeps in place."""

    heartbeat: Duration = Field(
        SwarmSettings().heartbeat,
        ge=1,
        description="Dispatcher heartbeat; a lost server is noticed after about three.",
    )
    restart_delay: Duration = Field(
        SwarmSettings().restart_delay,
        ge=0,
        description="Wait before a task is replaced, where the compose file names none; Swarm's "
        "own is 5 s.",
    )
    task_history: int = Field(
        SwarmSettings().task_history, ge=0, description="Old tasks kept for each slot."
    )
    encrypt_networks: bool = Field(
        SwarmSettings().encrypt_networks, description="Encrypt traffic between the servers."
    )
    minimum_engine: Text = Field(
        SwarmSettings().minimum_engine, description="The oldest Docker engine to accept."
    )


class RegistryEntry(Strict):
    """Credentials for an image registry; its key in `registries:` is its host."""

    user: Text = Field(description="The user to log in as.")
    password: SourceEntry = Field(description="Where the password or token comes from.")


Name = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
"""Of a label or a metric in Prometheus."""


class PrometheusEntry(Strict):
    """A Prometheus that scrapes cAdvisor on the servers; the names are cAdvisor's own."""

    url: Annotated[str, BeforeValidator(http_url)] = Field(
        description="Where it answers: `http://HOST:PORT`."
    )
    server: Text | None = Field(
        None,
        description="The server it is reached through, by ssh; `url` is then as that server "
        "sees it: `http://127.0.0.1:9090`.",
    )
    authorization: SourceEntry | None = Field(
        None, description="Where the value of the Authorization header comes from: `Bearer …`."
    )
    match: dict[Name, Text] = Field(
        default_factory=dict, description="Labels that a series must have: `{job: cadvisor}`."
    )
    service_label: Name = Field(
        Prometheus.model_fields["service_label"].default,
        description="Label with the Swarm service's name.",
    )
    project_label: Name = Field(
        Prometheus.model_fields["project_label"].default,
        description="Label with docker compose's project.",
    )
    compose_service_label: Name = Field(
        Prometheus.model_fields["compose_service_label"].default,
        description="Label with docker compose's service.",
    )
    task_label: Name = Field(
        Prometheus.model_fields["task_label"].default,
        description="Label that tells the containers of a service apart.",
    )
    server_label: Name = Field(
        Prometheus.model_fields["server_label"].default,
        description="Label with the server's name or address, with or without a port.",
    )
    memory_metric: Name = Field(
        Prometheus.model_fields["memory_metric"].default, description="Memory in use, bytes."
    )
    cpu_metric: Name = Field(
        Prometheus.model_fields["cpu_metric"].default, description="CPU seconds used, a counter."
    )


class MeasureEntry(Strict):
    """How `quorate measure` finds out what services use."""

    window: Duration | None = Field(
        None, gt=0, description="How far to look back in Prometheus; `7d` when not given."
    )
    prometheus: PrometheusEntry | None = Field(
        None, description="Prometheus; without one, the engines are asked."
    )


class FleetFile(Strict):
    """A Quorate fleet file."""

    version: Literal[1] = Field(description="The format of this file.")
    name: Text = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="A name for the fleet: `office`."
    )
    servers: dict[str, ServerEntry] = Field(description="The machines, by host name.")
    stacks: dict[str, StackEntry] = Field(
        default_factory=dict, description="Stacks of compose files, by name."
    )
    policy: PolicyEntry = Field(
        default_factory=PolicyEntry, description="What the fleet must withstand."
    )
    swarm: SwarmEntry = Field(default_factory=SwarmEntry, description="Swarm-wide settings.")
    secrets: dict[str, SourceEntry] = Field(
        default_factory=dict, description="Where the values of secrets come from, by name."
    )
    registries: dict[str, RegistryEntry] = Field(
        default_factory=dict, description="Credentials for image registries, by host."
    )
    measure: MeasureEntry = Field(
        default_factory=MeasureEntry, description="How to find out what services use."
    )
    backup: BackupEntry = Field(
        default_factory=BackupEntry, description="What is backed up, when, where to."
    )
    drills: dict[str, Any] = Field(default_factory=dict, description="Reserved for drills.")


class LoadEntry(Strict):
    """What one replica uses: in ordinary times, and at its peak."""

    memory: Size | None = Field(None, description="Memory in ordinary times.")
    memory_peak: Size | None = Field(None, description="Memory at its peak.")
    cpu: Cpus | None = Field(None, description="CPU threads kept busy in ordinary times.")
    cpu_peak: Cpus | None = Field(None, description="CPU threads at its peak.")
    network: Rate | None = Field(None, description="Network traffic, bytes per second.")
    network_peak: Rate | None = Field(None, description="Network traffic at its peak.")
    spiky: bool | None = Field(None, description="Whether its load comes in bursts (builds).")


class XFile(Strict):
    """Top-level `x-quorate:` of a compose file: defaults for the services in it."""

    workload_class: Text | None = Field(None, alias="class", description="Workload class.")
    load: LoadEntry | None = Field(None, description="What one replica uses.")


class XService(XFile):
    """`x-quorate:` of a compose service: what Quorate needs beyond compose."""

    state: State | None = Field(
        None, description="What it keeps; guessed from image and volumes when absent."
    )
    near: Words = Field((), description="Services to share a server with.")
    apart: Words = Field((), description="Services never to share a server with.")
    needs: Words = Field((), description="Services it cannot answer without.")
    group: Text | None = Field(
        None, description="What is backed up and restored together carries the same group."
    )
    data_size: Size | None = Field(None, description="Size of its data.")
    recovery_target: Duration | None = Field(
        None, gt=0, description="Time until it answers again, over the policy's."
    )
    pin: Words = Field((), description="The server, or the servers, it may run on.")
    switchover: Text | None = Field(
        None,
        description="Shell command in its task that hands over to a replica elsewhere what it "
        "leads: run before `quorate drain` stops it.",
    )
