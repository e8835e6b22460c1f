"""A real Postgres whose log a real Barman receives: power cuts, points in time, lost slots."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.jobs.model import At, Reach
from quorate.backup.policy.wal import Receiver
from quorate.backup.wal import recover, standing, watching
from quorate.backup.wal.model import Health, State
from quorate.errors import MachineError, RefusedError
from quorate.fleet.schedules import Schedule
from quorate.tools import clock, command, pg
from tests import real_databases
from tests.integration.backup import ground, wal_ground, working
from tests.integration.backup.wal_ground import Primary, Receiving, Writer, moment
from tests.real_databases import until

pytestmark = pytest.mark.slow
MISSING_AT_MOST = 2.0
"""Seconds of commits that may be missing after a power cut."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("postgresql")
    with real_databases.never_started():
        ground.install("barman", "barman")
    with real_databases.place() as made:
        yield made


@pytest.fixture
def primary(place: Path, request: pytest.FixtureRequest) -> Iterator[Primary]:
    directory = place / str(abs(hash(request.node.name)) % 10**6)
    directory.mkdir(mode=0o711)
    with wal_ground.running(directory) as made:
        wal_ground.ready(made)
        yield made


@pytest.fixture
def receiver(primary: Primary) -> Iterator[Receiving]:
    with wal_ground.receiver(primary, primary.where.directory.parent / "wal") as made:
        yield made


def rows(server: pg.Server, made: Primary) -> set[int]:
    """The ids that are there."""
    (found,) = pg.query(
        server, "postgres", "SELECT coalesce(json_agg(id), '[]') FROM writes", made.programs
    )
    return set(found)


def test_after_a_power_cut_at_most_two_seconds_of_commits_are_missing(
    primary: Primary, receiver: Receiving
) -> None:
    receiver.start()
    receiver.until("h.protected")
    writer = Writer(server=primary.admin, programs=primary.programs)
    writer.start()
    time.sleep(3)
    primary.destroy()
    writer.end()
    said = receiver.until("h.state == 'unreachable'")
    assert "Connection refused" in said.why
    assert receiver.end() == 0
    with recover.tried(receiver.home, None, primary.where.directory.parent) as (server, done):
        there = rows(server, primary)
    acknowledged = dict(writer.acknowledged)
    last = max(acknowledged.values())
    missing = [last - at for id, at in acknowledged.items() if id not in there]
    assert len(acknowledged) > 20
    assert max(missing, default=0.0) <= MISSING_AT_MOST
    print(
        f"of {len(acknowledged)} commits {len(missing)} are missing, "
        f"{max(missing, default=0.0):.3f} s; restored in {done.seconds:.1f} s"
    )


