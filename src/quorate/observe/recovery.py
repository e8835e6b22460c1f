"""After a server is lost: which services were on it, and which are running again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.fleet.observed import ObservedNode, ObservedService, Snapshot


@dataclass(frozen=True, kw_only=True)
class Affected:
    """A service that had tasks on the lost server.

    `wanted` is how many of its tasks can run elsewhere at once: all of them, or
    as many as `max_replicas_per_node` leaves room for. `may_move` says whether
    that is more than run there already.
    """

    swarm_name: str
    wanted: int
    may_move: bool


def affected_by(server: str, before: Snapshot) -> tuple[Affected, ...]:
    """The replicated services with running tasks on `server`, by the state before its loss.

    Global services are left out: their task on a lost server has nowhere to go
    and is not missed elsewhere.
    """
    nodes = {node.id: node for node in before.nodes}
    found = []
    for service in before.services:
        if service.mode != "replicated":
            continue
        running = before.running(service)
        here = [t for t in running if t.node_id in nodes and nodes[t.node_id].hostname == server]
        if here:
            others = [n for n in before.nodes if n.hostname != server and n.ready]
            able = sum(eligible(service, node) for node in others)
            most = max_replicas_per_node(service)
            wanted = min(len(running), able * most) if most else len(running) * bool(able)
            may_move = wanted > len(running) - len(here)
            found.append(Affected(swarm_name=service.name, wanted=wanted, may_move=may_move))
    return tuple(sorted(found, key=lambda item: item.swarm_name))


def running_again(affected: Affected, now: Snapshot, lost: str) -> bool:
    """Whether as many tasks as before run, none of them counted on the lost server."""
    service = now.service(affected.swarm_name)
    if service is None:
        return False
    names = {node.id: node.hostname for node in now.nodes}
    elsewhere = [t for t in now.running(service) if names.get(t.node_id or "") != lost]
    return len(elsewhere) >= affected.wanted


def max_replicas_per_node(service: ObservedService) -> int:
    """How many of its tasks may share a node; 0 means any number."""
    template = service.spec.get("TaskTemplate") or {}
    return int((template.get("Placement") or {}).get("MaxReplicas") or 0)


def noticed(server: str, now: Snapshot) -> bool:
    """Whether Swarm has marked the server as down."""
    return any(node.hostname == server and node.state == "down" for node in now.nodes)


def eligible(service: ObservedService, node: ObservedNode) -> bool:
    """Whether a node satisfies a live service's placement constraints.

    Values compare case-insensitively, a missing label is the empty string, an
    unknown key never matches (swarmkit, manager/constraint).
    """
    template = service.spec.get("TaskTemplate") or {}
    constraints = (template.get("Placement") or {}).get("Constraints") or ()
    return all(meets(node, text) for text in constraints)


def meets(node: ObservedNode, constraint: str) -> bool:
    """Whether a node satisfies one `key==value` or `key!=value` constraint."""
    equal = "==" in constraint
    key, _, value = constraint.replace(" ", "").partition("==" if equal else "!=")
    actual = _facts(node).get(key)
    if actual is None:
        if not key.startswith("node.labels."):
            return False
        actual = node.labels.get(key.removeprefix("node.labels."), "")
    return (actual.lower() == value.lower()) == equal


def _facts(node: ObservedNode) -> Mapping[str, str]:
    return {
        "node.hostname": node.hostname,
        "node.role": node.role,
        "node.id": node.id,
        "node.ip": node.address,
    }
