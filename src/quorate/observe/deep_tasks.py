"""What is wrong between Swarm's tasks and the containers that really run. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import combinations

from quorate.fleet.model import Fleet
from quorate.fleet.observed import (
    ObservedContainer,
    ObservedNode,
    ObservedService,
    ObservedTask,
    Snapshot,
)
from quorate.observe.deep_model import Action, Check, Facts, Finding, Grade, Kind, Ran
from quorate.observe.deep_names import TASK_LABEL
from quorate.observe.recovery import eligible, max_replicas_per_node
from quorate.observe.servers import ENDED_STATES, holds_resources
from quorate.observe.snapshot import NANO

NAME_LABEL = "com.docker.swarm.task.name"
SERVICE_LABEL = "com.docker.swarm.service.name"
PENDING_FOR = timedelta(seconds=5)
NOT_JUDGED = ("unsupported platform", "missing plugin")
"""Swarm's words for reasons that nodes' figures here do not tell."""

NO_TIME = timedelta(milliseconds=50)


def on_dead_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """Tasks that Swarm still counts on, on nodes that are down: nothing replaces them."""
    names = {service.id: service.name for service in snapshot.services}
    for node in snapshot.nodes:
        tasks = [
            task
            for task in snapshot.tasks
            if node.state == "down" and task.node_id == node.id and _is_meant(task)
        ]
        services = sorted({names.get(task.service_id, task.service_id) for task in tasks})
        if services:
            yield Finding(
                check=Check.DEAD_NODE,
                where=node.hostname,
                subject=node.id,
                what=f"it is down, and Swarm counts tasks of {', '.join(services)} as running",
                why="Swarm starts nothing in their place",
                mend="drain the node, which has them replaced, and then set it back",
                action=Action(kind=Kind.REPLACE, target=node.id, server=node.hostname),
            )


def _is_meant(task: ObservedTask) -> bool:
    return task.state == "running" and task.desired_state == "running"


def strays(snapshot: Snapshot) -> Iterator[Finding]:
    """Running containers of Swarm that no task of it owns any more."""
    tasks = {task.id: task for task in snapshot.tasks}
    for item in snapshot.containers:
        identity = item.labels.get(TASK_LABEL)
        if not identity or item.state != "running":
            continue
        why = _stray(tasks.get(identity), item.server, snapshot)
        if why:
            yield Finding(
                check=Check.STRAY,
                where=item.server,
                subject=item.id,
                what=f"container {item.name} ({_service(item)}) runs, and {why}",
                why="it works beside its replacement: on the same data, under the same name",
                mend="stop and remove it; volumes stay",
                action=Action(kind=Kind.REMOVE, target=item.id, server=item.server),
            )


def _service(item: ObservedContainer) -> str:
    return item.labels.get(SERVICE_LABEL, "no service named")


def _stray(task: ObservedTask | None, server: str, snapshot: Snapshot) -> str:
    """Why no task owns a container on this server; empty when one does."""
    if task is None:
        return "Swarm knows no such task"
    node = snapshot.node(task.node_id)
    if node is None or node.hostname != server:
        return f"its task belongs on {node.hostname if node else 'another node'}"
    if task.state in ENDED_STATES:
        return f"its task has ended ({task.state})"
    if node.state == "down" and task.desired_state in ("shutdown", "remove"):
        return "its server is down for Swarm, which has its task replaced"
    return ""


def same_addresses(snapshot: Snapshot) -> Iterator[Finding]:
    """Addresses that two running tasks, containers or services have in one network."""
    for (network, address), owners in sorted(_owners(snapshot).items()):
        if len(owners) < 2:
            continue
        tasks = [owner for owner in owners.values() if isinstance(owner, ObservedTask)]
        youngest = max(tasks, key=lambda t: t.created_at or snapshot.taken_at, default=None)
        service = _service_name(youngest, snapshot) if youngest else ""
        yield Finding(
            check=Check.ADDRESS,
            where=_names_of(snapshot).get(network, network),
            subject=f"{network} {address}",
            what=f"{address} belongs to {' and to '.join(_describe(owners, snapshot))}",
            why="either of them gets what is meant for the other",
            mend=f"restart the younger task's service: `docker service update --force {service}`"
            if service
            else "remove one of them",
            action=Action(kind=Kind.RESTART, target=service) if service else None,
        )


_Owner = ObservedTask | ObservedContainer | ObservedService


def _owners(snapshot: Snapshot) -> Mapping[tuple[str, str], dict[str, _Owner]]:
    """By network and address; a task and its container are one owner."""
    networks = _names_of(snapshot)
    found: dict[tuple[str, str], dict[str, _Owner]] = defaultdict(dict)
    for item in snapshot.containers:
        if item.state == "running":
            owner = item.labels.get(TASK_LABEL) or item.id
            for network in item.networks.keys() & networks.keys():
                if item.networks[network]:
                    found[network, item.networks[network]][owner] = item
    for service in snapshot.services:
        for network, address in service.addresses.items():
            found[network, address][service.id] = service
        for task in snapshot.running(service):
            for network, addresses in task.addresses.items():
                for address in addresses:
                    found[network, address][task.id] = task
    return found


def _names_of(snapshot: Snapshot) -> Mapping[str, str]:
    return {
        details["id"]: name
        for name, details in snapshot.networks.items()
        if details.get("scope") == "swarm" and details.get("driver") == "overlay"
    }


def _describe(owners: Mapping[str, _Owner], snapshot: Snapshot) -> list[str]:
    out = []
    for owner in owners.values():
        if isinstance(owner, ObservedService):
            out.append(f"the service {owner.name}")
        elif isinstance(owner, ObservedContainer):
            out.append(f"container {owner.name} on {owner.server}")
        else:
            node = snapshot.node(owner.node_id)
            where = f" on {node.hostname}" if node else ""
            out.append(f"task {owner.id[:12]} of {_service_name(owner, snapshot)}{where}")
    return sorted(out)


def _service_name(task: ObservedTask, snapshot: Snapshot) -> str:
    return next((s.name for s in snapshot.services if s.id == task.service_id), "")


def pending(snapshot: Snapshot) -> Iterator[Finding]:
    """Services whose tasks wait although a node would take them."""
    for service in snapshot.services:
        waiting = [task for task in snapshot.tasks if _waits(task, service, snapshot.taken_at)]
        if any(words in task.error for task in waiting for words in NOT_JUDGED):
            continue
        able = [n.hostname for n in snapshot.nodes if _would_take(n, service, snapshot)]
        if waiting and able:
            said = next((task.error for task in waiting if task.error), "")
            yield Finding(
                check=Check.PENDING,
                where=", ".join(sorted(able)),
                subject=service.name,
                what=f"{service.name} waits" + (f" ({said})" if said else "") + ", though by its "
                "constraints, reservations and ports it could run there",
                why="Swarm does not try again by itself",
                mend=f"`docker service update --force {service.name}`",
                action=Action(kind=Kind.RESTART, target=service.name),
            )


def _waits(task: ObservedTask, service: ObservedService, now: datetime) -> bool:
    return (
        task.service_id == service.id
        and task.state == "pending"
        and task.desired_state == "running"
        and (task.timestamp is None or now - task.timestamp > PENDING_FOR)
    )


def _would_take(node: ObservedNode, service: ObservedService, snapshot: Snapshot) -> bool:
    if not node.ready or node.availability != "active" or not eligible(service, node):
        return False
    here = [t for t in snapshot.tasks if t.node_id == node.id and holds_resources(t)]
    own = sum(task.service_id == service.id for task in here)
    most = max_replicas_per_node(service)
    if (most and own >= most) or _needs_more(service):
        return False
    if _host_ports(service) & {p for s in _services_of(here, snapshot) for p in _host_ports(s)}:
        return False
    wanted = service.spec.get("TaskTemplate") or {}
    memory = node.memory - sum(_reserved(t.spec, "MemoryBytes") for t in here)
    cpus = node.cpus * NANO - sum(_reserved(t.spec, "NanoCPUs") for t in here)
    return _reserved(wanted, "MemoryBytes") <= memory and _reserved(wanted, "NanoCPUs") <= cpus


def _services_of(tasks: list[ObservedTask], snapshot: Snapshot) -> list[ObservedService]:
    there = {task.service_id for task in tasks}
    return [service for service in snapshot.services if service.id in there]


def _host_ports(service: ObservedService) -> set[tuple[str, int]]:
    ports = (service.spec.get("EndpointSpec") or {}).get("Ports") or ()
    return {
        (str(port.get("Protocol") or "tcp"), int(port.get("PublishedPort") or 0))
        for port in ports
        if port.get("PublishMode") == "host" and port.get("PublishedPort")
    }


def _needs_more(service: ObservedService) -> bool:
    """Whether it asks for what nodes' figures here do not tell: devices."""
    template = service.spec.get("TaskTemplate") or {}
    reserved = (template.get("Resources") or {}).get("Reservations") or {}
    return bool(reserved.get("GenericResources"))


