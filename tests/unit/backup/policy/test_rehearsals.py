"""When recoveries are rehearsed, with which copy, and how it stands with that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import Work
from quorate.backup.model import Snapshot
from quorate.backup.policy import rehearsals
from quorate.backup.policy.agenda import Item
from quorate.backup.policy.choices import recovery_copies
from quorate.backup.policy.coverage import Row, State, coverage
from quorate.backup.policy.duties import agenda, duties
from quorate.backup.policy.rehearsals import GRACE, KEPT, History, Rehearsal, stands, with_one_more
from quorate.backup.policy.runs import TRIES
from quorate.backup.policy.sources import planned
from quorate.fleet.model import Fleet
from quorate.fleet.schedules import Schedule
from quorate.fleet.zones import time_zone
from tests.unit.backup.policy.made import DAY, HOUR, NOW, copy, proof
from tests.unit.backup.policy.play import MINUTE, FakeFleet
from tests.unit.backup.policy.test_agenda import COMPOSE, SECTION
from tests.unit.fleet.helpers import FLEET, fleet_of

WEEK = timedelta(days=7)
SMALL = """\
backup:
  timezone: Europe/Berlin
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
  exclude: [configs, swarm, system/one, system/two, system/three]
  rehearse: true
"""
ONE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
volumes: {d: }
"""
REHEARSED = SECTION + "  rehearse: {sources: [db]}\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet_of(directory, {"fleet.yaml": FLEET + REHEARSED, "compose.yaml": COMPOSE})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """One database and one repository."""
    directory: Path = tmp_path_factory.mktemp("small")
    return fleet_of(directory, {"fleet.yaml": FLEET + SMALL, "compose.yaml": ONE})


def scheduled(fleet: Fleet, schedule: Schedule, **more: object) -> Fleet:
    """The fleet with another time for its rehearsals."""
    wish = fleet.backup.rehearsing.model_copy(update={"schedule": schedule, **more})
    backup = fleet.backup.model_copy(update={"rehearsing": wish})
    return fleet.model_copy(update={"backup": backup})


def begun(play: FakeFleet) -> list[str]:
    """When rehearsals began, UTC."""
    return [f"{when:%m-%d %H:%M}" for when, item in play.begun if item.work is Work.REHEARSE]


def due_now(play: FakeFleet) -> list[Item]:
    return [item for item in duties(play.known()) if item.work is Work.REHEARSE]


NIGHT = Schedule(every="weekly", day="sunday", at="02:30")
MORNING = Schedule(every="weekly", day="sunday", at="10:00")


@pytest.mark.parametrize(
    ("start", "schedule", "times"),
    [
        # 10:00 in Berlin is 09:00 UTC in winter, 08:00 in summer.
        (datetime(2026, 3, 16, 12, tzinfo=UTC), MORNING, ["03-22 09:00", "03-29 08:00"]),
        (datetime(2026, 10, 12, 12, tzinfo=UTC), MORNING, ["10-18 08:00", "10-25 09:00"]),
        # 02:30 does not exist on 29 March: it is the moment of the change.
        (datetime(2026, 3, 16, 12, tzinfo=UTC), NIGHT, ["03-22 01:30", "03-29 01:00"]),
        # 02:30 is there twice on 25 October: the first counts.
        (datetime(2026, 10, 12, 12, tzinfo=UTC), NIGHT, ["10-18 00:30", "10-25 00:30"]),
    ],
    ids=["forward, in the morning", "back, in the morning", "forward, at night", "back, at night"],
)
@pytest.mark.parametrize("changes", [False, True], ids=["one controller", "a new one each hour"])
def test_across_the_change_of_clocks_each_week_once(
    small: Fleet, start: datetime, schedule: Schedule, times: list[str], changes: bool
) -> None:
    play = FakeFleet(fleet=scheduled(small, schedule), now=start).until(start + 20 * HOUR)
    assert len(begun(play)) == 1  # the first one of all, as soon as a copy is proven
    play.begun.clear()
    for weekend in (start + 5 * DAY, start + 12 * DAY):
        play.now = weekend
        while play.now < weekend + DAY:
            play.until(play.now + HOUR)
            if changes:
                play.restart()
    came = [datetime.strptime(one, "%m-%d %H:%M") for one in begun(play)]
    meant = [datetime.strptime(one, "%m-%d %H:%M") for one in times]
    assert len(came) == len(meant)
    for when, due in zip(came, meant, strict=True):
        # A new controller lists the repositories first.
        assert due <= when <= due + 30 * MINUTE


def test_whoever_takes_over_begins_nothing_that_runs_and_knows_what_was_done(small: Fleet) -> None:
    long = FakeFleet(
        fleet=small,
        now=datetime(2026, 6, 20, 0, tzinfo=UTC),
        fate=lambda item, number: (True, 3 * HOUR if item.work is Work.REHEARSE else MINUTE),
    )
    long.until(datetime(2026, 6, 21, 9, tzinfo=UTC))  # a Sunday: due at 08:00 UTC, runs till 11:00
    before = begun(long)
    assert before[-1].startswith("06-21 08:")
    for hour in range(1, 6):
        long.restart()
        long.until(datetime(2026, 6, 21, 9 + hour, tzinfo=UTC))
    assert begun(long) == before
    (newest, *_) = long.rehearsed["db"]
    assert newest.at >= datetime(2026, 6, 21, 11, tzinfo=UTC)


def test_what_failed_is_tried_again_and_not_for_ever(small: Fleet) -> None:
    play = FakeFleet(
        fleet=small,
        now=datetime(2026, 6, 20, 12, tzinfo=UTC),
        fate=lambda item, number: (item.work is not Work.REHEARSE, MINUTE),
    )
    play.until(datetime(2026, 6, 21, 7, 50, tzinfo=UTC))
    play.begun.clear()
    play.until(datetime(2026, 6, 21, 20, tzinfo=UTC))
    assert len(begun(play)) == TRIES
    assert [one.ok for one in play.rehearsed["db"]] == [False]


def test_only_a_source_with_a_proven_copy_is_rehearsed(small: Fleet) -> None:
    play = FakeFleet(fleet=small, now=datetime(2026, 6, 15, 5, tzinfo=UTC))
    play.until(play.now + HOUR)
    assert play.copies and due_now(play) == []  # proofs are made at 04:00 UTC
    one = next(iter(play.copies.values()))
    play.copies[one.repository, one.id] = replace(one, proof=proof(at=play.now))
    assert [item.source for item in due_now(play)] == ["db"]


@pytest.mark.parametrize(
    ("wish", "sources"),
    [
        ({}, {"db", "cache", "wiki", "volume/app_f"}),
        ({"sources": ("cache", "files")}, {"cache", "volume/app_f"}),
        ({"sources": ("configs",)}, set()),
        ({"on": False}, set()),
    ],
)
def test_which_are_rehearsed(fleet: Fleet, wish: dict[str, object], sources: set[str]) -> None:
    made = scheduled(fleet, MORNING, **{"sources": (), **wish})
    found = rehearsals.rehearsed_sources(made, planned(made))
    assert {one.source.id for one in found} == sources


@pytest.fixture
def due(small: Fleet) -> FakeFleet:
    """A fleet with a proven copy, when its rehearsal has just come due."""
    play = FakeFleet(fleet=small, now=datetime(2026, 6, 21, 8, tzinfo=UTC))
    one = copy(play.now - 8 * HOUR, proof=proof(at=play.now - 4 * HOUR), server="one")
    play.copies[one.repository, one.id] = one
    play.listed = {"near": play.now}
    return play


def test_a_job_of_the_source_or_a_check_of_the_repository_is_waited_for(due: FakeFleet) -> None:
    (item,) = due_now(due)
    known = due.known()
    assert item.run in {one.run for one in agenda(known).start}
    for other in (
        replace(item, work=Work.BACKUP, run="x", repository="other", server="three"),
        replace(item, work=Work.CHECK, run="x", source="", server="three"),
    ):
        busy = replace(known, running=(due._doing(other, due.now),))
        assert item.run not in {one.run for one in agenda(busy).start}


def test_it_runs_on_another_server_than_the_sources_or_where_it_is_said(due: FakeFleet) -> None:
    (item,) = due_now(due)
    assert item.servers == ("two", "three") and item.words == "rehearsal of db from near"
    due.fleet = scheduled(due.fleet, MORNING, servers=("three",))
    (item,) = due_now(due)
    assert item.servers == ("three",)


def far(one: Snapshot, **more: Any) -> Snapshot:
    given: dict[str, Any] = {"id": f"f{one.id}", "original": one.id, "repository": "far"}
    return replace(one, **(given | more))


@pytest.mark.parametrize(("near", "first"), [((), "near"), (("far",), "far"), (("near",), "near")])
def test_the_copy_is_the_one_that_a_recovery_takes(near: tuple[str, ...], first: str) -> None:
    old, middle = copy(NOW - 2 * DAY), copy(NOW - DAY)
    newest = copy(NOW - HOUR, proven=None)
    found = recovery_copies([old, far(old), middle, far(middle), newest], near)
    assert found[0].repository == first
    assert {one.original or one.id for one in found} == {middle.id}
    # One that did not restore from there is not taken from there.
    broken = far(middle, proof=proof(False))
    assert recovery_copies([old, middle, broken], ("far",)) == [middle]
    assert recovery_copies([newest], ()) == []


# --- how it stands ---

SUNDAY = datetime(2026, 6, 28, 8, tzinfo=UTC)  # 10:00 in Berlin
THEN = datetime(2026, 6, 30, 12, tzinfo=UTC)


def good(at: datetime, rto: float = 60.0, rpo: float = 3600.0) -> Rehearsal:
    return Rehearsal(at=at, ok=True, rto=rto, rpo=rpo)


def bad(at: datetime) -> Rehearsal:
    return Rehearsal(at=at, ok=False, why="rows differ")


@pytest.mark.parametrize(
    ("found", "now", "state"),
    [
        ((), THEN, "never"),
        ((good(SUNDAY + MINUTE),), THEN, "ok"),
        ((good(SUNDAY - DAY),), THEN, "late"),
        ((bad(SUNDAY + MINUTE), good(SUNDAY - WEEK)), THEN, "failed"),
        ((good(SUNDAY + HOUR), bad(SUNDAY + MINUTE)), THEN, "ok"),
        # Within the grace the one before counts.
        ((good(SUNDAY - DAY),), SUNDAY + GRACE - MINUTE, "ok"),
        ((good(SUNDAY - DAY),), SUNDAY + GRACE + MINUTE, "late"),
        # Dated by a clock that was ahead.
        ((good(THEN + DAY),), THEN, "late"),
    ],
    ids=["never", "done", "missed", "failed", "again", "grace", "no grace", "from the future"],
)
def test_states(fleet: Fleet, found: tuple[Rehearsal, ...], now: datetime, state: str) -> None:
    copies = [copy(SUNDAY - 30 * DAY)]
    assert standing(fleet, found, copies, now) == state


def standing(
    fleet: Fleet,
    found: tuple[Rehearsal, ...],
    copies: list[Snapshot],
    now: datetime,
    since: datetime | None = datetime(2026, 1, 1, tzinfo=UTC),
) -> str:
    (db,) = rehearsals.rehearsed_sources(fleet, planned(fleet))
    zone = time_zone("Europe/Berlin")
    history = History(of={"db": found}, since=since)
    return stands(fleet, db, history, copies, zone=zone, now=now).state


def test_what_was_due_before_it_was_asked_for_or_could_be_done_is_held_against_nobody(
    fleet: Fleet,
) -> None:
    old, new = [copy(SUNDAY - DAY)], [copy(SUNDAY + HOUR)]
    assert standing(fleet, (), old, THEN, since=SUNDAY + HOUR) == "waiting"
    assert standing(fleet, (), old, THEN, since=None) == "waiting"
    assert standing(fleet, (), new, THEN) == "waiting"
    assert standing(fleet, (), [], THEN) == "waiting"
    assert standing(fleet, (), old, THEN) == "never"


def targeted(fleet: Fleet, **more: float) -> Row:
    """The row of the database with one rehearsal, and these targets."""
    history = History(
        of={"db": (good(SUNDAY + MINUTE, rto=1900.0, rpo=90000.0),)},
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    (one,) = rehearsals.rehearsed_sources(fleet, planned(fleet))
    assert one.policy is not None
    sources = [replace(one, policy=one.policy.model_copy(update=more))]
    zone = time_zone("Europe/Berlin")
    copies = [
        copy(THEN - back * DAY, repository=name) for back in (1, 2) for name in ("near", "far")
    ]
    (row,) = coverage(fleet, sources, copies, zone=zone, now=THEN, rehearsals=history)
    return row


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"restore_within": 2000.0}, []),
        (
            {"restore_within": 1800.0},
            ["its rehearsed recovery took 31 min 40 s, and may take 30 min"],
        ),
        (
            {"restore_within": 2000.0, "lose_at_most": 86400.0},
            ["its rehearsed recovery would have lost 1 d 1 h, and may lose 1 d"],
        ),
        ({"restore_within": 2000.0, "lose_at_most": 90000.0}, []),
    ],
)
def test_targets_that_are_missed_are_problems(
    fleet: Fleet, targets: dict[str, float], said: list[str]
) -> None:
    row = targeted(fleet, **targets)
    assert row.rehearsed is not None and State(row.rehearsed.state) is State.OK
    assert [one for one in row.problems if "rehearsed" in one] == said


def test_nothing_is_said_where_nobody_was_asked_or_none_is_to_be(fleet: Fleet) -> None:
    zone = time_zone("Europe/Berlin")
    rows = coverage(fleet, planned(fleet), [], zone=zone, now=THEN)
    assert [row.rehearsed for row in rows] == [None] * len(rows)
    rows = coverage(fleet, planned(fleet), [], zone=zone, now=THEN, rehearsals=History())
    assert [row.planned.source.id for row in rows if row.rehearsed] == ["db"]


def test_the_last_good_one_is_remembered_and_not_all() -> None:
    found: tuple[Rehearsal, ...] = (good(NOW),)
    for day in range(1, 9):
        found = with_one_more(found, good(NOW + day * DAY) if day < 3 else bad(NOW + day * DAY))
    assert len(found) <= KEPT
    assert [one.ok for one in found] == [False, True, True, True]
    assert found[0].at == NOW + 8 * DAY
    for day in range(9, 20):
        found = with_one_more(found, good(NOW + day * DAY))
    assert len(found) == KEPT


def test_what_is_written_is_read_again_and_rubbish_is_none() -> None:
    found = (bad(NOW), good(NOW - DAY))
    assert rehearsals.read(rehearsals.written(found)) == found
    for text in ("", "{", '[{"ok": true}]', "2026-06-30T12:00:00+00:00"):
        assert rehearsals.read(text) == ()
