"""The controller's lock and notes, with a fake of the swarm's configs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from quorate.backup.jobs.model import Answer, Copied, Work
from quorate.backup.model import Kind
from quorate.backup.policy.agenda import Doing
from quorate.backup.policy.rehearsals import Rehearsal
from quorate.backup.wal.model import Health, State
from quorate.deploy import lock
from quorate.errors import LockedError, MachineError
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.fleet.own import LOCK, NOTES
from quorate.serving import swarm as swarm_parts
from quorate.serving.memory import recalled
from quorate.serving.parts import Ended
from quorate.serving.swarm import LASTS_SECONDS, Swarm, SwarmNotes, holding
from quorate.tools import clock, docker, process
from tests.fakes.configs import FakeConfigs
from tests.unit.fleet.helpers import FLEET, fleet_of
from tests.unit.serving.test_controller import COMPOSE, SECTION


@pytest.fixture
def engine() -> FakeConfigs:
    return FakeConfigs()


def settings(**more: Any) -> lock.Settings:
    return lock.Settings(name=LOCK, lasts=LASTS_SECONDS, **more)


@pytest.mark.fault(
    "two controllers at once",
    injected="two that ask for the lock",
    seen="one has it",
)
def test_one_holds_the_lock_and_it_says_who_and_until_when(engine: FakeConfigs) -> None:
    client = cast(Any, engine)
    with holding(lambda: client, "office")(print) as check:
        check()
        found = lock.holder(client, LOCK)
        assert found is not None
        assert (found.what, found.host, found.lasts) == ("serve office", process.host_name(), 30)
        with (
            pytest.raises(LockedError, match="somebody else"),
            lock.hold(client, what="serve office", settings=settings()),
        ):
            pass
    assert engine.kept == {}


def test_the_lock_of_deployments_is_another_one(engine: FakeConfigs) -> None:
    client = cast(Any, engine)
    with holding(lambda: client, "office")(print), lock.hold(client, what="up"):
        assert len(engine.kept) == 2


@pytest.mark.fault(
    "two controllers at once",
    injected="a holder that is gone",
    seen="its lock is taken when it has run out",
)
def test_a_controller_whose_server_is_lost_is_followed_half_a_minute_later(
    engine: FakeConfigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = cast(Any, engine)
    said: list[str] = []
    with holding(lambda: client, "office")(print):
        (raw,) = engine.kept.values()
    raw["Spec"]["Labels"]["quorate.lock.place"] = "another machine"
    engine.kept[raw["ID"]] = raw  # nobody gives it back
    began = engine.now
    monkeypatch.setattr(clock, "sleep", engine.later)
    with holding(lambda: client, "office")(said.append) as check:
        check()
    assert said[0].startswith("waiting: ") and "`serve office`" in said[0]
    assert said[1].startswith("taking over a stale lock") and "not renewed for 3" in said[1]
    assert LASTS_SECONDS < (engine.now - began).total_seconds() < LASTS_SECONDS + 5


def test_whoever_lost_the_lock_is_told(engine: FakeConfigs) -> None:
    client = cast(Any, engine)
    with lock.hold(client, what="serve office", settings=settings(renew=0.01)) as held:
        engine.kept.clear()
        for _ in range(500):
            if held.lost:
                break
            clock.sleep(0.01)
        with pytest.raises(LockedError, match="was lost while working"):
            held.check()


def test_the_lock_is_renewed_by_whichever_manager_answers(
    engine: FakeConfigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was asked first is lost: the others would let somebody else take it over."""
    first = FakeConfigs()
    first.kept, managers = engine.kept, [first]
    began = clock.boottime()
    with holding(lambda: cast(Any, managers[-1]), "office")(print) as check:
        first.kept = {}  # what is changed there reaches nobody any more
        managers.append(engine)
        engine.later(LASTS_SECONDS + 1)
        monkeypatch.setattr(clock, "boottime", lambda: began + LASTS_SECONDS + 1)
        check()
        found = lock.holder(cast(Any, engine), LOCK)
        assert found is not None and found.age == 0 and found.stale is None


