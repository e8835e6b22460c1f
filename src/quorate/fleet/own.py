"""What Quorate itself runs in a swarm for a fleet: names and labels by which it is found again.

None has the label `quorate.fleet`: what has that and is in no stack is removed by `quorate up`.
"""

from __future__ import annotations

from collections.abc import Mapping

CONTROLLER = "quorate-controller"
PORT = 9912
"""Of its pages, `/metrics` and `/healthz`."""

LOCK = "quorate-serve"
NOTES = "quorate-serve-notes"
"""Configs of the controller: its lock, and the little that outlasts it."""

LABEL_FLEET = "quorate.job.fleet"
LABEL_CONTROLLER = "quorate.serve"
LABEL_RECEIVER = "quorate.wal"
LABEL_STORE = "quorate.store"
LABEL_SPEC = "quorate.spec"
"""A digest of the rest of a service, by which a change is seen."""


def is_own(labels: Mapping[str, str], fleet: str) -> bool:
    """Whether a service with these labels is one of Quorate's own for a fleet."""
    return labels.get(LABEL_FLEET) == fleet
