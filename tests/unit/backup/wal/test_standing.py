"""How far behind a log is, and how near its slot is to being given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quorate.backup.policy import doctor
from quorate.backup.policy.doctor import Check
from quorate.backup.policy.wal import Base, Receiver, Window
from quorate.backup.wal import standing
from quorate.backup.wal.model import Health, Slot, State
from quorate.backup.wal.standing import Log
from quorate.fleet.schedules import Schedule

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MIB = 2**20
DB = Receiver(
    source="db",
    service="db",
    server="two",
    beside=False,
    path="/var/lib/quorate/wal/db",
    slot="quorate_test_db",
    slot_room=100 * MIB,
    schedule=Schedule(every="0 0 1 1 *"),
    keep=86400.0,
)


def slot(room: int | None = 90 * MIB, status: str = "reserved") -> Slot:
    return Slot(active=True, status=status, room=room)


def heard(**more: Any) -> Log:
    said = {
        "source": "db",
        "state": State.STREAMING,
        "at": NOW - timedelta(seconds=3),
        "lag_bytes": 10,
        "lag_seconds": 4.0,
        "slot": slot(),
        "windows": (Window(begin=NOW - timedelta(days=2), end=NOW - timedelta(seconds=7)),),
        **more,
    }
    return standing.heard(DB, Health(**said), now=NOW)


def words(one: Log) -> list[str]:
    return [trouble.what for trouble in standing.troubles(one)]


def test_a_log_that_is_received_is_good_and_says_how_far_behind_it_is() -> None:
    one = heard()
    assert one.good and words(one) == []
    assert (one.state, one.behind_seconds, one.behind_bytes) == ("streaming", 4.0, 10)
    assert (one.slot, one.slot_room, one.slot_bound) == ("reserved", 90 * MIB, 100 * MIB)
    assert one.restorable_from == NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"lag_seconds": 61.0, "lag_bytes": 3 * MIB}, "1 min 1 s behind its primary, 3 MiB"),
        ({"slot": slot(24 * MIB)}, "given up when 24 MiB more are written (of 100 MiB)"),
        ({"slot": slot(90 * MIB, "unreserved")}, "given up when 90 MiB more are written"),
        ({"slot": slot(None)}, "nothing bounds what its slot holds back"),
        ({"why": "a base backup failed (2 times): no room"}, "a base backup failed (2 times)"),
        ({"state": State.UNREACHABLE, "why": "refused"}, "the log is not received: refused"),
        ({"state": State.LOST, "slot": slot(None, "lost")}, "the log is not received: lost"),
        ({"at": NOW - timedelta(seconds=301)}, "said nothing since 2026-06-01 11:54:59 UTC"),
    ],
    ids=["late", "near", "unreserved", "unbounded", "base", "unreachable", "lost", "silent"],
)
def test_each_thing_that_is_wrong_is_said_once_with_what_to_do(
    more: dict[str, Any], said: str
) -> None:
    one = heard(**more)
    (found,) = doctor.of_logs([one])
    assert said in found.what and found.todo, found
    assert (found.check, found.where, one.good) == (Check.LOG, "db", False)


@pytest.mark.parametrize(
    "more", [{"lag_seconds": 60.0}, {"slot": slot(25 * MIB)}, {"lag_seconds": None, "slot": None}]
)
def test_at_its_limit_it_is_good(more: dict[str, Any]) -> None:
    assert heard(**more).good


def test_it_protects_while_it_is_received_and_has_a_base_backup_to_begin_with() -> None:
    base = Base(id="a", begin=NOW - timedelta(hours=1), end=NOW - timedelta(hours=1))
    said: dict[str, Any] = {"since": NOW - timedelta(hours=2), "bases": (base,), "until": NOW}
    assert heard(**said).protected and heard(**said).received == NOW
    assert not heard(**said, at=NOW - timedelta(seconds=301)).protected
    assert not heard(**{**said, "bases": ()}).protected


def test_what_is_said_in_one_line_is_judged_the_same() -> None:
    def window(days: int) -> Window:
        return Window(begin=NOW - timedelta(days=days), end=NOW - timedelta(days=days - 1))

    bases = tuple(
        Base(id=str(days), begin=NOW - timedelta(days=days), end=NOW - timedelta(days=days))
        for days in range(90, 0, -1)
    )
    whole = Health(
        source="db",
        state=State.STREAMING,
        at=NOW,
        since=NOW - timedelta(days=2),
        until=NOW,
        lag_seconds=4.0,
        slot=slot(),
        bases=bases,
        windows=tuple(window(days) for days in range(90, 0, -1)),
    )
    line = whole.line
    assert len(line) < 1000 and "\n" not in line
    again = Health.model_validate_json(line)
    assert standing.heard(DB, again, now=NOW) == standing.heard(DB, whole, now=NOW)
    assert again.protected


def test_what_is_far_behind_and_not_received_is_told_by_why_not() -> None:
    one = heard(state=State.UNREACHABLE, why="refused", lag_seconds=4000.0, slot=slot(MIB))
    assert ["not received" in text for text in words(one)] == [True, False]
    assert one.behind_seconds == 4000.0


def test_a_receiver_that_is_not_there_is_not_good() -> None:
    one = standing.unheard(DB, standing.GONE, "no container of quorate-wal-db runs on two")
    (found,) = standing.troubles(one)
    assert "no container of quorate-wal-db" in found.what and "`quorate up`" in found.todo
    assert not one.good and one.slot_bound == 100 * MIB
