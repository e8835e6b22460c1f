"""A drill as people write it: what fails, what must hold before, when to give up.

Validated strictly. Nothing in it names a lab or a moment: it can be run again and again.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from quorate.errors import CheckError
from quorate.fleet.entries import Duration, Share, Strict, Text, Words
from quorate.fleet.positions import Mark
from quorate.fleet.problems import Problems
from quorate.fleet.sources import Sources
from quorate.fleet.validate import Codes, validate

CODES = Codes(unknown="Q101", missing="Q102", value="Q103")

FILL = {
    "drill": "drill",
    "target": {"role": "worker"},
    "fault": {"kind": "freeze"},
    "kind": "freeze",
}
"""Stand-ins for what is missing or wrong, so that all problems are found at once."""


SWARM_PORT = 2377
"""On which nodes talk to their managers, and managers to each other."""


class Kind(StrEnum):
    """What happens to the target."""

    POWER_OFF = "power-off"
    STOP_ENGINE = "stop-engine"
    KILL_ENGINE = "kill-engine"
    FREEZE = "freeze"
    PARTITION = "partition"
    PACKET_LOSS = "packet-loss"
    DISK_FULL = "disk-full"
    DRAIN = "drain"
    FREEZE_SERVICE = "freeze-service"

    @property
    def takes_servers(self) -> bool:
        """Whether servers are lost to the swarm, and not only what runs on them."""
        return self not in (Kind.DRAIN, Kind.FREEZE_SERVICE)


def _words(value: Any) -> Any:
    """A command line as its words; no shell is asked."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


