"""What would have to change: steps over rules, and figures that turn the price."""

from __future__ import annotations

from pydantic import Field

from quorate.fleet.model import Model


class Step(Model):
    """One thing to change; `verified`: with it, and those before it, the rule is kept."""

    rule: str = Field(description="Kind of the rule that forbids it.")
    what: str = Field(description="The rule, in words.")
    change: str = Field(description="What to do about it.")
    verified: bool


class Turn(Model):
    """One figure that alone makes the planner prefer the server, its least such value.

    `verified`: the planner, asked anew with that figure, put the service there.
    """

    what: str
    unit: str
    now: float
    needed: float
    verified: bool


class WhyNot(Model):
    """`extra`: what it costs more there, by goal, once the steps are taken."""

    server: str
    steps: tuple[Step, ...]
    allowed: bool = Field(description="Whether all rules are kept once the steps are taken.")
    extra: dict[str, int] = Field(default_factory=dict)
    points: int = 0
    moves_then: bool = Field(
        False, description="Whether the planner puts it there once the steps are taken."
    )
    along: tuple[str, ...] = Field((), description="Services that have to move along.")
    turns: tuple[Turn, ...] = ()
    words: str = ""
