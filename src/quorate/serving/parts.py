"""What the controller needs of the world: few calls, so that each can be played in tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from quorate.backup.jobs.model import Answer
from quorate.backup.policy.agenda import Doing, Item
from quorate.backup.wal.standing import Log
from quorate.errors import QuorateError
from quorate.fleet.datasets import Homes


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that is over. It went well when there is no error, which may be its answer's own.

    `seconds`: from when it was begun until it was known to be over; None: nobody followed it.
    """

    doing: Doing
    answer: Answer | None = None
    error: QuorateError | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """The jobs there are: those that go on, and those that ended since the last look."""

    running: tuple[Doing, ...] = ()
    ended: tuple[Ended, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is seen of the fleet.

    `up`: servers that take jobs. `homes`: where services run. `volumes`: the named volumes on each
    server that was asked. `logs`: how write-ahead logs are received.
    """

    up: frozenset[str]
    homes: Homes = field(default_factory=dict)
    volumes: Mapping[str, Collection[str]] = field(default_factory=dict)
    logs: tuple[Log, ...] = ()


class Starter(Protocol):
    """Starts jobs (docs/adr/0025) and tells of them, also of those that others have started."""

    def start(self, item: Item) -> None:
        """Start a job under the key `item.run`; where it is there already it is the same run.

        Raises:
            QuorateError: it cannot be started.
        """

    def start_together(self, items: Sequence[Item]) -> None:
        """Start a group: its jobs are done one after the other, its services kept still once.

        One that cannot be started is told of as ended.

        Raises:
            QuorateError: none can be started.
        """

    def look(self) -> Looked:
        """All jobs of the fleet; each end is told once.

        Raises:
            QuorateError: the swarm does not answer.
        """


class Sight(Protocol):
    """Looks at the fleet."""

    def look(self) -> Seen:
        """What is seen now.

        Raises:
            QuorateError: the swarm does not answer.
        """


class Notes(Protocol):
    """The little that must outlast the controller and that no repository knows: in the swarm."""

    def load(self) -> Mapping[str, str]:
        """What was saved last; empty at first.

        Raises:
            QuorateError: the swarm does not answer.
        """

    def save(self, said: Mapping[str, str]) -> None:
        """Keep these in place of what was there.

        Raises:
            QuorateError: the swarm does not answer.
        """


@dataclass(frozen=True, kw_only=True)
class Message:
    """What people are told. `bad`: something is wrong."""

    event: str
    title: str
    body: str
    bad: bool = False


class Messenger(Protocol):
    """Tells people; never waits and never raises."""

    def send(self, message: Message) -> None:
        """Take a message to be sent."""

    def troubles(self) -> Mapping[str, str]:
        """Each address with why its last message was not taken; empty: it was."""


Chore = Callable[[], Sequence[str]]
"""Sets something right and says in words what it did: ends stale quiesces, removes leftovers.

It raises QuorateError where it cannot.
"""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All of it. `heartbeat` is called after each good round; `now` is the clock."""

    starter: Starter
    sight: Sight
    notes: Notes
    messenger: Messenger
    now: Callable[[], datetime]
    say: Callable[[str], None]
    heartbeat: Callable[[], None] | None = None
    chores: Mapping[str, Chore] = field(default_factory=dict)
