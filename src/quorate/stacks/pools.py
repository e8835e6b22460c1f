"""Pools and homes as Swarm can express them: placement constraints and node labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

POOL_LABEL = "quorate.pool."
ZONE_LABEL = "quorate.zone"

_OURS = re.compile(rf"node\.(hostname==|labels\.{re.escape(POOL_LABEL)}[0-9a-f]{{8}}==)")
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


def needs_label(servers: Iterable[str], everyone: Iterable[str]) -> bool:
    """Whether `constraint_for` answers with a node label."""
    constraint = constraint_for(servers, everyone)
    return constraint is not None and constraint.startswith("node.labels.")


def is_ours(constraint: str) -> bool:
    """Whether Quorate wrote this constraint (a user's host name pin never gets so far)."""
    return _OURS.match(constraint) is not None


def is_hostname_pin(constraint: str) -> bool:
    """Whether a constraint of a compose file pins to one host, which the plan decides instead."""
    return _HOSTNAME_PIN.match(constraint) is not None


def replace_ours(constraints: Iterable[str], wanted: str | None) -> list[str]:
    """The constraints with Quorate's own one taken out and `wanted` put first."""
    kept = [item for item in constraints if not is_ours(item)]
    return [wanted, *kept] if wanted is not None else kept
