"""A fleet's backups played through in made-up time: a fake of everything but the decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from quorate.backup.jobs.model import Work
from quorate.backup.model import Kind, Proof, Snapshot
from quorate.backup.policy.agenda import Doing, Item, Known
from quorate.backup.policy.duties import agenda
from quorate.backup.policy.rehearsals import Rehearsal, with_one_more
from quorate.backup.policy.runs import Attempt, after
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Fleet
from quorate.fleet.zones import time_zone

MINUTE = timedelta(minutes=1)
Fate = Callable[[Item, int], tuple[bool, timedelta]]
"""A job and how many were begun before it → whether it goes well, and how long it takes."""


def at_once(item: Item, number: int) -> tuple[bool, timedelta]:
    return True, MINUTE


@dataclass
class FakeFleet:
    """What a fleet would have come to: copies, jobs that run, what each run came to."""

    fleet: Fleet
    now: datetime
    fate: Fate = at_once
    copies: dict[tuple[str, str], Snapshot] = field(default_factory=dict)
    listed: dict[str, datetime] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    kept: dict[str, datetime] = field(default_factory=dict)
    running: dict[str, tuple[Item, datetime, datetime, bool]] = field(default_factory=dict)
    begun: list[tuple[datetime, Item]] = field(default_factory=list)
    done: list[tuple[datetime, Item, bool]] = field(default_factory=list)
    down: frozenset[str] = frozenset()
    rehearsed: dict[str, tuple[Rehearsal, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.since = self.now
        self.number = 0
        self.planned = planned(self.fleet)

    def known(self) -> Known:
        return Known(
            fleet=self.fleet,
            planned=self.planned,
            snapshots=tuple(self.copies.values()),
            listed=self.listed,
            up=frozenset(server.name for server in self.fleet.servers) - self.down,
            zone=time_zone(self.fleet.backup.timezone),
            now=self.now,
            since=self.since,
            running=tuple(self._doing(item, began) for item, began, *_ in self.running.values()),
            attempts=self.attempts,
            kept=self.kept,
            rehearsed=self.rehearsed,
        )

    def step(self, span: timedelta) -> None:
        """Time passes: jobs end, what is due begins."""
        self.now += span
        for run, (item, _, ends, ok) in sorted(self.running.items(), key=lambda one: one[1][2]):
            if ends <= self.now:
                del self.running[run]
                self._end(item, ends, ok)
        for item in agenda(self.known()).start:
            assert item.run not in self.running
            ok, span = self.fate(item, len(self.begun))
            self.begun.append((self.now, item))
            self.running[item.run] = (item, self.now, self.now + span, ok)

    def until(self, end: datetime, span: timedelta = 10 * MINUTE) -> FakeFleet:
        while self.now < end:
            self.step(span)
        return self

    def restart(self) -> None:
        """Whoever decides is replaced: it knows what lies in the swarm and in repositories.

        What runs goes on, and notes (`kept`, `rehearsed`) are there.
        """
        self.attempts, self.listed, self.since = {}, {}, self.now

    def runs(self, work: Work, source: str = "") -> list[str]:
        """What was begun: `DAY HOUR:MINUTE name`, UTC."""
        return [
            f"{when:%d %H:%M} {item.source or item.repository}"
            for when, item in self.begun
            if item.work is work and (not source or item.source == source)
        ]

    def _doing(self, item: Item, began: datetime) -> Doing:
        return Doing(
            work=item.work,
            run=item.run,
            server=item.server,
            repository=item.repository,
            source=item.source,
            origin=item.origin,
            began=began,
        )

    def _end(self, item: Item, when: datetime, ok: bool) -> None:
        self.done.append((when, item, ok))
        former = self.attempts.get(item.run)
        self.attempts[item.run] = after(former, ok=ok, ended=when)
        if not ok:
            if item.work is Work.REHEARSE:
                self._rehearsed(item, Rehearsal(at=when, ok=False, why="it failed"))
            return
        match item.work:
            case Work.CATALOGUE:
                self.listed[item.repository] = when
            case Work.BACKUP:
                self._store(item, when)
            case Work.COPY:
                self._copy(item, when)
            case Work.PROVE:
                copy = self.copies[item.repository, item.snapshot]
                proof = Proof(snapshot=copy.id, repository=copy.repository, at=when, ok=True)
                self.copies[item.repository, item.snapshot] = replace(copy, proof=proof)
            case Work.CHECK | Work.PRUNE:
                self.kept[f"{item.work}:{item.repository}"] = when
            case Work.REHEARSE:
                self._rehearsed(item, Rehearsal(at=when, ok=True, copy_id=item.snapshot))
            case _:
                pass

    def _rehearsed(self, item: Item, one: Rehearsal) -> None:
        self.rehearsed[item.source] = with_one_more(self.rehearsed.get(item.source, ()), one)

    def _store(self, item: Item, when: datetime) -> None:
        self.number += 1
        copy = Snapshot(
            id=f"copy-{self.number:06}",
            source=item.source,
            kind=Kind.POSTGRES,
            repository=item.repository,
            taken=when,
            received=when,
            complete=True,
            server=item.server,
            size=1000,
            run=item.run,
        )
        self.copies[copy.repository, copy.id] = copy

    def _copy(self, item: Item, when: datetime) -> None:
        there = {copy.original for copy in self.copies.values() if copy.original}
        for copy in list(self.copies.values()):
            if copy.repository == item.origin and copy.id not in there:
                far = replace(
                    copy,
                    id=f"far-{copy.id}",
                    original=copy.id,
                    repository=item.repository,
                    received=when,
                    proof=None,
                )
                self.copies[far.repository, far.id] = far