def test_notes_outlast_the_lock(engine: FakeConfigs) -> None:
    swarm = Swarm(fleet=cast(Any, None), manager=lambda: cast(Any, engine), say=print)
    notes = SwarmNotes(swarm)
    assert notes.load() == {}
    memory = recalled({}, engine.now)
    memory.kept["check:nas"], memory.told["a"] = engine.now, "b"
    notes.save(memory.notes())
    notes.save(memory.notes())
    assert [one["Spec"]["Name"] for one in engine.kept.values()] == [NOTES]
    again = recalled(notes.load(), engine.now.replace(year=2030))
    assert again.notes() == memory.notes()


def test_notes_that_cannot_be_read_are_as_at_first(engine: FakeConfigs) -> None:
    memory = recalled({"since": "x", "told": "[1]", "check:nas": "never"}, engine.now)
    assert (memory.since, memory.told, memory.kept) == (engine.now, {}, {})


def test_rehearsals_are_among_the_notes_and_rubbish_there_is_none(engine: FakeConfigs) -> None:
    swarm = Swarm(fleet=cast(Any, None), manager=lambda: cast(Any, engine), say=print)
    notes = SwarmNotes(swarm)
    memory = recalled({}, engine.now)
    memory.rehearsing(on=True, now=engine.now)
    memory.rehearsed["volume/a"] = (Rehearsal(at=engine.now, ok=True, rto=4.5, rpo=60.0),)
    notes.save(memory.notes())
    again = recalled({**notes.load(), "rehearsed:db": "{"}, engine.now.replace(year=2030))
    assert again.history == memory.history and again.history.since == engine.now
    again.rehearsing(on=False, now=engine.now)
    assert again.history.since is None and again.kept == {}
    again.forget_old(engine.now.replace(year=2030))
    assert again.rehearsed == {}


def test_what_a_rehearsal_came_to(engine: FakeConfigs) -> None:
    memory, now = recalled({}, engine.now), engine.now
    doing = Doing(
        work=Work.REHEARSE, run="r", server="two", repository="nas", source="db", began=now
    )
    copy = Copied(
        id="0123456789abcdef",
        source="db",
        kind=Kind.POSTGRES,
        repository="nas",
        taken=now - timedelta(hours=3),
        received=now,
        complete=True,
    )
    answer = Answer(work=Work.REHEARSE, run="r", source="db", copies=(copy,), seconds=40.0)
    memory.ended(Ended(doing=doing, answer=answer, seconds=52.34), now + timedelta(minutes=1))
    memory.ended(Ended(doing=doing, answer=answer), now + timedelta(minutes=2))  # nobody followed
    memory.ended(Ended(doing=doing, answer=answer, error=MachineError("x", cause="y")), now)
    failed, swept, followed = memory.rehearsed["db"]
    assert (followed.ok, followed.rto, followed.rpo) == (True, 52.3, 3 * 3600)
    assert (swept.rto, swept.copy_id, swept.server) == (40.0, "0123456789ab", "two")
    assert (failed.ok, failed.rto, failed.why) == (False, None, "x; likely cause: y")


def test_it_hears_of_write_ahead_logs_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = SECTION + "  sources:\n    db: {wal: {server: two}}\n"
    fleet = fleet_of(tmp_path, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})
    at, now, asked = datetime(2026, 6, 1, 12, tzinfo=UTC), [0.0], []
    node = ObservedNode(id="n2", hostname="two", state="ready")
    receiver = ObservedService(id="s", name="quorate-wal-db")
    task = ObservedTask(
        id="t", service_id="s", node_id="n2", state="running", desired_state="running"
    )
    snapshot = Snapshot(taken_at=at, nodes=(node,), services=(receiver,), tasks=(task,))

    def log_lines(client: Any, service: str, **how: Any) -> list[str]:
        asked.append(service)
        return [Health(source="db", state=State.STREAMING, at=at, lag_seconds=2.0).line]

    monkeypatch.setattr(swarm_parts, "observe", lambda client: snapshot)
    monkeypatch.setattr(docker, "log_lines", log_lines)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "now", lambda: at)
    swarm = Swarm(fleet=fleet, manager=lambda: cast(Any, None), say=print)
    for seconds in (0.0, 15.0, 59.0, 60.0):
        now[0] = seconds
        (log,) = swarm.look().logs
        assert (log.source, log.state, log.behind_seconds) == ("db", "streaming", 2.0)
    assert asked == ["s", "s"]
