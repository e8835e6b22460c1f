"""Homes and pools as Swarm can express them: placement constraints and node labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

POOL_LABEL = "quorate.pool."
ZONE_LABEL = "quorate.zone"

_HOSTNAME_PIN = re.compile(r"\s*node\.hostname\s*==")


def pool_label(servers: Iterable[str]) -> str:
    """The node label that marks the servers of a pool."""
    joined = "\n".join(sorted(set(servers)))
    return POOL_LABEL + sha256(joined.encode()).hexdigest()[:8]


def constraint_for(servers: Iterable[str], everyone: Iterable[str]) -> str | None:
    """The constraint that allows exactly `servers`; None when that is every server."""
    chosen = set(servers)
    if len(chosen) == 1:
        return f"node.hostname=={chosen.pop()}"
    if chosen == set(everyone):
        return None
    return f"node.labels.{pool_label(chosen)}==yes"


def is_hostname_pin(constraint: str) -> bool:
    """Whether a constraint of a compose file pins to one host, which the plan decides instead."""
    return _HOSTNAME_PIN.match(constraint) is not None
