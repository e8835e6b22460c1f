"""Which stacks run on live engines, and what their services are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.fleet.imports.container_service import container_service
from quorate.fleet.imports.engines import needs_compose
from quorate.fleet.imports.grouping import clean_name
from quorate.fleet.imports.guesses import Measured
from quorate.fleet.imports.inventory import (
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    STACK_NAMESPACE,
    SWARM_SERVICE,
    Host,
    Inventory,
    Raw,
    listed,
    mapping,
    text,
    texts,
    words,
)
from quorate.fleet.imports.model import Note
from quorate.fleet.imports.scrub import Scrubber
from quorate.fleet.imports.sections import Sections
from quorate.fleet.imports.swarm_service import POOL, Place, image_of, service_name, swarm_service

CLASS_LABEL = "quorate.class"
RUNS = ("running", "restarting", "paused")


@dataclass(kw_only=True)
class LiveService:
    """A service as it runs: its compose mapping, the servers it is on, what it used there."""

    body: dict[str, Any]
    servers: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()
    measured: Measured | None = None
    data_size: int = 0
    digest: str = ""
    workload_class: str = ""


@dataclass(kw_only=True)
class LiveStack:
    """A stack as it runs; `server` is where a compose project is, None for Swarm's."""

    name: str
    sections: Sections
    server: str | None = None
    services: dict[str, LiveService] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)

    @property
    def compose(self) -> bool:
        """Whether it has to stay with docker compose."""
        return bool(self.reasons)


