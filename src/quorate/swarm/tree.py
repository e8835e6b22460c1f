"""Spread preferences: the nodes as a tree of label values (swarmkit, nodeset.go: tree)."""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.swarm.board import Board
from quorate.swarm.choice import Chooser
from quorate.swarm.constraint import ENGINE_LABELS, NODE_LABELS
from quorate.swarm.filters import Branches
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
    candidates = board.roster.candidates(service)
    preferences = [text for text in service.preferences if _is_label(text)]
    if not preferences:
        root.tasks = sum(board.active.get(service.id, {}).values())
        root.nodes = best(board, service, candidates, tasks, chooser)
        return root
    active = board.active.get(service.id, {})
    for path, nodes in _branches(board, tuple(preferences)).items():
        running = sum(active[number] for number in nodes & active.keys())
        branch = root
        branch.tasks += running
        for label in path:
            branch = branch.children.setdefault(label, Branch())
            branch.tasks += running
        members = nodes & candidates
        branch.nodes = best(board, service, members, tasks, chooser)
    return root


def _branches(board: Board, preferences: tuple[str, ...]) -> Branches:
    """The nodes of each branch, in the order in which the branches first appear."""
    known = board.roster.branches
    if preferences not in known:
        found: dict[tuple[str, ...], set[int]] = {}
        for number, node in enumerate(board.roster.nodes):
            path = tuple(_label(node, text) for text in preferences)
            found.setdefault(path, set()).add(number)
        known[preferences] = {path: frozenset(nodes) for path, nodes in found.items()}
    return known[preferences]


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
