"""What an operation is: steps in order, what could be lost, what was decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from quorate.fleet.model import Model

Facts = dict[str, Any]
"""What steps tell later ones; JSON-ready. No secret may be among it: it is kept."""


class State(StrEnum):
    """Of a step and of an operation. A step that is `begun` may have happened or not.

    An operation that is `abandoned` was left as it stood, neither finished nor undone.
    """

    PLANNED = "planned"
    BEGUN = "begun"
    DONE = "done"
    UNDONE = "undone"
    ABANDONED = "abandoned"


class Step(Model):
    """One step. `id` is unique in its operation; `says` goes on with "next: …".

    `seconds` is what it is expected to take, None where nobody knows. `back` says what undoing
    it does, empty where nothing is to be undone. After a `final` step there is no undoing.
    Steps of one `group`, which follow one another, are carried out side by side, those of one
    `lane` of it (a server) in turn.
    """

    id: str
    says: str
    seconds: float | None = None
    back: str = ""
    final: bool = False
    group: str = ""
    lane: str = ""


class Operation(Model):
    """What is to be done, as it is shown before it is agreed to.

    `kind` is the verb ("move", "recover database"); `subject` the service or server. `loses`
    says what could be lost, empty for nothing. `facts` are what was decided and steps need.
    """

    kind: str
    subject: str
    fleet: str
    steps: tuple[Step, ...]
    loses: str = ""
    warnings: tuple[str, ...] = ()
    facts: Facts = Field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """What all of it is expected to take; None where a step's time is not known."""
        whole: dict[str, dict[str, float]] = {}
        for step in self.steps:
            if step.seconds is None:
                return None
            lanes = whole.setdefault(step.group or f"alone:{step.id}", {})
            lanes[step.lane] = lanes.get(step.lane, 0.0) + step.seconds
        return sum(max(lanes.values()) for lanes in whole.values())


class Entry(Model):
    """How it stands with one step. `at` is when it came to that; `seconds` what it took."""

    step: str
    state: State
    at: str
    seconds: float | None = None


class Journal(Model):
    """An operation and how far it is. `back` when it is being undone.

    `facts` begins as the operation's own and grows with what its steps tell.
    """

    id: str
    operation: Operation
    started: str
    who: str
    state: State = State.BEGUN
    back: bool = False
    entries: tuple[Entry, ...] = ()
    facts: Facts = Field(default_factory=dict)
    trouble: str = ""

    @property
    def open(self) -> bool:
        """Whether it has to be resumed or undone."""
        return self.state is State.BEGUN

    def of(self, step: str) -> State:
        """How it stands with a step."""
        return next((one.state for one in self.entries if one.step == step), State.PLANNED)

    def next_forward(self) -> Step | None:
        """The first step that is not done."""
        return next((s for s in self.operation.steps if self.of(s.id) is not State.DONE), None)

    def beside(self, step: Step) -> tuple[Step, ...]:
        """A step, and all others of its group that are not done either; in order."""
        return tuple(
            one
            for one in self.operation.steps
            if one.id == step.id
            or (step.group and one.group == step.group and self.of(one.id) is not State.DONE)
        )

    def next_back(self) -> Step | None:
        """The last step that was begun or done, and is not undone."""
        return next(reversed(self.left()), None)

    def left(self) -> tuple[Step, ...]:
        """The steps that were begun or done and are not undone."""
        touched = (State.BEGUN, State.DONE)
        return tuple(step for step in self.operation.steps if self.of(step.id) in touched)

    def sealed(self) -> Step | None:
        """The last final step that was begun: then nothing can be undone any more."""
        steps = reversed(self.operation.steps)
        return next((s for s in steps if s.final and self.of(s.id) is not State.PLANNED), None)

    def marked(
        self,
        step: str,
        state: State,
        *,
        at: str,
        seconds: float | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Journal:
        """The journal after a step has come to a state, and told these facts."""
        entry = Entry(step=step, state=state, at=at, seconds=seconds)
        others = tuple(one for one in self.entries if one.step != step)
        told = {**self.facts, **(facts or {})}
        return self.model_copy(update={"entries": (*others, entry), "facts": told, "trouble": ""})

    def ended(self, state: State) -> Journal:
        """The journal of an operation that is over."""
        return self.model_copy(update={"state": state, "trouble": ""})

    def troubled(self, words: str) -> Journal:
        """The journal with what stopped it."""
        return self.model_copy(update={"trouble": words})

    def further(self, *steps: Step) -> Journal:
        """The journal of an operation that was done, with more to do."""
        operation = self.operation.model_copy(update={"steps": (*self.operation.steps, *steps)})
        return self.model_copy(update={"operation": operation, "state": State.BEGUN})

    def turned(self) -> Journal:
        """The journal of the same operation, being undone from here."""
        return self.model_copy(update={"back": True, "trouble": "", "state": State.BEGUN})
