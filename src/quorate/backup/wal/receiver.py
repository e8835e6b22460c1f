"""The receiver of one Postgres' log: a loop that looks, and does what is lacking.

It keeps nothing in mind that matters: killed at any moment, it goes on from its files and the
primary's slot. The slot holds back what was not received, up to its bound; beyond it the primary
gives the slot up, which is a hole: a new slot and a new base backup mend it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Event

from quorate.backup.policy.wal import Base, Break, base_due, surplus, windows
from quorate.backup.wal import health as files
from quorate.backup.wal import store, watching
from quorate.backup.wal.feeding import newest
from quorate.backup.wal.model import Health, Kept, Slot, State, Told
from quorate.backup.wal.store import Store
from quorate.backup.wal.watching import Look
from quorate.errors import CommandError, MachineError
from quorate.fleet.zones import time_zone
from quorate.tools import clock, command

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds until the receiving program is begun again: twice as long each time it ends at once."""
LIVED = 30.0
"""Seconds after which a program that ended counts as one that had worked."""
DEAF_SECONDS = 20.0
"""The primary answers, and nobody receives from it for so long: the program is begun anew. After a
power cut it sits on a connection until TCP gives that up (tcp_retries2: some 15 minutes)."""
TELL_SECONDS = 60.0
"""Between two lines of its log while nothing changes: the controller reads the last one."""
END_SECONDS = 15.0
LOG_BYTES = 8 * 2**20


