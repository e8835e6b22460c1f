"""Rounds of the controller, with a fake of all that it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quorate.alerts.metrics import Sample
from quorate.backup.jobs.model import Work
from quorate.backup.policy.agenda import Item
from quorate.errors import MachineError, RepositoryError
from quorate.fleet.model import Fleet
from quorate.serving.controller import Controller
from tests.fakes.serving import FakeClock, FakeStarter, FakeSwarm
from tests.unit.fleet.helpers import FLEET, fleet_of

SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
    far: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
  exclude: [system/one, system/two, system/three, swarm]
"""
COMPOSE = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"], x-quorate: {state: postgres, pin: one}}
volumes: {d: }
"""
START = datetime(2026, 6, 28, 18, tzinfo=UTC)  # a Sunday; the digest comes on Mondays at 08:00


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet_of(directory, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})


class Play:
    """A controller, and what it shows."""

    def __init__(self, fleet: Fleet, swarm: FakeSwarm | None = None) -> None:
        # Two looks at the clock a round: ten minutes.
        clock = FakeClock(START, timedelta(minutes=5))
        self.swarm = swarm or FakeSwarm(fleet=fleet, clock=clock)
        self.shown: dict[tuple[str, ...], float] = {}
        self.controller = Controller(fleet, self.swarm.parts(), self.show)

    def show(self, found: Sequence[Sample]) -> None:
        self.shown = {(one.metric.name, *one.labels[1:]): one.value for one in found}

    def rounds(self, number: int) -> Play:
        for _ in range(number):
            self.controller.round()
        return self

    def until(self, hours: float) -> Play:
        end = START + timedelta(hours=hours)
        while self.swarm.clock.moment < end:
            self.controller.round()
        return self


@pytest.fixture
def play(fleet: Fleet) -> Play:
    return Play(fleet)


def test_a_day_goes_by_itself(play: Play) -> None:
    play.until(36)
    words = play.swarm.works()
    assert words[:2] == ["catalogue of near", "catalogue of far"]
    assert words.count("backup of db") == 3  # at first, and at two midnights
    assert "copy from near to far" in words
    assert {"proof of db in near", "proof of db in far"} <= set(words)
    assert "check of near" in words and "prune of near" in words
    assert play.swarm.beats > 20
    shown = play.shown
    assert shown["quorate_backup_state", "db", "postgres", "backed_up"] == 0
    assert shown["quorate_backup_state", "db", "postgres", "proven"] == 0
    assert shown["backup_last_exit_code", "db", "near", "original"] == 0
    assert shown["backup_last_exit_code", "db", "far", "copied"] == 0
    assert shown["quorate_backup_duration_seconds", "db", "near", "original"] == 12
    assert shown["quorate_backup_rto_seconds", "db"] == 40
    assert shown["quorate_backup_proof_ok", "db", "far", "copied"] == 1
    assert shown["quorate_backup_repository_ok", "near"] == 1
    assert shown[("quorate_backup_controller_active",)] == 1
    newest = max(
        one.taken for one in play.swarm.copies.values() if (one.source, one.repository)
        == ("db", "near")
    )  # fmt: skip
    assert shown["backup_last_success_timestamp", "db", "near", "original"] == newest.timestamp()


def test_nobody_is_told_while_all_is_well_but_for_the_digest(play: Play) -> None:
    play.until(40)
    assert [message.event for message in play.swarm.told] == ["digest"]
    (digest,) = play.swarm.told
    assert digest.title == "test: backups by Mon 29 Jun"
    assert "2 of 2 sources backed up, off-site and proven as planned." in digest.body
    assert "- db: " in digest.body and not digest.bad


def test_a_failure_is_told_once_and_its_end_too(play: Play) -> None:
    play.rounds(4)
    play.swarm.errors["backup of db"] = RepositoryError("near is full", reason="full", todo="prune")
    play.until(8)
    assert play.shown["backup_last_exit_code", "db", "near", "original"] == 6
    assert play.shown["quorate_backup_failing", "backup db near"] == 1
    first, second = (one for one in play.swarm.told if one.event == "failure")
    assert first.title == "test: 1 problem with backups" and first.bad
    assert first.body == "- backup db near: near is full; what to do: prune"
    assert second.body == "- db: its backup is late"
    assert play.swarm.works().count("backup of db") > 2  # tried again
    play.swarm.errors.clear()
    play.until(14)
    (recovery,) = [one for one in play.swarm.told if one.event == "recovery"]
    assert recovery.title == "test: 2 problems with backups solved" and not recovery.bad
    assert play.shown["backup_last_exit_code", "db", "near", "original"] == 0
    assert ("quorate_backup_failing", "backup db near") not in play.shown


def test_events_that_nobody_wants_are_not_sent(fleet: Fleet) -> None:
    notify = fleet.backup.notify.model_copy(update={"events": ("recovery",)})
    backup = fleet.backup.model_copy(update={"notify": notify})
    play = Play(fleet.model_copy(update={"backup": backup}))
    play.swarm.errors["backup of db"] = MachineError("no")
    play.until(20)
    assert play.swarm.told == []


def test_whoever_comes_next_finds_it_all_and_does_nothing_twice(fleet: Fleet, play: Play) -> None:
    play.until(38)
    play.swarm.started.clear()
    told = len(play.swarm.told)
    again = Play(fleet, play.swarm).rounds(3)
    assert {item.work for item in again.swarm.started} == {Work.CATALOGUE}
    assert again.shown["quorate_backup_repository_ok", "near"] == 1  # from the notes
    assert len(again.swarm.told) == told


def test_what_was_told_is_not_told_again_after_a_restart(fleet: Fleet, play: Play) -> None:
    play.rounds(4)
    play.swarm.errors["backup of db"] = MachineError("no")
    play.until(8)
    assert [message.event for message in play.swarm.told] == ["failure", "failure"]
    again = Play(fleet, play.swarm).rounds(2)  # it has listed the copies, and knows of no failure
    assert len(again.swarm.told) == 2
    play.swarm.errors.clear()
    again.rounds(6)
    assert [message.event for message in play.swarm.told] == ["failure", "failure", "recovery"]


def test_a_job_that_is_taken_away_failed(play: Play) -> None:
    play.rounds(4)
    play.swarm.loses = True
    play.until(8)
    assert any("was removed by somebody" in line for line in play.swarm.log)
    play.swarm.loses = False
    play.until(14)
    assert play.shown["backup_last_exit_code", "db", "near", "original"] == 0


def test_a_job_that_cannot_be_started_counts_as_failed(play: Play) -> None:
    class Refusing(FakeStarter):
        def start(self, item: Item) -> None:
            raise MachineError("nothing can be started on one", todo="bring it back")

    play.controller.parts = play.swarm.parts(starter=Refusing(play.swarm))
    play.rounds(3)
    assert any("failed: catalogue near: nothing can be started" in s for s in play.swarm.log)
    assert play.controller.memory is not None
    # At once, 5 minutes later, 10 minutes after that.
    assert {one.tries for one in play.controller.memory.attempts.values()} == {3}


def test_a_swarm_that_does_not_answer_begins_nothing_and_is_shown(play: Play) -> None:
    play.rounds(4)
    started, beats = len(play.swarm.started), play.swarm.beats
    looked = play.shown[("quorate_backup_controller_heartbeat_timestamp_seconds",)]
    play.swarm.refuses = True
    with pytest.raises(MachineError) as caught:
        play.controller.round()
    play.controller.failed(caught.value)
    assert (len(play.swarm.started), play.swarm.beats) == (started, beats)
    assert play.shown[("quorate_backup_controller_round_ok",)] == 0
    assert play.shown[("quorate_backup_controller_heartbeat_timestamp_seconds",)] == looked
    assert play.swarm.log[-1] == "no manager answers; likely cause: the fake refuses"


def test_a_heartbeat_that_fails_stops_nothing(play: Play) -> None:
    def fails() -> None:
        raise MachineError("nobody listens")

    play.controller.parts = play.swarm.parts(heartbeat=fails)
    play.rounds(6)
    assert play.shown["quorate_backup_chore_ok", "heartbeat"] == 0
    assert "backup of db" in play.swarm.works()
    assert play.swarm.log.count("heartbeat: nobody listens") == 1


def test_chores_are_done_each_round_and_their_failures_shown(play: Play) -> None:
    done: list[str] = []

    def quiesce() -> list[str]:
        done.append("x")
        return ["web runs again"] if len(done) == 2 else []

    def leftovers() -> list[str]:
        raise MachineError("the swarm refuses")

    chores = {"quiesce": quiesce, "leftovers": leftovers}
    play.controller.parts = play.swarm.parts(chores=chores)
    play.rounds(3)
    assert len(done) == 3
    assert play.swarm.log.count("web runs again") == 1
    assert play.shown["quorate_backup_chore_ok", "quiesce"] == 1
    assert play.shown["quorate_backup_chore_ok", "leftovers"] == 0


def test_a_repository_that_cannot_be_read_is_told_after_three_tries(play: Play) -> None:
    play.swarm.errors["catalogue of far"] = MachineError("far does not answer")
    play.rounds(2)
    assert play.swarm.told == []
    play.until(8)
    texts = "\n".join(message.body for message in play.swarm.told)
    assert "catalogue far: far does not answer" in texts
    assert "backup of db" in play.swarm.works()  # which goes to the other one


def test_no_backups_begin_before_their_repository_was_read(play: Play) -> None:
    play.swarm.errors["catalogue of near"] = MachineError("near does not answer")
    play.until(6)
    assert "backup of db" not in play.swarm.works()


def test_data_that_nobody_backs_up_is_shown_and_told(tmp_path: Path) -> None:
    compose = COMPOSE.replace('"d:/var/lib/postgresql"', '"d:/var/lib/postgresql", "/nameless"')
    play = Play(fleet_of(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": compose}))
    play.rounds(3)
    assert play.shown["quorate_backup_unprotected", "db: /nameless", ""] == 1
    assert "unprotected: db: /nameless" in play.swarm.told[0].body


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The same fleet, whose recoveries are rehearsed daily."""
    directory: Path = tmp_path_factory.mktemp("rehearsed")
    more = '  rehearse: {every: daily, at: "10:00"}\n  kinds: {postgres: {lose_at_most: 1h}}\n'
    return fleet_of(directory, {"fleet.yaml": FLEET + SECTION + more, "compose.yaml": COMPOSE})


