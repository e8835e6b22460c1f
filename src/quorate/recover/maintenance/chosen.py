"""What the choosing of maintenance shares: steps and what each is to work on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from quorate.recover.model import Step

Item = TypeVar("Item")

PAUSE, MOVE, HAND_OVER, STOP = "pause", "move", "hand-over", "stop"
DEMOTE, DRAIN = "demote", "drain"
ACTIVATE, PROMOTE, START, HOME = "activate", "promote", "start", "home"
GATE, ROUND_OUT, ENGINE, ROUND_BACK = "gate", "out", "engine", "back"
"""What a step does; `acting.WORK` has the doing."""

NODE_SECONDS = 2.0
ROLE_SECONDS = 8.0
EMPTY_SECONDS = 12.0
SWITCHOVER_SECONDS = 20.0
"""What handing over is expected to take; how long it does is the database's own."""


@dataclass
class Course:
    """Steps in order, and for each what its action has to know."""

    steps: list[Step] = field(default_factory=list)
    work: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, step: Step, do: str, **details: Any) -> None:
        """One more step. `do`: one of the words above."""
        self.steps.append(step)
        self.work[step.id] = {"do": do, **details}


def batches(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    """A few at a time, in their order."""
    return (items[at : at + size] for at in range(0, len(items), max(1, size)))
