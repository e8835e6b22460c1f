"""Where services run. Pure."""

from __future__ import annotations

from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot


def where_now(fleet: Fleet, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Service id → the servers it runs on now."""
    names = {node.id: node.hostname for node in snapshot.nodes}
    found: dict[str, tuple[str, ...]] = {}
    for service in fleet.swarm_services():
        live = snapshot.service(service.swarm_name)
        if live is not None:
            tasks = snapshot.running(live)
            found[service.id] = tuple(sorted(names.get(t.node_id or "", "") for t in tasks))
    return {name: servers for name, servers in found.items() if servers}