def test_recoveries_are_rehearsed_once_a_day_whoever_decides(rehearsed: Fleet) -> None:
    play = Play(rehearsed).until(20)  # a proof at 06:00, and with it the first rehearsal
    for hours in (24, 30, 36, 42, 48):
        play = Play(rehearsed, play.swarm).until(hours)
    begun = [item for item in play.swarm.started if item.work is Work.REHEARSE]
    # For the last time that was missed, as soon as a copy is proven; then at each day's.
    assert [f"{item.due:%d %H}" for item in begun] == ["28 10", "29 10", "30 10"]
    assert play.shown["quorate_backup_rehearsal_ok", "db"] == 1
    assert play.shown["quorate_backup_rehearsal_rto_seconds", "db"] == 12  # as the job says
    assert play.shown["quorate_backup_rehearsal_rpo_seconds", "db"] > 3600
    assert play.shown["quorate_backup_rpo_target_seconds", "db"] == 3600
    said = "\n".join(message.body for message in play.swarm.told)
    assert said.count("db: its rehearsed recovery would have lost") >= 1


def test_a_rehearsal_that_fails_is_told_shown_and_over_when_one_goes_well(rehearsed: Fleet) -> None:
    play = Play(rehearsed)
    play.swarm.errors["rehearsal of db from near"] = RepositoryError(
        "a pack is damaged", reason="damaged"
    )
    play.until(20)
    assert play.shown["quorate_backup_rehearsal_ok", "db"] == 0
    assert ("quorate_backup_rehearsed_timestamp_seconds", "db") not in play.shown
    assert play.shown["quorate_backup_failing", "rehearse db near"] == 1
    bodies = "\n".join(message.body for message in play.swarm.told)
    assert "db: its rehearsal failed: a pack is damaged" in bodies
    play.swarm.errors.clear()
    play.until(48)
    assert play.shown["quorate_backup_rehearsal_ok", "db"] == 1
    assert ("quorate_backup_failing", "rehearse db near") not in play.shown


