"""Spread preferences: the nodes as a tree of label values (swarmkit, nodeset.go: tree)."""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser
from quorate.swarm.constraint import ENGINE_LABELS, NODE_LABELS
from quorate.swarm.model import Node, Service
from quorate.swarm.rank import best


@dataclass(kw_only=True)
class Branch:
    """A branch, or a leaf when it has no children.

    `tasks`: active tasks of the service on all its nodes, also on those that no
    filter lets through, when the tree was made; never brought up to date.
    `nodes`: of a leaf, those it may place on, best first.
    """

    tasks: int = 0
    children: dict[str, Branch] = field(default_factory=dict)
    nodes: list[int] = field(default_factory=list)
    visited: bool = False


def grow(board: Board, service: Service, tasks: int, chooser: Chooser) -> Branch:
    """The tree for a group of so many tasks; each leaf keeps its best `tasks` nodes."""
    root = Branch()
    leaves: dict[int, tuple[Branch, set[int]]] = {}
    candidates = board.roster.candidates(service)
    preferences = [text for text in service.preferences if _is_label(text)]
    if not preferences:
        root.tasks = sum(board.active.get(service.id, {}).values())
        root.nodes = best(board, service, candidates, tasks, chooser)
        return root
    for number, node in enumerate(board.roster.nodes):
        branch = root
        active = board.count(service.id, number)
        branch.tasks += active
        for text in preferences:
            branch = branch.children.setdefault(_label(node, text), Branch())
            branch.tasks += active
        members = leaves.setdefault(id(branch), (branch, set()))[1]
        if number in candidates:
            members.add(number)
    for leaf, members in leaves.values():
        leaf.nodes = best(board, service, members, tasks, chooser)
    return root


def _is_label(descriptor: str) -> bool:
    """Other descriptors are passed over."""
    lowered = descriptor.lower()
    return any(
        lowered.startswith(prefix) and len(lowered) > len(prefix)
        for prefix in (NODE_LABELS, ENGINE_LABELS)
    )


def _label(node: Node, descriptor: str) -> str:
    """The node's value; without the label it is on the branch of the empty text."""
    if descriptor.lower().startswith(NODE_LABELS):
        return node.labels.get(descriptor[len(NODE_LABELS) :], "")
    return node.engine_labels.get(descriptor[len(ENGINE_LABELS) :], "")
