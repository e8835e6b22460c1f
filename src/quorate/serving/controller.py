"""One round of the controller: look, take in what ended, begin what is due, tell.

Level-triggered (docs/architecture.md): a round compares what is with what should be, and depends
on no former one. What fails in a round is said and tried again in the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from quorate.alerts.metrics import Sample
from quorate.backup.jobs.model import Work
from quorate.backup.policy.agenda import Agenda, Doing, Item, Known
from quorate.backup.policy.coverage import Row, coverage
from quorate.backup.policy.duties import agenda
from quorate.backup.policy.sources import Unprotected, planned, unprotected
from quorate.backup.policy.times import last_until
from quorate.errors import QuorateError
from quorate.fleet.model import Fleet
from quorate.fleet.zones import time_zone
from quorate.serving import news, samples
from quorate.serving.memory import Memory, recalled
from quorate.serving.parts import Ended, Looked, Parts

ASSESS = timedelta(minutes=1)
"""How often the coverage grid is worked out when nothing has changed."""

SETTLED = timedelta(seconds=30)
"""A job that was begun just now may not be seen yet by every manager."""

HEARTBEAT = "heartbeat"
Show = Callable[[tuple[Sample, ...]], None]


class Controller:
    """Decides for one fleet. `good`: when the last round ended in which the swarm answered."""

    def __init__(self, fleet: Fleet, parts: Parts, show: Show) -> None:
        self.fleet, self.parts, self.show = fleet, parts, show
        self.zone = time_zone(fleet.backup.timezone)
        self.memory: Memory | None = None
        self.good: datetime | None = None
        self.rows: tuple[Row, ...] = ()
        self.unprotected: tuple[Unprotected, ...] = ()
        self._assessed: datetime | None = None
        self._saved: Mapping[str, str] = {}
        self._begun: dict[str, Doing] = {}

    def round(self) -> Agenda:
        """One round.

        Returns:
            What was begun, and what waits.

        Raises:
            QuorateError: the swarm does not answer; nothing was begun.
        """
        now = self.parts.now()
        memory = self._recall(now)
        memory.look(self.parts.sight.look(), now)
        memory.rehearsing(on=self.fleet.backup.rehearsing.on, now=now)
        changed = self._take_in(memory, now)
        self._do_chores(memory)
        made = self._begin(memory, now)
        self._assess(memory, now, changed or bool(made.start))
        self._tell(memory, now)
        self._keep_notes(memory)
        self._beat(memory)
        self.good = now
        self._show(memory, made)
        return made

    def failed(self, error: QuorateError) -> None:
        """A round that could not be done: what is known is still shown, and that it is old."""
        if self.memory is not None:
            self._show(self.memory, Agenda(), round_ok=False)
        self.parts.say("; ".join(error.lines()))

    def _recall(self, now: datetime) -> Memory:
        if self.memory is None:
            self._saved = self.parts.notes.load()
            self.memory = recalled(self._saved, now)
        return self.memory

    def _take_in(self, memory: Memory, now: datetime) -> bool:
        """What jobs go on, and what came of those that ended; whether any did."""
        looked = self.parts.starter.look()
        memory.running = looked.running
        ended = (*looked.ended, *self._vanished(looked, now))
        for one in ended:
            self._begun.pop(one.doing.run, None)
            memory.ended(one, now)
            self.parts.say(_how(one))
        memory.forget_old(now)
        return bool(ended)

    def _vanished(self, looked: Looked, now: datetime) -> tuple[Ended, ...]:
        """Jobs that were begun here and are nowhere any more: they failed, whoever took them."""
        there = {one.run for one in looked.running} | {one.doing.run for one in looked.ended}
        return tuple(
            Ended(doing=one, error=_taken_away(one))
            for run, one in self._begun.items()
            if run not in there and now - one.began >= SETTLED
        )

    def _do_chores(self, memory: Memory) -> None:
        for name, chore in self.parts.chores.items():
            try:
                for text in chore():
                    self.parts.say(text)
                memory.troubles.pop(name, None)
            except QuorateError as error:
                self._trouble(memory, name, error)

    def _begin(self, memory: Memory, now: datetime) -> Agenda:
        """Start what may begin; what cannot be started counts as a run that failed."""
        made = agenda(self._known(memory, now))
        memory.lag = made.lag
        for items in made.parts:
            try:
                if len(items) == 1:
                    self.parts.starter.start(items[0])
                else:
                    self.parts.starter.start_together(items)
            except QuorateError as error:
                for item in items:
                    ended = Ended(doing=_doing(item, now), error=error)
                    memory.ended(ended, now)
                    self.parts.say(_how(ended))
                continue
            for item in items:
                with_it = f", with its group {item.group}" if len(items) > 1 else ""
                self.parts.say(f"begun: {item.words} on {item.server}{with_it}")
                self._begun[item.run] = _doing(item, now)
                memory.running = (*memory.running, self._begun[item.run])
        return made

    def _known(self, memory: Memory, now: datetime) -> Known:
        return Known(
            fleet=self.fleet,
            planned=planned(self.fleet, memory.seen.homes),
            snapshots=tuple(memory.copies.values()),
            listed=memory.listed,
            up=memory.seen.up,
            zone=self.zone,
            now=now,
            since=memory.since,
            stale=frozenset(memory.stale),
            running=memory.running,
            attempts=memory.attempts,
            kept=memory.kept,
            rehearsed=memory.rehearsed,
        )

    def _assess(self, memory: Memory, now: datetime, changed: bool) -> None:
        """The coverage grid, once every repository was read: before, nothing is known."""
        names = {one.name for one in self.fleet.backup.repositories}
        if not names <= memory.listed.keys() and not self._tried(memory, names):
            return
        if changed or self._assessed is None or now - self._assessed >= ASSESS:
            self.rows = coverage(
                self.fleet,
                planned(self.fleet, memory.seen.homes),
                memory.copies.values(),
                zone=self.zone,
                now=now,
                since=memory.since,
                rehearsals=memory.history,
            )
            self.unprotected = unprotected(self.fleet, memory.seen.volumes)
            self._assessed = now

    def _tried(self, memory: Memory, names: set[str]) -> bool:
        """Whether those that were not read could not be: then they count as empty."""
        failed = {
            task.partition(" ")[2]
            for task in memory.failing
            if task.startswith(f"{Work.CATALOGUE} ")
        }
        return names <= memory.listed.keys() | failed

    def _tell(self, memory: Memory, now: datetime) -> None:
        if self._assessed is None:
            return
        notify = self.fleet.backup.notify
        wrong = news.wrong(memory, self.rows, self.unprotected, now)
        new, gone = news.changed(memory.told, wrong)
        for message in news.messages(self.fleet.name, new, gone, notify.events):
            self.parts.messenger.send(message)
        memory.told = {**{name: memory.told[name] for name in memory.told if name in wrong}, **new}
        planned_for = last_until(notify.digest, self.zone, now)
        if planned_for is not None and planned_for > memory.digest:
            memory.digest = planned_for
            if "digest" in notify.events:
                text = news.digest(self.fleet.name, self.rows, wrong, self.zone, now)
                self.parts.messenger.send(text)

    def _keep_notes(self, memory: Memory) -> None:
        notes = memory.notes()
        if notes != self._saved:
            self.parts.notes.save(notes)
            self._saved = notes

    def _beat(self, memory: Memory) -> None:
        if self.parts.heartbeat is None:
            return
        try:
            self.parts.heartbeat()
            memory.troubles.pop(HEARTBEAT, None)
        except QuorateError as error:
            self._trouble(memory, HEARTBEAT, error)

    def _trouble(self, memory: Memory, name: str, error: QuorateError) -> None:
        why = "; ".join(error.lines())
        if memory.troubles.get(name) != why:
            self.parts.say(f"{name}: {why}")
        memory.troubles[name] = why

    def _show(self, memory: Memory, made: Agenda, *, round_ok: bool = True) -> None:
        now = self.parts.now()
        chores = [*self.parts.chores, *([HEARTBEAT] if self.parts.heartbeat else [])]
        self.show(
            (
                *samples.backup_samples(
                    self.fleet.name,
                    memory,
                    self.rows,
                    self.unprotected,
                    self.fleet.backup.repositories,
                    now,
                ),
                *samples.controller_samples(
                    self.fleet.name,
                    memory,
                    round_ok=round_ok,
                    waiting=len(made.waiting),
                    addresses=self.parts.messenger.troubles(),
                    chores=chores,
                    looked=self.good,
                    now=now,
                ),
            )
        )


def _doing(item: Item, now: datetime) -> Doing:
    return Doing(
        work=item.work,
        run=item.run,
        server=item.server,
        repository=item.repository,
        source=item.source,
        origin=item.origin,
        began=now,
    )


def _taken_away(doing: Doing) -> QuorateError:
    return QuorateError(
        f"the {doing.work.value} of {doing.source or doing.repository} was removed by somebody",
        cause="its service is gone from the swarm, and its answer with it",
        todo="see who else works on the fleet; it is tried again",
    )


def _how(one: Ended) -> str:
    """How a job ended, for the log."""
    words = " ".join(filter(None, (one.doing.work.value, one.doing.source, one.doing.repository)))
    if one.error is not None:
        return f"failed: {words}: {'; '.join(one.error.lines())}"
    took = f" after {one.answer.seconds:.0f} s" if one.answer else ""
    return f"done: {words}{took}"
