"""One observation of a whole swarm, through any of its managers.

Six calls, however many services there are. Lenient: what an engine leaves out,
or leaves half-removed, becomes None or empty, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.tools import clock, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

STACK_LABEL = "com.docker.stack.namespace"
NANO = 1_000_000_000
MODES = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}

Raw = Mapping[str, Any]


def observe(client: DockerClient) -> Snapshot:
    """Observe the swarm that this manager belongs to.

    Raises:
        EngineError: the engine does not answer, is no manager, or the swarm has no quorum.
    """
    api = client.api
    taken_at = clock.now()
    with docker.translated(
        "the swarm cannot be observed",
        todo="`quorate status` says which managers answer; the swarm needs most of them",
    ):
        nodes, services, tasks = api.nodes(), api.services(), api.tasks()
        networks, secrets, configs = api.networks(), api.secrets(), api.configs()
    return Snapshot(
        taken_at=taken_at,
        nodes=tuple(node(raw) for raw in nodes or ()),
        services=tuple(service(raw) for raw in services or ()),
        tasks=tuple(task(raw) for raw in tasks or ()),
        networks={str(raw["Name"]): network(raw) for raw in networks or () if raw.get("Name")},
        secrets=_named_labels(secrets),
        configs=_named_labels(configs),
    )


def node(raw: Raw) -> ObservedNode:
    """A node from the engine's own mapping."""
    spec, description = _map(raw, "Spec"), _map(raw, "Description")
    status, manager = _map(raw, "Status"), _map(raw, "ManagerStatus")
    resources = _map(description, "Resources")
    return ObservedNode(
        id=str(raw.get("ID") or ""),
        hostname=str(description.get("Hostname") or raw.get("ID") or ""),
        role=str(spec.get("Role") or "worker"),
        availability=str(spec.get("Availability") or "active"),
        state=str(status.get("State") or "unknown"),
        address=_node_address(status, manager),
        leader=bool(manager.get("Leader")),
        reachability=manager.get("Reachability"),
        engine_version=str(_map(description, "Engine").get("EngineVersion") or ""),
        cpus=float(resources.get("NanoCPUs") or 0) / NANO,
        memory=int(resources.get("MemoryBytes") or 0),
        labels=_labels(spec),
    )


def service(raw: Raw) -> ObservedService:
    """A service from the engine's own mapping."""
    spec, update = _map(raw, "Spec"), _map(raw, "UpdateStatus")
    mode = _map(spec, "Mode")
    labels = _labels(spec)
    kind = next((name for name in MODES if name in mode), "Replicated")
    details = _map(mode, kind)
    replicas = details.get("Replicas", details.get("TotalCompletions"))
    return ObservedService(
        id=str(raw.get("ID") or ""),
        name=str(spec.get("Name") or raw.get("ID") or ""),
        stack=labels.get(STACK_LABEL),
        image=str(_map(_map(spec, "TaskTemplate"), "ContainerSpec").get("Image") or ""),
        mode=MODES[kind],
        replicas=int(replicas) if replicas is not None else None,
        version=int(_map(raw, "Version").get("Index") or 0),
        labels=labels,
        spec=dict(spec),
        previous_spec=dict(raw["PreviousSpec"]) if raw.get("PreviousSpec") else None,
        update_state=update.get("State"),
        update_message=update.get("Message"),
        addresses=_virtual_addresses(raw),
    )


def task(raw: Raw) -> ObservedTask:
    """A task from the engine's own mapping."""
    spec, status = _map(raw, "Spec"), _map(raw, "Status")
    container = _map(status, "ContainerStatus")
    slot = raw.get("Slot")
    return ObservedTask(
        id=str(raw.get("ID") or ""),
        service_id=str(raw.get("ServiceID") or ""),
        node_id=raw.get("NodeID") or None,
        slot=int(slot) if slot is not None else None,
        state=str(status.get("State") or "unknown").lower(),
        desired_state=str(raw.get("DesiredState") or "unknown").lower(),
        message=str(status.get("Message") or ""),
        error=str(status.get("Err") or ""),
        image=str(_map(spec, "ContainerSpec").get("Image") or ""),
        container_id=container.get("ContainerID") or None,
        exit_code=container.get("ExitCode"),
        timestamp=moment(status.get("Timestamp")),
        created_at=moment(raw.get("CreatedAt")),
        spec=dict(spec),
        addresses=_task_addresses(raw),
    )


def network(raw: Raw) -> dict[str, Any]:
    """What matters of a network: its identity, driver, options and labels."""
    options = _map(raw, "Options")
    return {
        "id": str(raw.get("Id") or ""),
        "driver": str(raw.get("Driver") or ""),
        "scope": str(raw.get("Scope") or ""),
        "attachable": bool(raw.get("Attachable")),
        "ingress": bool(raw.get("Ingress")),
        "encrypted": "encrypted" in options,
        "options": dict(options),
        "labels": dict(_map(raw, "Labels")),
    }


def moment(text: Any) -> datetime | None:
    """A time as an engine writes it (RFC 3339, nanoseconds), in UTC; None when it is none."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _virtual_addresses(raw: Raw) -> dict[str, str]:
    """By network id; a service without virtual addresses (dnsrr) has none."""
    found = _maps(_map(raw, "Endpoint"), "VirtualIPs")
    return {
        str(item.get("NetworkID") or ""): _bare(item["Addr"]) for item in found if item.get("Addr")
    }


def _task_addresses(raw: Raw) -> dict[str, tuple[str, ...]]:
    out = {}
    for item in _maps(raw, "NetworksAttachments"):
        addresses = item.get("Addresses")
        if isinstance(addresses, list):
            name = str(_map(item, "Network").get("ID") or "")
            out[name] = tuple(_bare(address) for address in addresses)
    return out


def _bare(address: Any) -> str:
    """An address without the length of its network's prefix."""
    return str(address).partition("/")[0]


def _maps(raw: Raw, key: str) -> list[Raw]:
    """The mappings in the list under `key`; empty when it is none."""
    value = raw.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _node_address(status: Raw, manager: Raw) -> str:
    """A leader reports 0.0.0.0 or its loopback as its own address in some versions."""
    address = str(status.get("Addr") or "")
    if address in ("", "0.0.0.0", "127.0.0.1") and manager.get("Addr"):
        return str(manager["Addr"]).rpartition(":")[0].strip("[]")
    return address


def _named_labels(items: Any) -> dict[str, dict[str, str]]:
    out: dict[str, dict[str, str]] = {}
    for raw in items or ():
        spec = _map(raw, "Spec")
        if spec.get("Name"):
            out[str(spec["Name"])] = _labels(spec)
    return out


def _labels(spec: Raw) -> dict[str, str]:
    return {str(key): str(value) for key, value in _map(spec, "Labels").items()}


def _map(raw: Raw, key: str) -> Raw:
    """The mapping under `key`; empty when it is missing, null or something else."""
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}
