"""Write-ahead logs in messages and metrics: told when it is no blip, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate.alerts.metrics import Sample
from quorate.backup.wal.standing import Log
from quorate.fleet.model import Fleet
from quorate.serving.controller import Controller
from quorate.serving.lognews import wrong_logs
from tests.fakes.serving import FakeClock, FakeSwarm
from tests.unit.fleet.helpers import FLEET, fleet_of
from tests.unit.serving.test_controller import COMPOSE, SECTION

START = datetime(2026, 6, 28, 18, tzinfo=UTC)
GOOD = Log(
    source="db",
    server="two",
    good=True,
    protected=True,
    state="streaming",
    why="",
    at=START,
    received=START,
    behind_seconds=1.0,
    slot="reserved",
    slot_room=90,
    slot_bound=100,
)


def log(**changed: Any) -> Log:
    return GOOD.model_copy(update=changed)


GONE = log(state="gone", good=False, protected=False, why="no task runs", slot=None, slot_room=None)
LOSING = log(good=False, slot_room=10)


@dataclass
class Play:
    """A controller's rounds, a minute or so apart (two looks at the clock each)."""

    fleet: Fleet
    swarm: FakeSwarm | None = None

    def __post_init__(self) -> None:
        clock = FakeClock(START, timedelta(seconds=30))
        self.swarm = self.swarm or FakeSwarm(fleet=self.fleet, clock=clock)
        self.shown: dict[tuple[str, ...], float] = {}
        self.swarm.logs = (GOOD,)
        self.controller = Controller(self.fleet, self.swarm.parts(), self.show)

    def show(self, found: Sequence[Sample]) -> None:
        self.shown = {(one.metric.name, *one.labels[1:]): one.value for one in found}

    def rounds(self, number: int, *logs: Log) -> list[str]:
        """What people are told of logs meanwhile."""
        assert self.swarm is not None
        before = len(self.swarm.told)
        self.swarm.logs = logs
        for _ in range(number):
            self.controller.round()
        bodies = [f"{one.event}: {one.body}" for one in self.swarm.told[before:]]
        return [body for body in bodies if " log" in body or "second" in body]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet_of(directory, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})


def test_a_receiver_that_dies_is_told_once_and_when_it_is_back(fleet: Fleet) -> None:
    play = Play(fleet)
    assert play.rounds(10, GOOD) == []
    assert play.rounds(4, GONE) == []
    (told,) = play.rounds(6, GONE)
    assert (
        told == "failure: - db cannot be restored to any second: the log is not received: "
        "no task runs"
    )
    (over,) = play.rounds(3, GOOD)
    assert over.startswith("recovery: - db cannot be restored to any second")


def test_a_blip_is_no_news(fleet: Fleet) -> None:
    play = Play(fleet)
    for _ in range(4):
        assert play.rounds(3, GOOD) == []
        assert play.rounds(3, GONE) == []


def test_whoever_decides_next_tells_it_no_second_time_and_does_not_call_it_over(
    fleet: Fleet,
) -> None:
    play = Play(fleet)
    play.rounds(5, GOOD)
    assert len(play.rounds(10, GONE)) == 1
    again = Play(fleet, swarm=play.swarm)
    assert again.rounds(10, GONE) == []
    (over,) = again.rounds(3, GOOD)
    assert over.startswith("recovery: ")


def test_a_slot_that_is_nearly_lost_is_told_and_then_that_it_was(fleet: Fleet) -> None:
    play = Play(fleet)
    play.rounds(5, GOOD)
    (near,) = play.rounds(8, LOSING)
    assert "db: its write-ahead log: its slot is given up when 10 B more" in near
    lost = log(good=False, protected=False, state="lost", why="given up", slot="lost",
               slot_room=None)  # fmt: skip
    (gone,) = play.rounds(8, lost)
    assert gone.startswith("failure: ") and "not received: given up" in gone
    (over,) = play.rounds(3, GOOD)
    assert over.startswith("recovery: ") and len(over.splitlines()) == 2


def test_a_first_base_backup_has_an_hour(fleet: Fleet) -> None:
    begins = log(protected=False)
    assert wrong_logs([begins], {}) != ()
    play = Play(fleet)
    assert play.rounds(55, begins) == []
    (told,) = play.rounds(10, begins)
    assert "there is no base backup to begin with yet" in told


def test_metrics_say_how_each_log_is(fleet: Fleet) -> None:
    play = Play(fleet)
    play.rounds(2, GOOD)
    mine = {name[0]: value for name, value in play.shown.items() if "_log_" in name[0]}
    assert mine == {
        "quorate_backup_log_up": 1,
        "quorate_backup_log_protected": 1,
        "quorate_backup_log_received_timestamp_seconds": START.timestamp(),
        "quorate_backup_log_slot_room_bytes": 90,
        "quorate_backup_log_slot_bound_bytes": 100,
        "quorate_backup_log_slot_lost": 0,
    }
    play.rounds(1, log(state="lost", good=False, protected=False, slot="lost", slot_room=None))
    assert play.shown["quorate_backup_log_up", "db"] == 0
    assert play.shown["quorate_backup_log_slot_lost", "db"] == 1
    assert ("quorate_backup_log_slot_room_bytes", "db") not in play.shown
    play.rounds(1, GONE)
    assert play.shown["quorate_backup_log_protected", "db"] == 0
    assert ("quorate_backup_log_slot_lost", "db") not in play.shown