class Builder:
    """Builds the stacks of an inventory; what is left out goes to `notes`."""

    def __init__(self, inventory: Inventory, scrub: Scrubber, notes: list[Note]) -> None:
        self.inventory = inventory
        self.scrub = scrub
        self.notes = notes
        self.stacks: dict[tuple[str, str], LiveStack] = {}
        self._names: set[str] = set()
        self.volumes = {name: raw for host in inventory.hosts for name, raw in host.volumes.items()}

    def build(self) -> list[LiveStack]:
        """Every stack: Swarm's first, then those of each engine's own containers."""
        if self.inventory.swarm is not None:
            self._swarm()
        for host in self.inventory.hosts:
            self._containers(host)
        for stack in self.stacks.values():
            for name, service in stack.services.items():
                reasons = needs_compose(service.body["image"], service.body)
                if reasons and stack.server is not None:
                    stack.reasons[name] = reasons
        return [stack for stack in self.stacks.values() if stack.services]

    def _stack(self, origin: str, where: str) -> LiveStack:
        """The stack of a project; `where` is its server, "" for Swarm."""
        found = self.stacks.get((origin, where))
        if found is None:
            name = clean_name(origin) or "app"
            if name in self._names:
                name = clean_name(f"{origin}-{where}") or name
            unique, count = name, 2
            while unique in self._names:
                unique, count = f"{name}-{count}", count + 1
            self._names.add(unique)
            sections = Sections(stack=unique, origin=origin, scrub=self.scrub)
            found = LiveStack(name=unique, sections=sections, server=where or None)
            self.stacks[origin, where] = found
        return found

    def _swarm(self) -> None:
        swarm = self.inventory.swarm
        assert swarm is not None
        place = Place(
            networks={text(raw, "Id"): raw for raw in swarm.networks}, volumes=self.volumes
        )
        nodes = {text(n, "ID"): text(n, "Description", "Hostname") for n in swarm.nodes}
        where: dict[str, set[str]] = {}
        for task in swarm.tasks:
            if text(task, "Status", "State") == "running":
                where.setdefault(text(task, "ServiceID"), set()).add(
                    nodes.get(text(task, "NodeID"), "")
                )
        for raw in sorted(swarm.services, key=lambda item: text(item, "Spec", "Name")):
            origin, short = service_name(raw)
            if not short or not text(raw, "Spec", "TaskTemplate", "ContainerSpec", "Image"):
                what = "a service without a name or an image; left out"
                self.notes.append(Note(subject=short or text(raw, "ID") or "?", what=what))
                continue
            stack = self._stack(origin, "")
            stack.services[short] = LiveService(
                body=swarm_service(raw, stack.sections, place),
                servers=tuple(sorted(where.get(text(raw, "ID"), set()) - {""})),
                pool=self._pool(raw),
                digest=image_of(raw)[1],
                workload_class=texts(raw, "Spec", "Labels").get(CLASS_LABEL, ""),
                measured=self._used(text(raw, "Spec", "Name")),
            )

    def _pool(self, raw: Raw) -> tuple[str, ...]:
        """The servers a pool of Quorate's allows; empty when there is none, or it is everyone."""
        swarm = self.inventory.swarm
        nodes = swarm.nodes if swarm else ()
        for constraint in words(raw, "Spec", "TaskTemplate", "Placement", "Constraints"):
            match = POOL.match(constraint)
            if match:
                names = {
                    text(node, "Description", "Hostname")
                    for node in nodes
                    if match[1] in mapping(node, "Spec", "Labels")
                }
                return tuple(sorted(names)) if len(names) < len(nodes) else ()
        return ()

    def _used(self, name: str) -> Measured | None:
        """What the busiest replica of a Swarm service used."""
        found = [
            (host.usage[text(raw, "Id")], host)
            for host in self.inventory.hosts
            for raw in host.containers
            if text(raw, "Id") in host.usage
            and texts(raw, "Config", "Labels").get(SWARM_SERVICE) == name
        ]
        return busiest([used for used, _ in found])

    def _containers(self, host: Host) -> None:
        groups: dict[tuple[str, str], list[Raw]] = {}
        stopped: list[str] = []
        for raw in host.containers:
            labels = texts(raw, "Config", "Labels")
            swarm_name = labels.get(SWARM_SERVICE)
            if swarm_name and self.inventory.swarm is not None:
                continue
            name = text(raw, "Name").lstrip("/") or text(raw, "Id")[:12]
            if text(raw, "State", "Status") not in RUNS:
                stopped.append(name)
                continue
            project = labels.get(COMPOSE_PROJECT) or labels.get(STACK_NAMESPACE) or swarm_name
            short = labels.get(COMPOSE_SERVICE) or swarm_name or name
            if swarm_name and project:
                short = swarm_name.removeprefix(f"{project}_")
            groups.setdefault((project or name, short), []).append(raw)
        if stopped:
            shown = ", ".join(stopped[:8]) + (" …" if len(stopped) > 8 else "")
            what = f"{len(stopped)} containers that do not run are left out: {shown}"
            self.notes.append(Note(subject=host.name, what=what))
        for (project, short), raws in sorted(groups.items()):
            self._group(host, project, short, raws)

    def _group(self, host: Host, project: str, short: str, raws: list[Raw]) -> None:
        first = raws[0]
        swarm = SWARM_SERVICE in texts(first, "Config", "Labels")
        stack = self._stack(project, "" if swarm else host.name)
        known = stack.services.get(short)
        if known is not None:  # a Swarm service, seen on another server before
            replicas = known.body.setdefault("deploy", {}).get("replicas", 1) + len(raws)
            known.body["deploy"]["replicas"] = replicas
            known.servers = (*known.servers, host.name)
            return
        body = container_service(first, host, stack.sections, short)
        if len(raws) > 1 or swarm:
            body.setdefault("deploy", {})["replicas"] = len(raws)
        usage = [host.usage[text(r, "Id")] for r in raws if text(r, "Id") in host.usage]
        stack.services[short] = LiveService(
            body=body,
            servers=(host.name,),
            measured=busiest(usage),
        )


def busiest(found: Iterable[Measured]) -> Measured | None:
    """The figures of the replica that used most, each figure by itself."""
    items = list(found)
    if not items:
        return None
    return Measured(
        memory=max(item.memory for item in items),
        memory_peak=max(item.memory_peak for item in items),
        cpu=max(item.cpu for item in items),
        cpu_peak=max(item.cpu_peak for item in items),
        seconds=max(item.seconds for item in items),
        where=", ".join(sorted({item.where for item in items})),
    )


def add_sizes(stacks: Iterable[LiveStack], hosts: Mapping[str, Host]) -> None:
    """How much data each service keeps: its volumes and directories, where it runs."""
    for stack in stacks:
        for service in stack.services.values():
            sizes = [
                sum(_size(item, stack, hosts[name]) for item in listed(service.body, "volumes"))
                for name in service.servers
                if name in hosts
            ]
            service.data_size = max(sizes, default=0)


def _size(item: Raw, stack: LiveStack, host: Host) -> int:
    source = text(item, "source")
    if item.get("read_only") is True:
        return 0
    if text(item, "type") == "bind":
        return host.path_sizes.get(source, 0)
    definition = stack.sections.volumes.get(source)
    name = text(definition, "name") or f"{stack.name}_{source}"
    return host.volume_sizes.get(name, 0)
