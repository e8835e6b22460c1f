"""Node labels: the servers' own and those of the pools they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quorate.deploy import record
from quorate.deploy.swarm_setup import update_node
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode
from quorate.observe.snapshot import observe

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

OWN_PREFIX = "quorate."


@dataclass(frozen=True, kw_only=True)
class LabelChange:
    """What one node's labels lack: `put` to add or overwrite, `drop` to remove."""

    server: str
    node_id: str
    put: dict[str, str]
    drop: tuple[str, ...]

    def apply(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels after the change."""
        return {k: v for k, v in labels.items() if k not in self.drop} | self.put


def label_changes(
    nodes: tuple[ObservedNode, ...], wanted: Mapping[str, Mapping[str, str]]
) -> tuple[LabelChange, ...]:
    """The changes that give every node its labels. Pure.

    Labels that somebody else set stay; only stale ones under `quorate.` go. A
    dead entry of a server that is back under another id is left alone.
    """
    changes = []
    for node in nodes:
        labels = wanted.get(node.hostname)
        if labels is None or (node.state == "down" and _has_twin(node, nodes)):
            continue
        put = {key: value for key, value in labels.items() if node.labels.get(key) != value}
        stale = (key for key in node.labels if key.startswith(OWN_PREFIX) and key not in labels)
        drop = tuple(sorted(stale))
        if put or drop:
            changes.append(LabelChange(server=node.hostname, node_id=node.id, put=put, drop=drop))
    return tuple(changes)


def _has_twin(node: ObservedNode, nodes: tuple[ObservedNode, ...]) -> bool:
    return any(o.hostname == node.hostname and o.id != node.id and o.ready for o in nodes)


def set_labels(client: DockerClient, changes: tuple[LabelChange, ...]) -> None:
    """Make the changes.

    Raises:
        EngineError: the swarm refuses.
    """
    for change in changes:
        update_node(client, change.node_id, _changer(change))


def label_joined(client: DockerClient, fleet: Fleet, name: str) -> None:
    """Give a server that has joined its own labels, and those of the last deployment.

    Its pools' are among the latter. Nothing that it has beside these is taken away.

    Raises:
        EngineError, QuorateError: the swarm refuses, or the last deployment cannot be read.
    """
    last = record.last_applied(client, fleet=fleet.name)
    known = last.labels.get(name, {}) if last is not None else {}
    wanted = {**known, **fleet.server(name).labels}
    changes = label_changes(observe(client).nodes, {name: wanted})
    set_labels(client, tuple(replace(one, drop=()) for one in changes if one.put))


def _changer(change: LabelChange) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda spec: spec | {"Labels": change.apply(spec.get("Labels") or {})}