def _reserved(template: Mapping[str, object], key: str) -> float:
    resources = template.get("Resources")
    reserved = resources.get("Reservations") if isinstance(resources, Mapping) else None
    return float(reserved.get(key) or 0) if isinstance(reserved, Mapping) else 0.0


def skewed(fleet: Fleet, facts: Facts) -> Iterator[Finding]:
    """Services whose replicas share fewer servers than their homes, all of which are there."""
    ready = {n.hostname for n in facts.snapshot.nodes if n.ready and n.availability == "active"}
    names = {node.id: node.hostname for node in facts.snapshot.nodes}
    for wanted in fleet.swarm_services():
        homes = facts.homes.get(wanted.id, ())
        service = facts.snapshot.service(wanted.swarm_name)
        if service is None or service.mode != "replicated" or not set(homes) <= ready:
            continue
        if service.update_state == "updating":
            continue
        tasks = facts.snapshot.running(service)
        where = Counter(names.get(task.node_id or "", "?") for task in tasks)
        if len(tasks) >= len(homes) and len(where) < len(set(homes)):
            shown = ", ".join(f"{name} ×{count}" for name, count in sorted(where.items()))
            yield Finding(
                check=Check.SKEW,
                where=", ".join(sorted(where)),
                subject=service.name,
                what=f"the replicas of {service.name} are on {shown}; "
                f"at home they are on {', '.join(sorted(set(homes)))}",
                why="the loss of one server takes more of them than planned; Swarm moves none back",
                mend="`quorate up` spreads them",
                action=Action(kind=Kind.UP),
            )