class Receiver:
    """One log; `run` ends when it is told to. `say` takes a line of its service's log."""

    def __init__(self, told: Told, kept_in: Store, say: Callable[[str], None]) -> None:
        self.told, self.store, self.say = told, kept_in, say
        self.zone = time_zone(told.timezone)
        self.kept = files.read_kept(kept_in.places.state)
        before = files.read_health(kept_in.places.health)
        self.progress = watching.Progress(until=before.until if before else None)
        self.bases: tuple[Base, ...] = kept_in.bases()
        self.state, self.why, self.making = State.STARTING, "", ""
        self.slot: Slot | None = None
        self.seen: Look | None = None
        self.restarts = 0
        self._receiving: command.Spawned | None = None
        self._basing: command.Spawned | None = None
        self._begun = self._archived = self._heard = -LONGEST_PAUSE
        self._pause = 0.0
        self._said: tuple[State, str, bool] | None = None
        self._told = 0.0

    def run(self, stop: Event) -> None:
        """Receive until `stop` is set; then end what runs, and put away what is whole."""
        try:
            while not stop.is_set():
                self.turn()
                stop.wait(self.told.every)
        finally:
            self._end(self._basing)
            self._end(self._receiving)
        self._archive()
        self.state, self.why, self.making = State.STOPPED, "", ""
        self._basing = None
        self._report()

    def turn(self) -> None:
        """Look, do what is lacking, say how it is."""
        try:
            self.seen = watching.look(self.store.server, self.told.slot, self.store.programs)
        except CommandError as error:
            self.state, self.why = State.UNREACHABLE, " ".join(error.lines())
        else:
            try:
                self._converge(self.seen)
            except MachineError as error:
                self.state, self.why = State.FAILING, " ".join(error.lines())
        self._report()

    def _converge(self, seen: Look) -> None:
        self.slot = seen.slot
        if foreign := self._foreign(seen):
            self.state, self.why = State.FOREIGN, foreign
            self._end_receiving()
            return
        if seen.slot is None or seen.slot.status == "lost":
            self._mend(seen)
            return
        self._receive()
        if seen.received is None:
            if self.state in (State.STREAMING, State.UNREACHABLE):
                self.state, self.why = State.STARTING, ""
            if clock.monotonic() - max(self._begun, self._heard) > DEAF_SECONDS:
                self.restarts += self._receiving is not None
                self._end_receiving()
            return
        self._heard = clock.monotonic()
        self.state, self.why = State.STREAMING, self._base_trouble()
        if self.kept.since is None:
            self._whole_again(seen)
        self.progress.add(seen)
        if clock.monotonic() - self._archived > self.told.archive_every:
            self._archive()
        self._base_backup(seen)

    def _foreign(self, seen: Look) -> str:
        """Why this is not the Postgres of this log: another one's would not fit to it."""
        if seen.standby:
            return "it is a standby: its primary is to be named"
        if not self.kept.system:
            self._keep(system=seen.system)
        if seen.system == self.kept.system:
            return ""
        return (
            f"another Postgres answers (system {seen.system}; the log here is of "
            f"{self.kept.system}): move {self.store.places.home} away, and a new log begins"
        )

    def _mend(self, seen: Look) -> None:
        """A new slot where there is none, or where the primary gave it up; with it a hole."""
        lost = seen.slot is not None
        if lost:
            self.state = State.LOST
            self.why = (
                "the primary gave the slot up: it would have held back more than it may "
                "(max_slot_wal_keep_size); a new slot and a new base backup are made"
            )
            self._report()
        self._end_receiving()
        self._hole(seen.now)
        self._archive()
        self.store.set_aside()
        if lost:
            self.store.barman.drop_slot()
        self.store.barman.create_slot()
        self._pause = 0.0
        self._receive()

    def _hole(self, now: datetime) -> None:
        """Write down that nothing is received from here on."""
        self.progress.forget()
        if self.kept.since is None:
            return
        last = newest(self.store.places)
        new = Break(begin=self.progress.until or now, segment=last)
        self._keep(since=None, breaks=(*self.kept.breaks, new) if self.bases else ())

    def _whole_again(self, seen: Look) -> None:
        breaks = self.kept.breaks
        if breaks and breaks[-1].end is None:
            breaks = (*breaks[:-1], replace(breaks[-1], end=seen.now))
        self._keep(since=seen.now, breaks=breaks)

    def _receive(self) -> None:
        """Have the receiving program run; ever longer pauses where it ends at once."""
        if self._receiving is not None and self._receiving.poll() is None:
            return
        now = clock.monotonic()
        if self._receiving is not None:
            self.restarts += 1
            self.state, self.why = State.FAILING, self.store.last_words()
            worked = now - self._begun > LIVED
            self._pause = FIRST_PAUSE if worked else min(2 * self._pause, LONGEST_PAUSE)
            self._end_receiving()
            self._begun = now
        if now - self._begun >= self._pause:
            self._pause = max(self._pause, FIRST_PAUSE)
            self._receiving, self._begun = self.store.receive(), now

    def _archive(self) -> None:
        """Put whole segments away; Barman is asked only where there are any."""
        if self.store.segments():
            self.store.barman.archive()
        # What is still there is put away at the next turn.
        self._archived = -LONGEST_PAUSE if self.store.segments() else clock.monotonic()
        store.shorten(self.store.places.log, LOG_BYTES)

    def _base_backup(self, seen: Look) -> None:
        """Make a base backup when one is due; see what came of the one that runs."""
        if self._basing is not None:
            if self._basing.poll() is None:
                return
            good = self._basing.returncode == 0
            self._end(self._basing)
            self._basing = None
            self._based(seen, good)
        self.making = base_due(
            self.bases,
            since=self.kept.since or seen.now,
            schedule=self.told.schedule,
            zone=self.zone,
            failed=self.kept.failed,
            now=seen.now,
        )
        if not self.making:
            return
        if not self.store.has_archived():
            # Barman makes none before a segment has come all the way.
            if not self.store.segments():
                self.store.close_segment()
            self._archive()
            return
        self.store.clear_failed()
        fast = not any(self.kept.since and one.begin >= self.kept.since for one in self.bases)
        self._basing = self.store.backup(fast=fast)

    def _base_trouble(self) -> str:
        """What is wrong with base backups; empty: the last one was good."""
        if not self.kept.failed:
            return ""
        return f"a base backup failed ({len(self.kept.failed)} times): {self.store.base_words()}"

    def _based(self, seen: Look, good: bool) -> None:
        self.bases = self.store.bases()
        if not good:
            self._keep(failed=(*self.kept.failed, seen.now))
            self.why = self._base_trouble()
            return
        for id in surplus(self.bases, now=seen.now, keep=self.told.keep):
            self.store.barman.delete(id)
        self.bases = self.store.bases()
        self.store.clear_aside(self.bases)
        oldest = self.bases[0].begin
        breaks = tuple(one for one in self.kept.breaks if one.end is None or one.end > oldest)
        self._keep(failed=(), breaks=breaks)

    def _keep(self, **update: object) -> None:
        self.kept = Kept.model_validate(self.kept.model_copy(update=update).model_dump())
        files.write(self.store.places.state, self.kept.model_dump_json(indent=1))

    def _report(self) -> None:
        """Write how it is, for people and for Prometheus."""
        now = clock.now()
        seen, until = self.seen, self.progress.until
        reach = windows(self.bases, self.kept.breaks, until) if until else ()
        behind = seen.flushed - seen.received if seen and seen.received is not None else None
        said = Health(
            source=self.told.source,
            state=self.state,
            why=self.why,
            at=now,
            since=self.kept.since,
            until=until,
            lag_bytes=max(behind, 0) if behind is not None else None,
            lag_seconds=max((now - until).total_seconds(), 0.0) if until else None,
            slot=self.slot,
            bases=self.bases,
            windows=reach,
            base_backup=self.making if self._basing is not None else "",
            restarts=self.restarts,
        )
        files.write(self.store.places.health, said.model_dump_json(indent=1))
        files.write(self.store.places.metrics, files.metrics(said), mode=0o644)
        self._tell(said)

    def _tell(self, said: Health) -> None:
        """Say it where every manager can read it: at once what is new, and else now and then."""
        news, now = (said.state, said.why, said.protected), clock.monotonic()
        if news != self._said or now - self._told >= TELL_SECONDS:
            self._said, self._told = news, now
            self.say(said.line)

    def _end_receiving(self) -> None:
        self._end(self._receiving)
        self._receiving = None

    def _end(self, program: command.Spawned | None) -> None:
        if program is not None:
            command.let_go(program, patience=END_SECONDS)