Command = Annotated[
    tuple[Text, ...],
    BeforeValidator(_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Target(Strict):
    """What the fault hits: exactly one of the three ways to say it."""

    server: Words = Field((), description="Servers, by name; more than one fail at once.")
    role: Literal["leader", "follower", "worker"] | None = Field(
        None, description="One server of that role; `follower` is a manager that does not lead."
    )
    service: Text | None = Field(
        None, description="The server on which this service runs (the first, where it has more)."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Target:
        if sum(bool(way) for way in (self.server, self.role, self.service)) != 1:
            raise ValueError("give exactly one of server, role, service")
        return self


class FaultEntry(Strict):
    """The fault, and how long it lasts."""

    kind: Kind = Field(
        description="What happens: power-off, freeze, partition … (docs/how-to/drill.md)."
    )
    duration: Duration = Field(60.0, gt=0, le=1800, description="How long it lasts, unless undone.")
    one_way: bool = Field(
        False, description="partition: the target hears nobody, and the others hear it."
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (), description="partition: of these ports only, TCP and UDP; all when not given."
    )
    loss: Share = Field(0.0, description="packet-loss: share of the packets, each way.")

    @property
    def words(self) -> str:
        """What happens, in a few words."""
        more = " one way" if self.one_way else ""
        more += f" of ports {', '.join(map(str, self.ports))}" if self.ports else ""
        more += f" of {self.loss:.0%}" if self.loss else ""
        return f"{self.kind.value}{more}"

    @property
    def takes_away(self) -> bool:
        """Whether Swarm is meant to take the target for lost, and to move what it ran.

        A node is lost when its manager does not hear from it, on port 2377; with its disk full
        it goes on telling (swarmkit, agent/session.go), and some loss TCP makes good.
        """
        if self.kind is Kind.PARTITION:
            return not self.ports or SWARM_PORT in self.ports
        return self.kind not in (Kind.PACKET_LOSS, Kind.DISK_FULL, Kind.FREEZE_SERVICE)


class Steady(Strict):
    """What must hold before anything is broken."""

    availability: Share = Field(0.99, gt=0, description="Share of the probes that are answered.")
    window: Duration = Field(10.0, ge=2, le=600, description="How long it is watched before.")


class GuardsEntry(Strict):
    """What must be true right before the fault, or there is none."""

    managers_after: Literal["quorum", "any"] = Field(
        "quorum", description="`quorum`: enough managers are left; `any` also needs the token."
    )
    capacity: Literal["n-1", "any"] = Field(
        "n-1", description="`n-1`: all that may move finds a place elsewhere."
    )
    backup_age: Duration | None = Field(None, gt=0, description="A backup is no older than this.")


class AbortEntry(Strict):
    """When the fault is undone early."""

    downtime: Duration = Field(
        180.0, gt=0, description="A service that may move has not answered for so long."
    )
    bystander_errors: Share = Field(
        0.05, description="Share of the probes of services that should notice nothing."
    )
    lost_writes: Literal["any", "judged", "allowed"] = Field(
        "judged",
        description="Acknowledged writes that are gone: `any` undoes the fault as soon as one is "
        "seen, `judged` fails the drill at its end, `allowed` only tells.",
    )


class UndoEntry(Strict):
    """When the fault is undone by itself, whatever became of the one who made it."""

    lease: Duration | None = Field(
        None, gt=0, description="After the fault began; its duration and a minute when not given."
    )
    power_on: Command = Field(
        (),
        description="On real servers: what switches `{server}` on again, run on this machine.",
    )


class RepeatEntry(Strict):
    """How often, and when within Swarm's heartbeats."""

    times: int = Field(1, ge=1, le=100, description="How often it is repeated.")
    phase: Literal["random", "none"] = Field(
        "random", description="`random`: begin at a random moment of the heartbeat."
    )


class ProbesEntry(Strict):
    """What is asked for, all the while."""

    per_second: float = Field(10.0, ge=1, le=20, description="Of each service, at each place.")
    services: Words = Field((), description="Services to probe; all that listen when not given.")
    image: Text | None = Field(
        None, description="An image with python3 to probe from; python:3.13-alpine on real servers."
    )
    writes: Words | None = Field(
        None,
        description="Services to write to, Postgres or Redis; those that keep such data "
        "(`state:`) when not given, none with `[]`.",
    )


class Drill(Strict):
    """A Quorate drill."""

    drill: Text = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Its name.")
    target: Target = Field(description="What the fault hits.")
    fault: FaultEntry = Field(description="What happens to it.")
    steady: Steady = Field(default_factory=Steady, description="What must hold before.")
    guards: GuardsEntry = Field(default_factory=GuardsEntry, description="What must be true.")
    abort: AbortEntry = Field(default_factory=AbortEntry, description="When to give up.")
    undo: UndoEntry = Field(default_factory=UndoEntry, description="When it is undone by itself.")
    repeat: RepeatEntry = Field(default_factory=RepeatEntry, description="How often.")
    probes: ProbesEntry = Field(default_factory=ProbesEntry, description="What is asked for.")

    @property
    def lease(self) -> float:
        """Seconds from the fault's begin until it is undone whatever happens."""
        return self.undo.lease or self.fault.duration + 60.0

    @model_validator(mode="after")
    def _fits(self) -> Drill:
        if self.undo.lease is not None and self.undo.lease < self.fault.duration:
            raise ValueError("undo.lease must not end before the fault does (fault.duration)")
        if self.fault.one_way and self.fault.kind is not Kind.PARTITION:
            raise ValueError("fault.one_way is for partitions")
        if self.fault.kind is Kind.FREEZE_SERVICE and self.target.service is None:
            raise ValueError("freeze-service needs target.service: what stands still")
        if self.fault.ports and self.fault.kind is not Kind.PARTITION:
            raise ValueError("fault.ports is for partitions")
        if (self.fault.kind is Kind.PACKET_LOSS) != (self.fault.loss > 0):
            raise ValueError("fault.loss is for packet-loss, which needs it")
        return self


def read_drill(path: Path) -> Drill:
    """The drill of a file.

    Raises:
        CheckError: with every problem found, each as `file:line:column: what; why; what to do`.
    """
    problems = Problems()
    mapping = Sources(problems).mapping(path, Mark(str(path)), what="drill file")
    found = None
    if mapping is not None:
        found = validate(Drill, mapping, problems, CODES, fill=FILL)
    if found is None or problems.has_errors:
        count = len(problems.sorted())
        raise CheckError(
            f"{path}: {count} error{'s' if count != 1 else ''}",
            problems=[str(problem) for problem in problems.sorted()],
            todo="correct them; docs/how-to/drill.md has an example of each kind",
        )
    return found