def test_a_rehearsal_that_never_came_is_late_and_not_before_it_was_asked_for(
    fleet: Fleet, rehearsed: Fleet
) -> None:
    play = Play(fleet).until(30)
    play = Play(rehearsed, play.swarm)
    for name in ("near", "far"):  # no server has time for it
        play.swarm.errors[f"rehearsal of db from {name}"] = MachineError("no room")
    play.rounds(2)
    assert ("quorate_backup_rehearsed_timestamp_seconds", "db") not in play.shown
    assert play.controller.memory is not None
    play.controller.memory.rehearsed.clear()
    (row,) = [one for one in play.controller.rows if one.planned.source.id == "db"]
    assert row.rehearsed is not None and row.rehearsed.state in ("waiting", "failed")


GROUP = """\
services:
  db: {image: postgres, volumes: ["d:/var/lib/postgresql"],
       x-quorate: {state: postgres, pin: one, group: shop}}
  files: {image: x, volumes: ["f:/f"], x-quorate: {state: volume, pin: one, group: shop}}
volumes: {d: , f: }
"""


def test_a_group_is_begun_as_one(tmp_path: Path) -> None:
    found = fleet_of(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": GROUP})
    play = Play(found).until(8)
    assert play.swarm.groups[0] == ["db", "volume/app_f"]
    said = "backup of volume/app_f on one, with its group shop"
    assert any(said in line for line in play.swarm.log)
    assert play.shown["quorate_backup_state", "db", "postgres", "backed_up"] == 0
    assert play.shown["quorate_backup_state", "volume/app_f", "volume", "backed_up"] == 0
