"""A plan becomes stack files: pure, deterministic, nothing secret in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from quorate.errors import CheckError, StalePlanError
from quorate.fleet.model import Engine, Fleet, SecretSource, Service, StackFiles
from quorate.plan.model import Placement, Plan
from quorate.stacks import pools, shapes
from quorate.stacks.deployment import Setting, deployment
from quorate.stacks.model import ConfigSource, Rendered, RenderedStack
from quorate.stacks.mounts import volume_definition
from quorate.stacks.networks import PREDEFINED, attachments, definitions, shared_names
from quorate.stacks.secrets import configs_section, secrets_section, source_of
from quorate.stacks.service import container

BASE_VERSION = "3.8"
PIDS_VERSION = "3.9"
START_INTERVAL_VERSION = "3.12"


def render(fleet: Fleet, plan: Plan) -> Rendered:
    """The stack files of a plan, and what must exist before they are deployed.

    Raises:
        StalePlanError: the plan lacks a service of the fleet.
        CheckError: a duration, size or number of a service is none.
    """
    placements = {service.id: _placement(service, plan) for service in fleet.swarm_services()}
    everyone = [server.name for server in fleet.servers]
    shared = shared_names(fleet)
    stacks: list[RenderedStack] = []
    networks: dict[str, dict[str, Any]] = {}
    secrets: dict[str, SecretSource] = {}
    configs: dict[str, ConfigSource] = {}
    for stack in fleet.stacks:
        if stack.engine is not Engine.SWARM:
            continue
        builder = _Builder(fleet, plan, stack.name, placements)
        rendered, common = builder.build(shared)
        stacks.append(rendered)
        networks |= common
        secrets |= builder.secrets
        configs |= builder.configs
    stacks = [_with_namesakes(stack, stacks) for stack in stacks]
    return Rendered(
        fleet=fleet.name,
        stacks=tuple(stacks),
        labels=_labels(fleet, placements),
        networks=dict(sorted(networks.items())),
        secrets=dict(sorted(secrets.items())),
        configs=dict(sorted(configs.items())),
        pool_constraints={
            name: pools.constraint_for(placement.pool, everyone)
            for name, placement in placements.items()
        },
        home_constraints={
            name: pools.constraint_for(placement.homes, everyone)
            for name, placement in placements.items()
        },
    )


def with_constraints(stack: RenderedStack, constraints: Mapping[str, str | None]) -> dict[str, Any]:
    """A copy of the stack's document with other Quorate constraints on some services.

    Args:
        constraints: compose name → the constraint to carry in place of the
            pool's; None takes it away. Services not named keep theirs.
    """
    document = deepcopy(stack.document)
    for name, wanted in constraints.items():
        deploy = document["services"][name].setdefault("deploy", {})
        placement = deploy.setdefault("placement", {})
        placement["constraints"] = pools.replace_ours(placement.get("constraints") or [], wanted)
        if not placement["constraints"]:
            del placement["constraints"]
    return document


def _placement(service: Service, plan: Plan) -> Placement:
    placement = plan.services.get(service.id)
    if placement is None:
        raise StalePlanError(
            f"the plan says nothing of the service {service.id}",
            cause="the compose files changed after the plan was made",
            todo="run `quorate plan` again",
        )
    return placement


def _labels(fleet: Fleet, placements: Mapping[str, Placement]) -> dict[str, dict[str, str]]:
    everyone = [server.name for server in fleet.servers]
    labels = {
        server.name: {
            **server.labels,
            **({pools.ZONE_LABEL: server.zone} if server.zone else {}),
        }
        for server in fleet.servers
    }
    for placement in placements.values():
        for servers in (placement.pool, placement.homes):
            if pools.needs_label(servers, everyone):
                for name in servers:
                    labels[name][pools.pool_label(servers)] = "yes"
    return {name: dict(sorted(own.items())) for name, own in sorted(labels.items())}


class _Builder:
    """Collects one stack's document and its warnings."""

    def __init__(
        self, fleet: Fleet, plan: Plan, stack: str, placements: Mapping[str, Placement]
    ) -> None:
        self.fleet = fleet
        self.plan = plan
        self.stack = stack
        self.placements = placements
        self.services = [item for item in fleet.swarm_services() if item.stack == stack]
        files = next(files for files in fleet.files if files.stack == stack)
        # Whoever uses what is rendered need not stand where the fleet was read.
        self.files = files.model_copy(update={"directory": files.directory.absolute()})
        self.engine = version(fleet.swarm.minimum_engine)
        self.warnings: list[str] = []
        self.secrets: dict[str, SecretSource] = {}
        self.configs: dict[str, ConfigSource] = {}

    def build(self, shared: frozenset[str]) -> tuple[RenderedStack, dict[str, dict[str, Any]]]:
        """The stack, and the shared networks it uses with their driver options."""
        bodies = self._bodies()
        used = [name for item in self.services for name in attachments(item.raw, []).used]
        notes: list[str] = []
        networks, common = definitions(
            used, self.files, shared, self.fleet.swarm.encrypt_networks, notes
        )
        self.warnings += [f"{self.stack}: {note}" for note in notes]
        secrets = secrets_section(_used(bodies, "secrets"), self.files, self.fleet.secrets)
        configs = configs_section(_used(bodies, "configs"), self.files)
        self.secrets, self.configs = secrets.sources, configs.sources
        document: dict[str, Any] = {
            "version": _file_version(bodies),
            "services": shapes.escape(bodies),
            "networks": shapes.escape(networks),
            "volumes": shapes.escape(_volumes(bodies, self.files)),
            "secrets": secrets.section,
            "configs": configs.section,
        }
        stack = RenderedStack(
            name=self.stack,
            document={key: value for key, value in document.items() if value},
            secrets=secrets.plain,
            configs=configs.plain,
            warnings=tuple(self.warnings),
        )
        return stack, common

    def _bodies(self) -> dict[str, dict[str, Any]]:
        bodies: dict[str, dict[str, Any]] = {}
        problems = []
        for service in self.services:
            try:
                bodies[service.name] = self._service(service)
            except ValueError as error:
                problems.append(f"{service.location}: {service.id}: {error}")
        if problems:
            raise CheckError("some values cannot be written into stack files", problems=problems)
        return bodies

    def _service(self, service: Service) -> dict[str, Any]:
        notes: list[str] = []
        body = container(service, self.files.directory, self.engine, notes)
        placement = self.placements[service.id]
        servers = self.fleet.servers
        zones = {server.zone for server in servers if server.name in placement.pool}
        setting = Setting(
            fleet=self.fleet.name,
            engine=self.engine,
            restart_delay=self.fleet.swarm.restart_delay,
            placement=placement,
            constraint=pools.constraint_for(placement.pool, [server.name for server in servers]),
            fastest=max((server.speed for server in servers), default=1.0),
            uses=self.plan.servers,
            zoned=None not in zones and len(zones) > 1,
        )
        body["deploy"] = deployment(service, body, setting, notes)
        self.warnings += [f"{service.id}: {note}" for note in notes]
        return body


