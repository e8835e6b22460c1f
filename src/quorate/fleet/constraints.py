"""Swarm's placement constraints, decided for the servers of a fleet.

The rules are swarmkit's (manager/constraint): values compare without case,
label keys with case, a missing label is the empty text.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from quorate.fleet.model import Server

_CONSTRAINT = re.compile(r"\s*([A-Za-z0-9._\-]+)\s*(==|!=)\s*(\S(?:.*\S)?)\s*")
LABEL = "node.labels."

ARCHITECTURE_LABEL = "arch"
"""A server's label that says which processor it has; without it, amd64 is assumed."""

ASSUMED_ARCHITECTURE = "amd64"
ENGINE_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What engines report, and constraints compare with, for what images call otherwise."""

_KNOWN = ("node.id", "node.hostname", "node.ip", "node.role", "node.platform.os",
          "node.platform.arch")  # fmt: skip


class Constraint(NamedTuple):
    """One constraint taken apart: `key operator value`."""

    key: str
    equal: bool
    value: str

    @property
    def label(self) -> str | None:
        """The node label it asks about."""
        return self.key.removeprefix(LABEL) if self.key.startswith(LABEL) else None


def parse_constraint(text: str) -> Constraint:
    """The constraint taken apart; ValueError when Swarm would refuse it."""
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise ValueError(f"the constraint `{text}` cannot be read")
    key = match[1]
    if key not in _KNOWN and not key.startswith((LABEL, "engine.labels.")):
        raise ValueError(f"the constraint `{text}` asks about `{key}`, which nodes do not have")
    return Constraint(key, match[2] == "==", match[3].strip("'\""))


def allows(constraint: Constraint, server: Server) -> bool:
    """Whether a server meets a constraint; True where the fleet file cannot tell."""
    found = _value(constraint, server)
    if found is None:
        return True
    if constraint.key == "node.ip" and "/" in constraint.value:
        try:
            network = ipaddress.ip_network(constraint.value, strict=False)
            inside = ipaddress.ip_address(server.address) in network
        except ValueError:
            return True
        return inside == constraint.equal
    return (found.lower() == constraint.value.lower()) == constraint.equal


def _value(constraint: Constraint, server: Server) -> str | None:
    """What the server has for the key; None when only the engine knows."""
    if constraint.label is not None:
        return server.labels.get(constraint.label, "")
    if constraint.key == "node.platform.arch":
        # Not said in the file: but no engine calls itself by an image's name for it.
        told = ARCHITECTURE_LABEL in server.labels or constraint.value.lower() in ENGINE_NAMES
        return architecture(server) if told else None
    return {
        "node.hostname": server.name,
        "node.role": server.role.value,
        "node.ip": server.address,
        "node.platform.os": "linux",
    }.get(constraint.key)


def architecture(server: Server) -> str:
    """The server's processor by the name that its engine reports."""
    name = server.labels.get(ARCHITECTURE_LABEL, ASSUMED_ARCHITECTURE).lower()
    return ENGINE_NAMES.get(name, name)


def hostnames(constraints: tuple[str, ...]) -> tuple[str, ...]:
    """The host names that constraints of the form `node.hostname==NAME` ask for."""
    found = []
    for text in constraints:
        try:
            constraint = parse_constraint(text)
        except ValueError:
            continue
        if constraint.key == "node.hostname" and constraint.equal:
            found.append(constraint.value)
    return tuple(dict.fromkeys(found))
