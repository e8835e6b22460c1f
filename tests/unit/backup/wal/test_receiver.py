"""The receiver's loop, with a fake primary and a fake Barman."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from quorate.backup.jobs.model import Reach
from quorate.backup.policy.wal import Base
from quorate.backup.wal import health, watching
from quorate.backup.wal.config import Places
from quorate.backup.wal.model import Health, Slot, State, Told
from quorate.backup.wal.receiver import DEAF_SECONDS, Receiver
from quorate.backup.wal.store import Store
from quorate.backup.wal.watching import Look
from quorate.errors import CommandError
from quorate.fleet.schedules import Schedule
from quorate.tools import clock, pg
from quorate.tools.barman import Barman
from quorate.tools.command import Spawned

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RESERVED = Slot(active=True, status="reserved", room=100)
TOLD = Told(
    fleet="test",
    source="db",
    reach=Reach(host="db", port=5432, user="quorate_wal"),
    slot="slot",
    schedule=Schedule(every="0 0 1 1 *"),
    keep=86400.0,
    archive_every=0.0,
)


@dataclass
class FakeProgram:
    """A program that runs until it is let go of, or ends by itself with `returncode`."""

    returncode: int | None = None
    stdin: None = None

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self.returncode = 0 if self.returncode is None else self.returncode
        return self.returncode


@dataclass(kw_only=True)
class FakeWorld:
    """A primary and a Barman, and what was done to them, in order."""

    seen: Look | CommandError
    now: float = 1000.0
    done: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    bases: tuple[Base, ...] = ()
    archived: bool = True
    receiving: list[FakeProgram] = field(default_factory=list)
    basing: list[FakeProgram] = field(default_factory=list)

    def look(self, *_: object) -> Look:
        if isinstance(self.seen, CommandError):
            raise self.seen
        return self.seen

    def primary(self, **changed: Any) -> None:
        """The primary from now on, a second later."""
        seen = self.seen if isinstance(self.seen, Look) else FRESH
        update = {"now": seen.now + timedelta(seconds=1), **changed}
        self.seen = replace(seen, **update)


FRESH = Look(now=NOW, system="7", standby=False, flushed=100)


@dataclass(frozen=True, kw_only=True)
class FakeBarman(Barman):
    world: FakeWorld

    def create_slot(self) -> None:
        self.world.done.append("create slot")

    def drop_slot(self) -> None:
        self.world.done.append("drop slot")

    def archive(self) -> None:
        self.world.done.append("archive")

    def delete(self, id: str) -> None:
        self.world.done.append(f"delete {id}")
        self.world.bases = tuple(one for one in self.world.bases if one.id != id)


@dataclass(frozen=True, kw_only=True)
class FakeStore(Store):
    world: FakeWorld

    def receive(self) -> Spawned:
        self.world.done.append("receive")
        self.world.receiving.append(FakeProgram())
        return cast(Spawned, self.world.receiving[-1])

    def backup(self, *, fast: bool) -> Spawned:
        self.world.done.append("fast base backup" if fast else "base backup")
        self.world.basing.append(FakeProgram())
        return cast(Spawned, self.world.basing[-1])

    def bases(self) -> tuple[Base, ...]:
        return self.world.bases

    def segments(self) -> tuple[Path, ...]:
        return ()

    def has_archived(self) -> bool:
        return self.world.archived

    def close_segment(self) -> None:
        self.world.done.append("close segment")

    def set_aside(self) -> None:
        self.world.done.append("set aside")

    def clear_failed(self) -> None:
        self.world.done.append("clear failed")

    def last_words(self) -> str:
        return "pg_receivewal: error: it broke"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    made = FakeWorld(seen=FRESH)
    monkeypatch.setattr(watching, "look", made.look)
    monkeypatch.setattr(clock, "monotonic", lambda: made.now)
    return made


def begun(world: FakeWorld, home: Path) -> Receiver:
    """A receiver in a directory, as its program begins it."""
    barman = FakeBarman(config=home / "barman.conf", world=world)
    programs = pg.Programs(directory=home, major=16)
    server = pg.Server(host="db")
    kept_in = FakeStore(
        places=Places(home=home), server=server, programs=programs, barman=barman, world=world
    )
    return Receiver(TOLD, kept_in, world.said.append)


def said(home: Path) -> Health:
    found = health.read_health(home / "health.json")
    assert found is not None
    return found


def streaming(world: FakeWorld, home: Path) -> Receiver:
    """One that receives, and has a base backup."""
    receiver = begun(world, home)
    receiver.turn()
    world.primary(slot=RESERVED, received=100)
    receiver.turn()
    world.bases = (Base(id="first", begin=NOW + timedelta(seconds=2), end=NOW),)
    world.basing[-1].returncode = 0
    world.primary()
    receiver.turn()
    world.done.clear()
    return receiver


def test_the_first_turns_make_a_slot_receive_and_make_a_base_backup(
    world: FakeWorld, tmp_path: Path
) -> None:
    receiver = begun(world, tmp_path)
    receiver.turn()
    assert world.done == ["set aside", "create slot", "receive"]
    assert said(tmp_path).state is State.STARTING
    world.primary(slot=RESERVED, received=100)
    receiver.turn()
    assert world.done[3:] == ["clear failed", "fast base backup"]
    assert not said(tmp_path).protected
    assert "there is none" in said(tmp_path).base_backup
    world.bases = (Base(id="a", begin=NOW + timedelta(seconds=2), end=NOW),)
    world.basing[-1].returncode = 0
    world.primary()
    receiver.turn()
    assert said(tmp_path).protected and said(tmp_path).why == ""
    assert said(tmp_path).windows


def test_it_says_at_once_what_is_new_and_else_once_a_minute(
    world: FakeWorld, tmp_path: Path
) -> None:
    receiver = streaming(world, tmp_path)
    lines = len(world.said)
    world.primary(received=100)
    receiver.turn()
    assert len(world.said) == lines
    world.now += 60.0
    receiver.turn()
    assert len(world.said) == lines + 1
    world.seen = CommandError("no answer")
    receiver.turn()
    found = [Health.model_validate_json(line) for line in world.said[-2:]]
    assert [one.state for one in found] == [State.STREAMING, State.UNREACHABLE]
    assert found[0].protected and found[0].until == said(tmp_path).until


def test_a_program_that_sits_on_a_dead_connection_is_begun_anew(
    world: FakeWorld, tmp_path: Path
) -> None:
    """After a power cut of the primary nothing tells the program that nobody is there."""
    receiver = streaming(world, tmp_path)
    world.seen = CommandError("no answer")
    world.now += 60.0
    receiver.turn()
    world.seen = replace(FRESH, now=NOW + timedelta(seconds=70), slot=RESERVED, received=None)
    receiver.turn()
    assert world.receiving[0].returncode is not None and len(world.receiving) == 1
    receiver.turn()
    assert len(world.receiving) == 2
    world.now += DEAF_SECONDS - 1
    world.primary()
    receiver.turn()
    assert world.receiving[1].returncode is None
    world.primary(received=100)
    receiver.turn()
    assert said(tmp_path).state is State.STREAMING


def test_before_the_first_base_backup_a_segment_must_have_come_all_the_way(
    world: FakeWorld, tmp_path: Path
) -> None:
    world.archived = False
    receiver = begun(world, tmp_path)
    receiver.turn()
    world.primary(slot=RESERVED, received=100)
    receiver.turn()
    assert world.done[-1] == "close segment" and not world.basing


def test_a_lost_slot_is_a_hole_that_a_new_slot_and_a_base_backup_mend(
    world: FakeWorld, tmp_path: Path
) -> None:
    receiver = streaming(world, tmp_path)
    last = said(tmp_path).until
    receiver.store.places.received.mkdir(parents=True)
    (receiver.store.places.received / "000000010000000000000004.partial").touch()
    world.primary(slot=Slot(active=False, status="lost"), received=None, flushed=900)
    receiver.turn()
    assert world.done == ["set aside", "drop slot", "create slot", "receive"]
    assert said(tmp_path).state is State.LOST and "gave the slot up" in said(tmp_path).why
    (hole,) = receiver.kept.breaks
    assert (hole.begin, hole.end, receiver.kept.since) == (last, None, None)
    assert hole.segment == "000000010000000000000004"
    world.primary(slot=RESERVED, received=900)
    receiver.turn()
    (hole,) = receiver.kept.breaks
    assert hole.end == receiver.kept.since and hole.end is not None
    assert world.done[-1] == "fast base backup"
    assert not said(tmp_path).protected
    again = Base(id="second", begin=hole.end + timedelta(seconds=1), end=hole.end)
    world.bases = (*world.bases, again)
    world.basing[-1].returncode = 0
    world.primary()
    receiver.turn()
    assert said(tmp_path).protected


def test_a_kill_in_the_middle_of_mending_leaves_one_hole(world: FakeWorld, tmp_path: Path) -> None:
    receiver = streaming(world, tmp_path)
    world.primary(slot=Slot(active=False, status="lost"), received=None)
    receiver.turn()
    for slot in (Slot(active=False, status="lost"), None):
        receiver = begun(world, tmp_path)
        world.primary(slot=slot)
        receiver.turn()
        assert len(receiver.kept.breaks) == 1
    world.primary(slot=RESERVED, received=200)
    receiver.turn()
    assert len(receiver.kept.breaks) == 1 and receiver.kept.since is not None


def test_a_receiver_that_was_killed_goes_on_without_a_hole(
    world: FakeWorld, tmp_path: Path
) -> None:
    streaming(world, tmp_path)
    receiver = begun(world, tmp_path)
    world.primary(slot=Slot(active=False, status="reserved"), received=None)
    receiver.turn()
    world.primary(slot=RESERVED, received=300, flushed=300)
    receiver.turn()
    assert world.done == ["receive"]
    assert receiver.kept.breaks == () and said(tmp_path).protected


def test_a_program_that_ends_is_begun_again_after_ever_longer_pauses(
    world: FakeWorld, tmp_path: Path
) -> None:
    receiver = streaming(world, tmp_path)
    begun_at = []
    for _ in range(3):
        world.receiving[-1].returncode = 1
        world.primary(received=None)
        count = len(world.receiving)
        start = world.now
        while len(world.receiving) == count:
            receiver.turn()
            world.now += 0.5
        begun_at.append(world.now - start)
        assert "it broke" in said(tmp_path).why
    assert begun_at[0] < begun_at[1] < begun_at[2] < 20
    assert said(tmp_path).restarts == 3


def test_a_primary_that_does_not_answer_is_said(world: FakeWorld, tmp_path: Path) -> None:
    receiver = streaming(world, tmp_path)
    world.seen = CommandError("psql of db:5432 ended", cause="Connection refused", todo="look")
    receiver.turn()
    assert said(tmp_path).state is State.UNREACHABLE
    assert "Connection refused" in said(tmp_path).why and "look" in said(tmp_path).why
    assert not said(tmp_path).protected and world.done == []
    world.seen = FRESH
    world.primary(slot=RESERVED)
    receiver.turn()
    assert said(tmp_path).state is State.STARTING
    world.primary(slot=RESERVED, received=100)
    receiver.turn()
    assert said(tmp_path).protected


def test_another_postgres_is_left_alone(world: FakeWorld, tmp_path: Path) -> None:
    receiver = streaming(world, tmp_path)
    world.primary(system="8", slot=None, received=None)
    receiver.turn()
    assert said(tmp_path).state is State.FOREIGN
    assert world.done == []
    assert world.receiving[-1].returncode == 0, "it receives no more"


def test_a_standby_is_left_alone(world: FakeWorld, tmp_path: Path) -> None:
    world.primary(standby=True)
    begun(world, tmp_path).turn()
    assert said(tmp_path).state is State.FOREIGN and world.done == []


def test_a_base_backup_that_fails_is_tried_again_later(world: FakeWorld, tmp_path: Path) -> None:
    receiver = begun(world, tmp_path)
    receiver.turn()
    world.primary(slot=RESERVED, received=100)
    receiver.turn()
    world.basing[-1].returncode = 1
    world.primary()
    receiver.turn()
    world.primary()
    receiver.turn()
    assert "a base backup failed (1 times)" in said(tmp_path).why
    assert len(receiver.kept.failed) == 1 and len(world.basing) == 1
    world.primary(now=NOW + timedelta(seconds=30))
    receiver.turn()
    assert len(world.basing) == 2


def test_base_backups_that_nothing_needs_are_deleted_after_a_new_one(
    world: FakeWorld, tmp_path: Path
) -> None:
    receiver = streaming(world, tmp_path)
    later = NOW + timedelta(days=400)
    world.primary(now=later, received=100)
    receiver.turn()
    assert world.done == ["clear failed", "base backup"]
    old = Base(id="old", begin=NOW + timedelta(seconds=9), end=NOW + timedelta(days=2))
    new = Base(id="new", begin=later, end=later)
    world.bases = (*world.bases, old, new)
    world.basing[-1].returncode = 0
    world.primary()
    receiver.turn()
    assert "delete first" in world.done and "delete old" not in world.done
