"""Specs of services that are being moved or are stopped: what is changed, and what is kept. Pure.

What a service was like before lies in its own labels, written by the very update that changes it
and removed by the very update that ends it: whoever comes next knows what to give back. Specs are
the engine's own (`Spec` of GET /services); they go back as they came, but for what is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from quorate.backup.policy.quiesce import labels_of, replicas_of
from quorate.errors import MachineError

STEERED = "quorate.steered"
STOPPED_FOR = "quorate.drained"
REPLICAS = "quorate.drained.replicas"

SECOND = 1_000_000_000
MONITOR_SECONDS = 3
"""How long a moved task is watched for an early end before its move counts as done."""

Spec = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a steered service had before, and what it was given.

    `constraints` are those that were added; `update` its former settings of updates, None where it
    had none; `replicas` as many as it is to have.
    """

    constraints: tuple[str, ...]
    update: dict[str, Any] | None
    replicas: int

    @property
    def label(self) -> str:
        return json.dumps(vars(self), sort_keys=True)


def record_of(spec: Spec) -> Record | None:
    """The record of a steered service; None where it is not steered.

    Raises:
        MachineError: nobody can read it, so nobody knows what to give back.
    """
    text = labels_of(spec).get(STEERED)
    if text is None:
        return None
    try:
        raw = json.loads(text)
        return Record(
            constraints=tuple(str(one) for one in raw["constraints"]),
            update=raw["update"],
            replicas=int(raw["replicas"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        name = str(spec.get("Name") or "SERVICE")
        raise MachineError(
            f"{name}: its label {STEERED} cannot be read, and with it what the service was like "
            "before it was steered",
            cause="somebody changed the label, or another version of Quorate wrote it",
            todo=f"see its constraints, update settings and replicas: `docker service inspect "
            f"--pretty {name}`; put back by hand what is not as the fleet file has it, and remove "
            f"the label: `docker service update --detach --label-rm {STEERED} --constraint-rm … "
            f"{name}`; then `quorate operations resume`",
        ) from error


def steered(spec: Spec, constraints: Iterable[str], *, start_first: bool) -> dict[str, Any]:
    """The spec that moves what these constraints no longer allow, one task after another.

    Swarm leaves alone every task whose server they still allow. A service that is steered already
    is steered anew; its record stays that of the first time.
    """
    base = released(spec)
    had = _constraints(base)
    added = tuple(one for one in constraints if one not in had)
    record = Record(
        constraints=added, update=base.get("UpdateConfig"), replicas=replicas_of(base) or 0
    )
    out = _constrained(base, [*had, *added])
    out["Labels"] = {**labels_of(base), STEERED: record.label}
    out["UpdateConfig"] = {
        "Parallelism": 1,
        "Delay": 0,
        "FailureAction": "pause",
        "Monitor": MONITOR_SECONDS * SECOND,
        "MaxFailureRatio": 0,
        "Order": "start-first" if start_first else "stop-first",
    }
    return out


def crowded(spec: Spec, more: int) -> dict[str, Any]:
    """The spec of a steered service with some replicas more than it is to have."""
    record = record_of(spec)
    return scaled(spec, record.replicas + more) if record is not None else dict(spec)


def released(spec: Spec) -> dict[str, Any]:
    """The spec as it was before it was steered; as it is where it is not.

    Raises:
        MachineError: its record cannot be read.
    """
    labels, record = labels_of(spec), record_of(spec)
    if record is None:
        return dict(spec)
    out: dict[str, Any] = {**spec, "Labels": {k: v for k, v in labels.items() if k != STEERED}}
    out = _constrained(out, [one for one in _constraints(out) if one not in record.constraints])
    out.pop("UpdateConfig", None)
    if record.update is not None:
        out["UpdateConfig"] = record.update
    return scaled(out, record.replicas)


def stopped(spec: Spec, server: str) -> dict[str, Any]:
    """The spec that scales a service to 0, and says for which server and from how many replicas."""
    if stopped_for(spec) is not None:
        return dict(spec)
    said = {STOPPED_FOR: server, REPLICAS: str(replicas_of(spec) or 0)}
    return {**scaled(spec, 0), "Labels": {**labels_of(spec), **said}}


def started(spec: Spec) -> dict[str, Any]:
    """The spec that ends it. One that somebody has scaled meanwhile stays as that person wants."""
    labels = labels_of(spec)
    if STOPPED_FOR not in labels:
        return dict(spec)
    out: dict[str, Any] = {
        **spec,
        "Labels": {k: v for k, v in labels.items() if k not in (STOPPED_FOR, REPLICAS)},
    }
    if replicas_of(spec):
        return out
    text = labels.get(REPLICAS, "")
    return scaled(out, int(text) if text.isdigit() else 1)


def stopped_for(spec: Spec) -> str | None:
    """The server for whose sake a service is stopped; None: it is not."""
    return labels_of(spec).get(STOPPED_FOR)


def scaled(spec: Spec, replicas: int) -> dict[str, Any]:
    """The spec with that many replicas."""
    mode = dict(spec.get("Mode") or {})
    replicated = {**(mode.get("Replicated") or {}), "Replicas": replicas}
    return {**spec, "Mode": {**mode, "Replicated": replicated}}


def _constraints(spec: Spec) -> tuple[str, ...]:
    template = spec.get("TaskTemplate") or {}
    return tuple((template.get("Placement") or {}).get("Constraints") or ())


def _constrained(spec: Spec, constraints: list[str]) -> dict[str, Any]:
    template = dict(spec.get("TaskTemplate") or {})
    placement = dict(template.get("Placement") or {})
    if constraints:
        placement["Constraints"] = constraints
    else:
        placement.pop("Constraints", None)
    return {**spec, "TaskTemplate": {**template, "Placement": placement}}
