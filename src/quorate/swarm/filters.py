"""The filters that depend on the node alone: plugins, constraints, platform.

Those that depend on what runs there are `Board.feasible`. The order of filters
(swarmkit, manager/scheduler/pipeline.go) matters only for the words Swarm gives.
"""

from __future__ import annotations

from collections.abc import Mapping

from quorate.swarm.constraint import matches, parse
from quorate.swarm.model import Node, Service

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The names an engine reports, and those an image's manifest uses."""

_Key = tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


Branches = Mapping[tuple[str, ...], frozenset[int]]


class Roster:
    """The nodes, and for each kind of service those that its fixed filters let through."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes
        self._found: dict[_Key, frozenset[int]] = {}
        self.branches: dict[tuple[str, ...], Branches] = {}
        """By preferences: the nodes of each branch, as `tree` finds them once."""

    def candidates(self, service: Service) -> frozenset[int]:
        """The numbers of the nodes that the service may run on, were they empty and ready."""
        key = (service.constraints, service.platforms, service.plugins)
        found = self._found.get(key)
        if found is None:
            found = frozenset(
                number for number, node in enumerate(self.nodes) if fits(service, node)
            )
            self._found[key] = found
        return found


def fits(service: Service, node: Node) -> bool:
    """Whether the filters that depend on the node alone let the service through."""
    return _plugins(service, node) and _constraints(service, node) and _platform(service, node)


def _plugins(service: Service, node: Node) -> bool:
    return node.plugins is None or all(plugin in node.plugins for plugin in service.plugins)


def _constraints(service: Service, node: Node) -> bool:
    """All must hold. One that cannot be read turns the whole filter off, as in Swarm."""
    try:
        parsed = [parse(expression) for expression in service.constraints]
    except ValueError:
        return True
    return all(matches(constraint, node) for constraint in parsed)


def _platform(service: Service, node: Node) -> bool:
    if not service.platforms:
        return True
    architecture = ARCHITECTURES.get(node.architecture, node.architecture)
    return any(
        os in ("", node.os) and ARCHITECTURES.get(wanted, wanted) in ("", architecture)
        for os, wanted in service.platforms
    )
