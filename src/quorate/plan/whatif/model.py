"""The answer to a what-if: two sides, aspect by aspect, and a recommendation.

Memory and disk in bytes, CPU in speed-1.0 threads, rates in bytes per second,
times in seconds, as in a plan.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from quorate.fleet.model import Model
from quorate.plan.model import LossOutcome, ServerUse


class Winner(StrEnum):
    """The better side of an aspect."""

    BEFORE = "before"
    AFTER = "after"
    TIE = "tie"


class Verdict(StrEnum):
    """What is recommended. The last three answer a loss, which nobody chooses.

    `holds`: everything runs; `partly`: what may move runs, the rest waits for its server;
    `fails`: something that may move finds no room, or no majority of managers is left.
    """

    STAY = "stay"
    CHANGE = "change"
    EITHER = "either"
    HOLDS = "holds"
    PARTLY = "partly"
    FAILS = "fails"


class Reading(Model):
    """One side of an aspect, in words and in figures."""

    text: str
    figure: float | None = Field(
        None, description="What decides the winner, in the aspect's unit; null: not known."
    )
    details: dict[str, float] = Field(
        default_factory=dict, description="Further figures, by what they are."
    )
    lines: tuple[str, ...] = Field((), description="The same in full, where it is long.")


class Aspect(Model):
    """One point of view: both sides and the better one."""

    id: str
    title: str
    unit: str
    better: str = Field(description="`high` or `low`: which figure wins.")
    once: bool = Field(description="A cost of the change itself, paid once; it does not decide.")
    before: Reading
    after: Reading
    winner: Winner


class Cause(StrEnum):
    """Why a service is elsewhere on the other side.

    `global` services have a task on every server they reach, whatever servers there are.
    """

    ASKED = "asked"
    FORCED = "forced"
    SWARM = "swarm"
    REPLANNED = "replanned"
    GLOBAL = "global"


class ServiceChange(Model):
    """A service that is not the same on both sides; `before` and `after` are its homes.

    `memory`, `cpu` and their peaks are what one task uses; the rooms are the least
    that its homes have free for it at baseline, itself left out (null: no home).
    """

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    pending: int = Field(0, description="Tasks that find no server after.")
    cause: Cause
    why: str = ""
    memory: int = 0
    memory_peak: int = 0
    cpu: float = 0.0
    cpu_peak: float = 0.0
    memory_room_before: float | None = None
    memory_room_after: float | None = None
    cpu_room_before: float | None = None
    cpu_room_after: float | None = None


class ServerChange(Model):
    """A server on both sides; null where it is not there."""

    before: ServerUse | None
    after: ServerUse | None


class Transfer(Model):
    """Data that has to follow a service, and how long that takes, in seconds.

    `down` is the time the service stands still when it is stopped first; `down_warm`
    when most is copied while it runs. `size` is null where nobody gave one.
    """

    service: str
    source: str
    target: str
    size: int | None
    seconds: float
    down: float
    down_warm: float
    limited_by: str


class Con(Model):
    """What speaks against the recommendation, and what lessens it."""

    what: str
    mitigation: str


class Recommendation(Model):
    """What to do and why. `decided_by` says which rule of the comparison decided."""

    verdict: Verdict
    headline: str
    decided_by: str
    reasons: tuple[str, ...]
    cons: tuple[Con, ...]


class WhatIf(Model):
    """The answer to a what-if.

    `price` maps each goal of the planner to its points on both sides (lower is
    better); `broken` are hard rules that the after side breaks; `overridden` are
    the owner's words that a move sets aside in thought.
    """

    fleet: str
    asked: tuple[str, ...]
    before_name: str = Field(description="The before side in a few words.")
    after_name: str
    before_is: str
    after_is: str
    aspects: tuple[Aspect, ...]
    recommendation: Recommendation
    services: tuple[ServiceChange, ...]
    servers: dict[str, ServerChange]
    transfers: tuple[Transfer, ...] = ()
    pending: tuple[str, ...] = ()
    loss: LossOutcome | None = Field(None, description="With --lose: all that Swarm may do.")
    broken: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    price: dict[str, tuple[int, int]] = Field(default_factory=dict)
    assumptions: tuple[str, ...] = ()


LOSSES = (Verdict.HOLDS, Verdict.PARTLY, Verdict.FAILS)