def shared_volumes(facts: Facts) -> Iterator[Finding]:
    """Two containers of one task's place, one after the other, that had a volume at the same time.

    Swarm starts the new task of a server that is back before the old one has stopped.
    """
    for group in sharing(facts.snapshot).values():
        for one, other in combinations(group, 2):
            found = _overlap(one, other, facts)
            if found is not None:
                yield found


def sharing(snapshot: Snapshot) -> Mapping[tuple[str, str, str], list[ObservedContainer]]:
    """Containers by server, volume and place (a service's slot), where there are several."""
    groups: dict[tuple[str, str, str], list[ObservedContainer]] = defaultdict(list)
    for item in snapshot.containers:
        place = item.labels.get(NAME_LABEL, "").rpartition(".")[0]
        for volume in item.volumes if place else ():
            groups[item.server, place, volume].append(item)
    return {key: items for key, items in groups.items() if len(items) > 1}


def _overlap(one: ObservedContainer, other: ObservedContainer, facts: Facts) -> Finding | None:
    volumes = ", ".join(sorted(set(one.volumes) & set(other.volumes)))
    common = {
        "check": Check.VOLUME,
        "where": one.server,
        "subject": " ".join(sorted((one.id, other.id))),
        "why": "two processes wrote to the same files, which no database bears",
    }
    if one.state == other.state == "running":
        old = min((one, other), key=lambda item: _since(item, facts))
        return Finding.model_validate(
            {
                **common,
                "what": f"{one.name} and {other.name} run on the volume {volumes} at once",
                "mend": "stop and remove the older one; then check the data",
                "action": Action(kind=Kind.REMOVE, target=old.id, server=old.server),
            }
        )
    times = [facts.ran[item.id] for item in (one, other) if item.id in facts.ran]
    if len(times) < 2 or (both := _both(times[0], times[1])) <= NO_TIME:
        return None
    since = max(run.since for run in times).isoformat(timespec="seconds")
    return Finding.model_validate(
        {
            **common,
            "grade": Grade.NOTE,
            "what": f"two containers of {one.labels[NAME_LABEL].rpartition('.')[0]} ran on the "
            f"volume {volumes} for {both.total_seconds():.1f} s at once (from {since})",
            "mend": "check the data (of Postgres: `pg_amcheck`)",
        }
    )


def _since(item: ObservedContainer, facts: Facts) -> datetime:
    ran = facts.ran.get(item.id)
    return ran.since if ran else facts.snapshot.taken_at


def _both(one: Ran, other: Ran) -> timedelta:
    """For how long both ran; one that still runs has no end yet."""
    ends = [run.until for run in (one, other) if run.until is not None]
    return min(ends) - max(one.since, other.since) if ends else timedelta(0)
