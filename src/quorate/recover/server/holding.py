"""Services held while their data comes back: what is written into them, and taken out. Pure.

What has nothing but the lost server is scaled to 0; what runs elsewhere too is kept away from the
server that replaces it. The note of it lies in the service's labels, in the same update. It is not
a backup's (`backup/policy/quiesce.py`): the controller lets those go when no job is behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from quorate.backup.policy.quiesce import labels_of, replicas_of
from quorate.stacks.pools import replace_ours

PREFIX = "quorate.recover."
OPERATION, REPLICAS = f"{PREFIX}operation", f"{PREFIX}replicas"

Spec = Mapping[str, Any]


class How(StrEnum):
    """How a service is held."""

    STOP = "stop"
    AWAY = "away"


def held(spec: Spec, operation: str, how: How, server: str) -> dict[str, Any]:
    """The spec of a held service; holding again changes nothing."""
    labels = labels_of(spec)
    count = replicas_of(spec)
    stops = how is How.STOP and count is not None
    kept = labels.get(REPLICAS) if count == 0 else None
    noted = {OPERATION: operation, REPLICAS: kept or str(count if count is not None else 0)}
    new = {**spec, "Labels": {**labels, **noted}}
    if stops:
        return _with_replicas(new, 0)
    rest = [text for text in _constraints(spec) if text != away_from(server)]
    return _with_constraints(new, [*rest, away_from(server)])


def released(spec: Spec, server: str, home: str = "") -> dict[str, Any] | None:
    """The spec of a service that is let go; None where it is not held.

    Args:
        home: a server that it is to start on, whatever its pool; empty: as it was.
    """
    labels = labels_of(spec)
    if OPERATION not in labels:
        return None
    count = labels.get(REPLICAS, "1")
    plain = {key: value for key, value in labels.items() if not key.startswith(PREFIX)}
    new: dict[str, Any] = {**spec, "Labels": plain}
    if replicas_of(spec) == 0:  # somebody who has scaled it meanwhile has decided
        new = _with_replicas(new, int(count) if count.isdigit() else 1)
    constraints = [text for text in _constraints(spec) if text != away_from(server)]
    if home and replicas_of(spec) is not None:
        constraints = replace_ours(constraints, f"node.hostname=={home}")
    return _with_constraints(new, constraints)


def away_from(server: str) -> str:
    """The constraint that keeps tasks off a server."""
    return f"node.hostname!={server}"


def _constraints(spec: Spec) -> list[str]:
    placement = (spec.get("TaskTemplate") or {}).get("Placement") or {}
    return [str(text) for text in placement.get("Constraints") or ()]


def _with_constraints(spec: Spec, constraints: list[str]) -> dict[str, Any]:
    if constraints == _constraints(spec):
        return dict(spec)
    template = dict(spec.get("TaskTemplate") or {})
    placement = {**(template.get("Placement") or {}), "Constraints": constraints}
    return {**spec, "TaskTemplate": {**template, "Placement": placement}}


def _with_replicas(spec: Spec, count: int) -> dict[str, Any]:
    mode = dict(spec.get("Mode") or {})
    return {
        **spec,
        "Mode": {**mode, "Replicated": {**(mode.get("Replicated") or {}), "Replicas": count}},
    }
