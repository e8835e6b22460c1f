"""What `status --deep` looks at, and what it finds. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from quorate.fleet.model import Model
from quorate.fleet.observed import Snapshot


class Check(StrEnum):
    """What is looked for."""

    SWARM = "swarm"
    NAMES = "name resolution"
    DEAD_NODE = "tasks on a dead node"
    STRAY = "stray container"
    ADDRESS = "duplicate address"
    PENDING = "pending in spite of room"
    ENGINE = "engine that hangs"
    SKEW = "replicas not spread"
    SETTINGS = "settings drifted"
    DISK = "disk space"
    CERTIFICATE = "certificate"
    CLOCK = "clock"
    VOLUME = "shared volume"
    QUIESCE = "left stopped by a backup"


PASSING = frozenset(
    (Check.NAMES, Check.DEAD_NODE, Check.STRAY, Check.ADDRESS, Check.PENDING, Check.SKEW)
)
"""What may be so for a moment in a swarm that is well: a fault only when a second look sees it."""


class Grade(StrEnum):
    """A fault is so now. A note was so, or may be meant. Unchecked: it could not be looked at."""

    FAULT = "fault"
    NOTE = "note"
    UNCHECKED = "not checked"


class Kind(StrEnum):
    """What a mend does."""

    RESTART = "restart the service's tasks"
    REMOVE = "remove the container"
    REPLACE = "have the node's tasks replaced"
    TUNE = "set the swarm's settings"
    PRUNE = "remove unused layers"
    UP = "quorate up"


class Action(Model):
    """A mend that Quorate can do: to a service (its name), a container or a node (their ids)."""

    kind: Kind
    target: str = ""
    server: str = ""


class Finding(Model):
    """One thing found: what, where, why it matters, and its mend."""

    check: Check
    grade: Grade = Grade.FAULT
    where: str = Field(description="A server, or several.")
    subject: str = Field("", description="The service, container (id) or node (id) it is about.")
    what: str
    why: str = Field("", description="Why it matters.")
    mend: str = Field("", description="In words; for a person where there is no action.")
    action: Action | None = Field(None, description="What --mend does.")

    @property
    def key(self) -> tuple[Check, str]:
        """By which a second look knows it again."""
        return self.check, self.subject or self.where


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The swarm's own: the dispatcher heartbeat (seconds) and the task history."""

    heartbeat: float
    task_history: int | None


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The file system of an engine's data root; bytes."""

    path: str
    size: int
    free: int


@dataclass(frozen=True, kw_only=True)
class Validity:
    """From when to when a certificate is valid; UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far a server's clock is ahead of another, and how far off that may be; seconds."""

    ahead: float
    error: float


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What one server told of itself. `raft`: what its raft log takes, in bytes, on a manager
    whose ssh user may read it. `unread`: what it did not tell, and why.
    """

    server: str
    disk: Disk | None = None
    raft: int | None = None
    certificate: Validity | None = None
    clock: Clock | None = None
    unread: Mapping[Check, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a container on a server was told by its resolver: name → addresses, none where none.

    `networks` are the ids of those the container is in.
    """

    server: str
    container: str
    networks: frozenset[str]
    found: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """When a container ran; `until` is None while it does."""

    container: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything seen at one look.

    `homes`: service id → planned servers. `unasked`: server → why its names could not be
    checked. `unread`: what could not be looked at anywhere, and why.
    """

    snapshot: Snapshot
    swarm: bool
    why: str = ""
    homes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Settings | None = None
    servers: Mapping[str, ServerFacts] = field(default_factory=dict)
    answers: tuple[Answers, ...] = ()
    unasked: Mapping[str, str] = field(default_factory=dict)
    ran: Mapping[str, Ran] = field(default_factory=dict)
    unread: Mapping[Check, str] = field(default_factory=dict)