def version(text: str) -> tuple[int, ...]:
    """`20.10` as (20, 10); what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in re.split(r"[.+-]", text)[:2])


def _file_version(bodies: Mapping[str, Mapping[str, Any]]) -> str:
    """The oldest version of the stack file that knows every key in use."""
    if any("start_interval" in body.get("healthcheck", {}) for body in bodies.values()):
        return START_INTERVAL_VERSION
    if any(
        "pids" in body["deploy"].get("resources", {}).get("limits", {}) for body in bodies.values()
    ):
        return PIDS_VERSION
    return BASE_VERSION


def _used(bodies: Mapping[str, Mapping[str, Any]], section: str) -> list[str]:
    return [source_of(item) for body in bodies.values() for item in body.get(section, [])]


def _volumes(
    bodies: Mapping[str, Mapping[str, Any]], files: StackFiles
) -> dict[str, dict[str, Any]]:
    used = {
        mount["source"]
        for body in bodies.values()
        for mount in body.get("volumes", [])
        if mount["type"] == "volume" and mount.get("source")
    }
    return {name: volume_definition(files.volumes.get(name)) for name in sorted(used)}


def _with_namesakes(stack: RenderedStack, stacks: list[RenderedStack]) -> RenderedStack:
    """Warn where two stacks give one name on a shared network: Docker answers with either."""
    mine = _shared_members(stack)
    notes = [
        f"{stack.name}: {name} is also a service of {other.name} on the shared network "
        f"{network}: the name finds either of them; rename one or keep one off that network"
        for other in stacks
        if other.name != stack.name
        for network, name in sorted(mine & _shared_members(other))
    ]
    return stack.model_copy(update={"warnings": (*stack.warnings, *notes)}) if notes else stack


def _shared_members(stack: RenderedStack) -> set[tuple[str, str]]:
    networks = stack.document.get("networks", {})
    return {
        (networks[key]["name"], name)
        for name, body in stack.document["services"].items()
        for key in body["networks"]
        if networks[key].get("external") and networks[key]["name"] not in PREDEFINED
    }
