"""A fake of all that the controller reaches: jobs that end at once, a clock that runs ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quorate.backup.jobs.model import Answer, Copied, Work
from quorate.backup.model import Kind
from quorate.backup.policy.agenda import Doing, Item
from quorate.backup.wal.standing import Log
from quorate.errors import MachineError, QuorateError
from quorate.fleet.model import Fleet
from quorate.serving.parts import Chore, Ended, Looked, Message, Parts, Seen, Starter


class FakeClock:
    """Each look at it moves it on."""

    def __init__(self, start: datetime, step: timedelta) -> None:
        self.moment, self.step = start, step

    def __call__(self) -> datetime:
        self.moment += self.step
        return self.moment


@dataclass
class FakeSwarm:
    """Repositories, jobs and notes of a fleet that is not there.

    `errors`: what jobs end with, by their words. `refuses`: a swarm that does not answer.
    """

    fleet: Fleet
    clock: FakeClock
    copies: dict[tuple[str, str], Copied] = field(default_factory=dict)
    errors: dict[str, QuorateError] = field(default_factory=dict)
    started: list[Item] = field(default_factory=list)
    jobs: list[Item] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    told: list[Message] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    beats: int = 0
    refuses: bool = False
    loses: bool = False
    hangs: threading.Event = field(default_factory=threading.Event)
    logs: tuple[Log, ...] = ()

    def parts(
        self,
        *,
        starter: Starter | None = None,
        heartbeat: Callable[[], None] | None = None,
        chores: Mapping[str, Chore] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Parts:
        return Parts(
            starter=starter or FakeStarter(self),
            sight=FakeSight(self),
            notes=FakeNotes(self),
            messenger=FakeMessenger(self),
            now=self.clock,
            say=say or self.log.append,
            heartbeat=heartbeat or self.beat,
            chores=chores or {},
        )

    def beat(self) -> None:
        self.beats += 1

    def works(self) -> list[str]:
        return [item.words for item in self.started]


class FakeStarter:
    """Jobs that have ended when they are looked at next."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm

    def start(self, item: Item) -> None:
        self.swarm.started.append(item)
        self.swarm.jobs.append(item)

    def start_together(self, items: Sequence[Item]) -> None:
        self.swarm.groups.append([item.source for item in items])
        for item in items:
            self.start(item)

    def look(self) -> Looked:
        if self.swarm.hangs.is_set():
            threading.Event().wait()
        if self.swarm.refuses:
            raise MachineError("no manager answers", cause="the fake refuses")
        jobs, self.swarm.jobs = self.swarm.jobs, []
        if self.swarm.loses:
            return Looked()
        return Looked(ended=tuple(self._end(item) for item in jobs))

    def _end(self, item: Item) -> Ended:
        now = self.swarm.clock.moment
        doing = Doing(
            work=item.work,
            run=item.run,
            server=item.server,
            repository=item.repository,
            source=item.source,
            origin=item.origin,
            began=now,
        )
        error = self.swarm.errors.get(item.words)
        if error is not None:
            return Ended(doing=doing, error=error)
        copies = self._copies(item, now)
        for copy in copies:
            self.swarm.copies[copy.repository, copy.id] = copy
        answer = Answer(
            work=item.work, run=item.run, source=item.source, copies=copies, seconds=12.0, peak=99
        )
        return Ended(doing=doing, answer=answer)

    def _copies(self, item: Item, now: datetime) -> tuple[Copied, ...]:
        there = self.swarm.copies
        match item.work:
            case Work.CATALOGUE:
                return tuple(one for place, one in there.items() if place[0] == item.repository)
            case Work.BACKUP:
                return (made(item, now, len(there)),)
            case Work.COPY:
                known = {one.original for one in there.values()}
                return tuple(
                    one.model_copy(
                        update={
                            "id": f"far-{one.id}",
                            "original": one.id,
                            "repository": item.repository,
                            "received": now,
                            "proven": None,
                        }
                    )
                    for (repository, _), one in there.items()
                    if repository == item.origin and one.id not in known
                )
            case Work.PROVE | Work.REHEARSE:
                copy = there[item.repository, item.snapshot]
                proof = {"proven": True, "proven_at": now, "proof_seconds": 40.0}
                return (copy.model_copy(update=proof),)
        return ()


class FakeSight:
    """Every server of the fleet is up."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm

    def look(self) -> Seen:
        up = frozenset(server.name for server in self.swarm.fleet.servers)
        return Seen(up=up, logs=self.swarm.logs)


class FakeNotes:
    """Notes in a dictionary."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm

    def load(self) -> Mapping[str, str]:
        return dict(self.swarm.said)

    def save(self, said: Mapping[str, str]) -> None:
        self.swarm.said = dict(said)


class FakeMessenger:
    """Keeps what people would have been told."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm

    def send(self, message: Message) -> None:
        self.swarm.told.append(message)

    def troubles(self) -> Mapping[str, str]:
        return {"ops": ""}


def made(item: Item, now: datetime, number: int) -> Copied:
    """A copy as a job would tell of it."""
    return Copied(
        id=f"copy-{number:05}",
        source=item.source,
        kind=Kind.POSTGRES,
        repository=item.repository,
        taken=now,
        received=now,
        complete=True,
        server=item.server,
        size=1000,
        added=100,
        run=item.run,
    )
