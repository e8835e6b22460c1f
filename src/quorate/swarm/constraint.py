"""Placement constraints as Swarm evaluates them (swarmkit, manager/constraint)."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from quorate.swarm.model import Node

NODE_LABELS = "node.labels."
ENGINE_LABELS = "engine.labels."

_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE)


class Constraint(NamedTuple):
    """`key == value` or `key != value`."""

    key: str
    equal: bool
    value: str


def parse(expression: str) -> Constraint:
    """A constraint taken apart.

    Raises:
        ValueError: Swarm would refuse it.
    """
    for operator in ("==", "!="):
        key, found, value = expression.partition(operator)
        if found:
            key, value = key.strip(), value.strip()
            if _KEY.fullmatch(key) and _VALUE.fullmatch(value):
                return Constraint(key, operator == "==", value)
            break
    raise ValueError(f"the constraint `{expression}` cannot be read")


def matches(constraint: Constraint, node: Node) -> bool:
    """Whether a node satisfies a constraint.

    Values compare without case, label keys with case; a missing label is the
    empty text; an unknown key, or an address that is none, holds for no node.
    """
    key, lowered = constraint.key, constraint.key.lower()
    if lowered == "node.ip":
        return _address(constraint, node.address)
    if lowered.startswith(NODE_LABELS) and len(key) > len(NODE_LABELS):
        found: str | None = node.labels.get(key[len(NODE_LABELS) :], "")
    elif lowered.startswith(ENGINE_LABELS) and len(key) > len(ENGINE_LABELS):
        found = node.engine_labels.get(key[len(ENGINE_LABELS) :], "")
    else:
        found = {
            "node.id": node.id,
            "node.hostname": node.hostname,
            "node.role": node.role,
            "node.platform.os": node.os,
            "node.platform.arch": node.architecture,
        }.get(lowered)
    if found is None:
        return False
    return (found.lower() == constraint.value.lower()) == constraint.equal


def _address(constraint: Constraint, address: str) -> bool:
    try:
        network = ipaddress.ip_network(constraint.value, strict=False)
    except ValueError:
        return False
    try:
        inside = ipaddress.ip_address(address) in network
    except ValueError:
        inside = False
    return inside == constraint.equal