def test_any_moment_between_two_base_backups(primary: Primary, receiver: Receiving) -> None:
    receiver.start()
    receiver.until("h.protected")
    writer = Writer(server=primary.admin, programs=primary.programs, pause=0.05)
    writer.start()
    time.sleep(3)
    (wanted,) = primary.ask("SELECT extract(epoch FROM clock_timestamp())")
    assert isinstance(wanted, float)
    primary.ask("DELETE FROM writes WHERE id % 2 = 0")
    time.sleep(2)
    writer.end()
    (after,) = primary.ask("SELECT to_json(max(at)) FROM writes")
    barman = receiver.barman()
    second = barman.backup(receiver.home / "second.log", fast=True)
    assert second.wait(wal_ground.PATIENCE) == 0
    command.let_go(second, patience=1.0)
    receiver.until(f"h.until and h.until.timestamp() > {time.time()}")
    assert len(barman.bases()) == 2
    into = primary.where.directory.parent / "restored"
    done = recover.restored(receiver.home, into, moment(wanted))
    with primary.another(into) as server:
        there = rows(server, primary)
        (latest,) = pg.query(server, "postgres", "SELECT extract(epoch FROM max(at)) FROM writes",
                             primary.programs)  # fmt: skip
    every = {id for id, at in writer.acknowledged if at < wanted}
    assert every <= there and len(there - every) <= 1
    assert latest <= wanted and done.last is not None
    assert after is not None
    with pytest.raises(RefusedError, match="not empty"):
        recover.restored(receiver.home, into, None)
    by_job = into.with_name("by-job")
    (password := into.with_name("password")).write_text("not needed")
    at = At(name="none", place="local", location="/nonexistent", password_file=str(password))
    about = {"source": "db", "kind": "postgres", "given": str(receiver.home)}
    told = working.job("restore", at, **about, moment=moment(wanted), target_path=str(by_job))
    said = working.done(told, into.with_name("spool"))
    assert "segments of the log replayed" in said.answer.findings[0]
    assert (by_job / "PG_VERSION").exists()
    assert os.geteuid() != 0 or by_job.stat().st_uid == 999
    # Out of the log into an empty server: the last commit there is, and who may log in.
    with scratch.postgres(primary.programs.major, into.parent) as empty:
        with recover.tried(receiver.home, None, into.parent) as (last, _):
            wanted_rows = rows(last, primary)
        target = {"target": Reach(host=empty.host, port=empty.port, user=empty.user)}
        working.done(working.job("restore", at, **about, **target), into.with_name("spool"))
        assert rows(empty, primary) == wanted_rows
        ask = "SELECT to_json(rolname) FROM pg_roles"
        roles = pg.query(primary.admin, "postgres", ask, primary.programs)
        assert set(roles) <= set(pg.query(empty, "postgres", ask, primary.programs))
        again = working.run(working.job("restore", at, **about, **target), into.with_name("spool"))
        assert again.code == 8 and "has tables" in again.why
    # The same moment in place: what is there now is kept under another name.
    (left,) = primary.ask("SELECT count(*) FROM writes")
    reach = Reach(host=str(primary.where.directory), port=primary.port, user="postgres")
    over = {"reach": reach, "in_place": True, "aside": "x", "moment": moment(wanted)}
    said = working.done(working.job("restore", at, **about, **over), into.with_name("spool"))
    assert rows(primary.admin, primary) == there
    (kept,) = pg.query(
        primary.admin, "postgres_before_x", "SELECT count(*) FROM writes", primary.programs
    )
    assert kept == left and "replayed" in said.answer.findings[0]


@pytest.mark.fault(
    "disk full: source",
    injected="nobody receives the log, and Postgres writes on",
    seen="the slot gives up at its bound; the primary runs on; a new base backup mends it",
)
def test_a_slot_never_holds_back_more_than_its_bound_and_a_lost_one_is_mended(
    primary: Primary, receiver: Receiving
) -> None:
    bound = 48 * 2**20
    wal_ground.ready(primary, room=bound)
    receiver.start()
    receiver.until("h.protected")
    primary.ask("INSERT INTO writes (note) VALUES ('before')")
    receiver.until(f"h.until and h.until.timestamp() > {time.time()}")
    well = standing.heard(of(bound), known(receiver), now=clock.now())
    assert well.good and well.behind_seconds is not None, well
    assert well.slot_room is not None and bound / 2 < well.slot_room <= bound + 16 * 2**20
    assert receiver.end() == 0
    largest = 0
    while primary.ask(LOST) != ["lost"]:
        primary.grow(32)
        largest = max(largest, primary.wal_bytes)
        assert largest < 512 * 2**20, "the slot was never given up"
    primary.grow(160)
    # The bound, what is written between two checkpoints (max_wal_size), and a segment each way.
    assert primary.wal_bytes <= bound + 64 * 2**20 + 3 * 16 * 2**20
    receiver.start()
    said = receiver.until("h.state == 'lost' or len(h.bases) > 1")
    if said.state is State.LOST:
        assert "the primary gave the slot up" in said.why
    primary.ask("INSERT INTO writes (note) VALUES ('after')")
    mended = receiver.until("len(h.bases) == 2 and h.protected and len(h.windows) == 2")
    hole = mended.windows[0].end + timedelta(seconds=1)
    with pytest.raises(MachineError, match="cannot be restored"):
        recover.restored(receiver.home, primary.where.directory.parent / "hole", hole)
    place = primary.where.directory.parent
    with recover.tried(receiver.home, None, place) as (server, _):
        assert notes(server, primary) == ["before", "after"]
    with recover.tried(receiver.home, mended.windows[0].end, place) as (server, _):
        assert notes(server, primary) == ["before"]


def of(bound: int) -> Receiver:
    """The log as the fleet file has it."""
    return Receiver(
        source="db",
        service="db",
        server="two",
        beside=False,
        path="/log",
        slot=wal_ground.SLOT,
        slot_room=bound,
        schedule=Schedule(every="0 0 1 1 *"),
        keep=86400.0,
    )


