"""Swarm's placement constraints, judged by what the fleet file says of a server.

As swarmkit does (manager/constraint): `==` and `!=`, values compared without
case, label keys with case, a missing label is empty, an unknown key never holds.
"""

from __future__ import annotations

import ipaddress
import re

from quorate.fleet.constraints import architecture
from quorate.fleet.model import Server

EXPRESSION = re.compile(r"^\s*([A-Za-z0-9_./-]+)\s*(==|!=)\s*(.*?)\s*$")

ASSUMED_OS = "linux"
NODE_LABELS = "node.labels."
UNKNOWABLE = ("node.id", "engine.labels.")


def holds(expression: str, server: Server) -> bool | None:
    """Whether a server satisfies a constraint; None when the fleet file cannot tell.

    What it cannot tell: `node.id`, engine labels, `node.ip` of a server given by
    name, and an expression Swarm would refuse.
    """
    match = EXPRESSION.match(expression)
    if match is None:
        return None
    key, operator, wanted = match.groups()
    equal = _equal(key, wanted, server)
    if equal is None:
        return None
    if isinstance(equal, str):  # an unknown key is false for either operator
        return False
    return equal if operator == "==" else not equal


def _equal(key: str, wanted: str, server: Server) -> bool | str | None:
    lowered = key.lower()
    if lowered.startswith(UNKNOWABLE):
        return None
    if lowered.startswith(NODE_LABELS):
        return server.labels.get(key[len(NODE_LABELS) :], "").lower() == wanted.lower()
    if lowered == "node.ip":
        return _address_matches(server.address, wanted)
    values = {
        "node.hostname": server.name,
        "node.role": server.role.value,
        "node.platform.os": ASSUMED_OS,
        "node.platform.arch": architecture(server),
    }
    if lowered not in values:
        return "unknown key"
    return values[lowered].lower() == wanted.lower()


def _address_matches(address: str, wanted: str) -> bool | None:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return None
