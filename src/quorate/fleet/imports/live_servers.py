"""The servers of a fleet, from what engines say about themselves and each other."""

from __future__ import annotations

from typing import TypeVar

from quorate.fleet.imports.inventory import Host, Inventory, Raw, number, own_labels, text, texts
from quorate.fleet.imports.model import Note
from quorate.fleet.imports.servers import GivenServer

Figure = TypeVar("Figure", int, float)

NANO = 1e9
ZONE_LABEL = "quorate.zone"
_NOWHERE = ("", "0.0.0.0", "127.0.0.1", "::", "::1")


def live_servers(inventory: Inventory, notes: list[Note]) -> tuple[GivenServer, ...]:
    """Every server once: nodes of the swarm, then engines outside it."""
    found: dict[str, GivenServer] = {}
    hosts = {host.node_id: host for host in inventory.hosts if host.node_id}
    nodes = inventory.swarm.nodes if inventory.swarm else ()
    # A server that came back under a new id is listed twice; the entry that is up counts.
    for raw in sorted(nodes, key=lambda node: text(node, "Status", "State") != "ready"):
        name = text(raw, "Description", "Hostname")
        if not name:
            notes.append(Note(subject=text(raw, "ID") or "?", what="a node without a host name"))
        elif name.lower() not in {known.lower() for known in found}:
            found[name] = _node(raw, name, hosts.get(text(raw, "ID")), notes)
    for host in inventory.hosts:
        if host.name.lower() not in {known.lower() for known in found}:
            found[host.name] = _host(host, notes)
    return tuple(found.values())


def _node(raw: Raw, name: str, host: Host | None, notes: list[Note]) -> GivenServer:
    if text(raw, "Status", "State") != "ready":
        what = f"is {text(raw, 'Status', 'State') or 'in no known state'} for the swarm"
        notes.append(Note(subject=name, what=what, todo="take it out if it is gone for good"))
    memory = int(number(raw, "Description", "Resources", "MemoryBytes"))
    cpus = number(raw, "Description", "Resources", "NanoCPUs") / NANO
    labels = texts(raw, "Spec", "Labels")
    role = text(raw, "Spec", "Role")
    said = text(raw, "Status", "Addr")
    if said in _NOWHERE:
        said = text(raw, "ManagerStatus", "Addr").rpartition(":")[0].strip("[]")
    return GivenServer(
        name=name,
        address=(host.address if host else "") or said or None,
        memory=_figure(memory, name, "memory", notes),
        cpus=_figure(cpus, name, "CPU threads", notes),
        role=role if role in ("manager", "worker") else None,
        user=host.user if host else None,
        port=host.port if host else None,
        config=host.config if host else None,
        zone=labels.get(ZONE_LABEL),
        labels=own_labels(labels),
    )


def _host(host: Host, notes: list[Note]) -> GivenServer:
    memory = int(number(host.info, "MemTotal"))
    return GivenServer(
        name=host.name,
        address=host.address or None,
        memory=_figure(memory, host.name, "memory", notes),
        cpus=_figure(number(host.info, "NCPU"), host.name, "CPU threads", notes),
        user=host.user,
        port=host.port,
        config=host.config,
    )


def _figure(value: Figure, name: str, what: str, notes: list[Note]) -> Figure | None:
    """The figure; None, with a note, when the engine gave none that makes sense."""
    if value > 0:
        return value
    notes.append(
        Note(subject=name, what=f"its engine tells no {what} that makes sense",
             todo=f"`quorate inspect {name} --write`, or put the figure")
    )  # fmt: skip
    return None