def known(receiver: Receiving) -> Health:
    said = receiver.health()
    assert said is not None
    return said


def test_the_room_of_a_slot_is_what_the_primary_says(primary: Primary) -> None:
    """Less after each thing that is written; unknown where nothing bounds it."""
    primary.ask(
        f"SELECT to_json(pg_create_physical_replication_slot('{wal_ground.SLOT}', true)::text)"
    )
    rooms = []
    for megabytes in (0, 8, 8):
        primary.grow(megabytes)
        seen = watching.look(primary.remote, wal_ground.SLOT, primary.programs)
        assert seen.slot is not None and seen.slot.room is not None
        rooms.append(seen.slot.room)
    assert rooms[0] > rooms[1] > rooms[2] > 900 * 2**20
    primary.ask("ALTER SYSTEM SET max_slot_wal_keep_size = -1")
    primary.ask("SELECT to_json(pg_reload_conf())")
    until(lambda: slot_room(primary) is None, 10)
    one = standing.heard(of(2**30), health_with(primary), now=clock.now())
    assert ["nothing bounds" in each.what for each in standing.troubles(one)] == [True]


def slot_room(primary: Primary) -> int | None:
    seen = watching.look(primary.remote, wal_ground.SLOT, primary.programs)
    assert seen.slot is not None
    return seen.slot.room


def health_with(primary: Primary) -> Health:
    seen = watching.look(primary.remote, wal_ground.SLOT, primary.programs)
    return Health(source="db", state=State.STREAMING, at=clock.now(), slot=seen.slot)


LOST = f"SELECT to_json(wal_status) FROM pg_replication_slots WHERE slot_name = '{wal_ground.SLOT}'"


def notes(server: pg.Server, made: Primary) -> list[str]:
    ask = "SELECT to_json(note) FROM writes WHERE note IS NOT NULL ORDER BY id"
    return list(pg.query(server, "postgres", ask, made.programs))


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to the receiver of the write-ahead log",
    seen="the next one goes on; no segment is missing",
)
def test_a_receiver_that_is_killed_goes_on_and_nothing_is_missing(
    primary: Primary, receiver: Receiving
) -> None:
    receiver.start()
    receiver.until("h.protected")
    writer = Writer(server=primary.admin, programs=primary.programs)
    writer.start()
    time.sleep(1)
    receiver.end(signal.SIGKILL)
    time.sleep(1)
    primary.grow(32)
    receiver.start()
    receiver.until(f"h.state == 'streaming' and h.until and h.until.timestamp() > {time.time()}")
    writer.end()
    end = time.time()
    said = receiver.until(f"h.protected and h.until and h.until.timestamp() > {end}")
    assert len(said.windows) == 1, "it took the pause for a hole"
    with recover.tried(receiver.home, None, primary.where.directory.parent) as (server, _):
        assert rows(server, primary) == {id for id, _ in writer.acknowledged}


def test_a_wrong_password_is_said(primary: Primary) -> None:
    home = primary.where.directory.parent / "wal"
    with wal_ground.receiver(primary, home, password="wrong") as receiver:
        receiver.start()
        said = receiver.until("h.why")
        assert said.state is State.UNREACHABLE
        assert "password authentication failed" in said.why
        assert "check the password of the role quorate_wal" in said.why
        assert "wrong" not in (home / "barman.conf").read_text()


def test_a_base_backup_that_needs_the_role_only(primary: Primary) -> None:
    """The role that receives may read no table."""
    with pytest.raises(MachineError, match="permission denied"):
        pg.query(primary.remote, "postgres", "SELECT count(*) FROM writes", primary.programs)


@pytest.mark.fault(
    "source vanished",
    injected="another Postgres at the same address",
    seen="its log is not mixed with the first one's",
)
def test_another_postgres_is_not_mixed_with_the_first(
    primary: Primary, receiver: Receiving, place: Path
) -> None:
    receiver.start()
    receiver.until("h.state == 'streaming'")
    receiver.end()
    other = place / "other"
    other.mkdir(mode=0o711)
    with wal_ground.running(other) as second:
        wal_ground.ready(second)
        reach = receiver.told.reach.model_copy(update={"port": second.port})
        receiver.told = receiver.told.model_copy(update={"reach": reach})
        receiver.start()
        said = receiver.until("h.state == 'foreign'")
        assert "another Postgres answers" in said.why
        assert second.ask(LOST) == [], "it made a slot there"
