"""Logs as managers know of them: by the swarm, and by what a receiver says in its own log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from quorate.backup.jobs.door import Door
from quorate.backup.policy.wal import Base, Receiver
from quorate.backup.wal import hearing
from quorate.backup.wal.model import Health, Slot, State
from quorate.backup.wal.standing import Log, troubles
from quorate.errors import MachineError, QuorateError
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.fleet.schedules import Schedule

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DB = Receiver(
    source="db",
    service="db",
    server="two",
    beside=False,
    path="/var/lib/quorate/wal/db",
    slot="quorate_test_db",
    slot_room=100,
    schedule=Schedule(every="0 0 1 1 *"),
    keep=86400.0,
)


def said(seconds: float = 3.0, state: State = State.STREAMING) -> str:
    begun = NOW - timedelta(hours=1)
    return Health(
        source="db",
        state=state,
        at=NOW - timedelta(seconds=seconds),
        since=begun,
        until=NOW - timedelta(seconds=seconds + 1),
        lag_seconds=1.0,
        slot=Slot(active=True, status="reserved", room=90),
        bases=(Base(id="a", begin=begun, end=begun),),
    ).line


class FakeDoor:
    """The log of one service."""

    def __init__(self, *lines: str, error: QuorateError | None = None) -> None:
        self.lines, self.error = list(lines), error
        self.asked: list[str] = []

    def log(self, service: str, *, lines: int | None, errors: bool = False) -> list[str]:
        self.asked.append(service)
        if self.error is not None:
            raise self.error
        return self.lines


def seen(*, ready: bool = True, state: str = "running", name: str = "quorate-wal-db") -> Snapshot:
    node = ObservedNode(id="n2", hostname="two", state="ready" if ready else "down")
    task = ObservedTask(id="t", service_id="s", node_id="n2", state=state, desired_state="running")
    service = ObservedService(id="s", name=name)
    return Snapshot(taken_at=NOW, nodes=(node,), services=(service,), tasks=(task,))


def heard(door: FakeDoor, snapshot: Snapshot | None = None, one: Receiver = DB) -> Log:
    (found,) = hearing.logs(cast(Door, door), snapshot or seen(), [one], NOW)
    return found


def test_the_newest_that_it_said_counts_whoever_said_what_before() -> None:
    door = FakeDoor(said(3), "pg_receivewal: error: x", said(70, State.UNREACHABLE), '{"a": 1}')
    found = heard(door)
    assert (found.state, found.good, found.protected) == ("streaming", True, True)
    assert (found.slot_room, found.slot_bound) == (90, 100)
    assert found.received == NOW - timedelta(seconds=4)
    assert door.asked == ["s"]


@pytest.mark.parametrize(
    ("snapshot", "state", "words"),
    [
        (seen(name="other"), "gone", "no task of quorate-wal-db runs on two"),
        (seen(state="failed"), "gone", "no task of quorate-wal-db runs on two"),
        (seen(ready=False), "silent", "its server two is down"),
    ],
    ids=["no service", "no task", "server down"],
)
def test_a_receiver_that_does_not_run_is_not_asked(
    snapshot: Snapshot, state: str, words: str
) -> None:
    door = FakeDoor(said())
    found = heard(door, snapshot)
    assert (found.state, found.protected, found.good) == (state, False, False)
    assert words in found.why and door.asked == []
    assert next(troubles(found)).todo


def test_a_receiver_that_cannot_be_heard_is_silent() -> None:
    unread = heard(FakeDoor(error=MachineError("its log cannot be read", cause="timed out")))
    assert unread.state == "silent" and "timed out" in unread.why
    older = heard(FakeDoor("streaming", "{}"))
    assert older.state == "silent" and "another version" in older.why
    late = heard(FakeDoor(said(301)))
    assert late.state == "silent" and not late.protected


def test_a_log_that_has_nowhere_to_go_is_told() -> None:
    found = heard(FakeDoor(), one=Receiver(**{**vars(DB), "server": None}))
    assert found.state == "nowhere" and not found.protected
