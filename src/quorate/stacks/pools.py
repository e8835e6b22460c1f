"""Pools and homes as Swarm can express them: placement constraints and node labels."""

from __future__ import annotations

import re
from collections.abc import Iterable

from quorate.plan.steering import (
    POOL_LABEL,
    ZONE_LABEL,
    constraint_for,
    is_hostname_pin,
    pool_label,
)

__all__ = [
    "POOL_LABEL",
    "ZONE_LABEL",
    "constraint_for",
    "is_hostname_pin",
    "is_ours",
    "needs_label",
    "pool_label",
    "replace_ours",
]

_OURS = re.compile(rf"node\.(hostname|labels\.{re.escape(POOL_LABEL)}[0-9a-f]{{8}}) *==")


def needs_label(servers: Iterable[str], everyone: Iterable[str]) -> bool:
    """Whether `constraint_for` answers with a node label."""
    constraint = constraint_for(servers, everyone)
    return constraint is not None and constraint.startswith("node.labels.")


def is_ours(constraint: str) -> bool:
    """Whether Quorate wrote this constraint (a user's host name pin never gets so far)."""
    return _OURS.match(constraint) is not None


def replace_ours(constraints: Iterable[str], wanted: str | None) -> list[str]:
    """The constraints with Quorate's own one taken out and `wanted` put first."""
    kept = [item for item in constraints if not is_ours(item)]
    return [wanted, *kept] if wanted is not None else kept
