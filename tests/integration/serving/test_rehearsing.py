"""A scheduled rehearsal: a real Postgres, restic and job; only Swarm is played, by processes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quorate.alerts.metrics import Sample
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.standing import error_of
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.place import Repository
from quorate.backup.policy.agenda import Doing, Item
from quorate.backup.policy.rehearsals import read
from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import ObservedNode, Snapshot
from quorate.serving.controller import Controller
from quorate.serving.memory import REHEARSED
from quorate.serving.parts import Ended, Looked
from quorate.serving.starts import start_for
from quorate.tools import clock
from tests.fakes.serving import FakeClock, FakeStarter, FakeSwarm
from tests.integration.backup import ground, servers, working
from tests.integration.backup.servers import Source
from tests.unit.fleet.helpers import FLEET, fleet_of
from tests.unit.serving.test_controller import COMPOSE

pytestmark = pytest.mark.timeout(3000)

SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {environment: P}}
  exclude: [configs, swarm, system/one, system/two, system/three]
  rehearse: {every: weekly, day: sunday, at: "10:00", servers: [three]}
  kinds: {postgres: {restore_within: 1h, lose_at_most: 1d}}
"""
DONE_HERE = (Work.CATALOGUE, Work.REHEARSE)
PATIENCE = timedelta(minutes=25)
POLL_SECONDS = 0.5


class ShiftedClock(FakeClock):
    """This machine's clock, so much ahead."""

    def __init__(self) -> None:
        super().__init__(clock.now(), timedelta())
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        self.moment = clock.now() + self.ahead
        return self.moment


@dataclass
class Processes(FakeStarter):
    """Jobs as the controller tells them, each a process of `quorate backup job` on this machine.

    Those that need a service of the fleet are refused.
    """

    swarm: FakeSwarm
    near: Repository
    spool: Path
    going: list[tuple[Item, datetime, float, subprocess.Popen[str]]] = field(default_factory=list)

    def start(self, item: Item) -> None:
        if item.work not in DONE_HERE:
            raise MachineError(f"there is no {item.words} here")
        self.swarm.started.append(item)
        told = start_for(scene(self.swarm.fleet), item).job
        told = told.model_copy(update={"repository": working.at(self.near.place)})
        process = working.begin(told, self.spool)
        self.going.append((item, self.swarm.clock.moment, clock.monotonic(), process))

    def start_together(self, items: Sequence[Item]) -> None:
        for item in items:
            self.start(item)

    def look(self) -> Looked:
        over = [one for one in self.going if one[3].poll() is not None]
        self.going = [one for one in self.going if one not in over]
        return Looked(
            running=tuple(doing(item, began) for item, began, *_ in self.going),
            ended=tuple(self._ended(*one) for one in over),
        )

    def _ended(
        self, item: Item, began: datetime, since: float, process: subprocess.Popen[str]
    ) -> Ended:
        answer = working.end(process).answer
        return Ended(
            doing=doing(item, began),
            answer=answer,
            error=error_of(answer.trouble) if answer.trouble else None,
            seconds=clock.monotonic() - since,
        )


def doing(item: Item, began: datetime) -> Doing:
    return Doing(
        work=item.work,
        run=item.run,
        server=item.server,
        repository=item.repository,
        source=item.source,
        began=began,
    )


def scene(fleet: Fleet) -> Scene:
    names = ("one", "two", "three")
    nodes = [
        ObservedNode(id=name, hostname=name, role="manager", state="ready", availability="active")
        for name in names
    ]
    seen = Snapshot(taken_at=clock.now(), nodes=tuple(nodes))
    return Scene(fleet=fleet, snapshot=seen, volumes={})


class Play:
    """A controller of its own, over the same swarm and repository."""

    def __init__(self, swarm: FakeSwarm, near: Repository, spool: Path) -> None:
        self.shown: dict[tuple[str, ...], float] = {}
        self.starter = Processes(swarm, near, spool)
        parts = swarm.parts(starter=self.starter)
        self.controller = Controller(swarm.fleet, parts, self.show)

    def show(self, found: Sequence[Sample]) -> None:
        self.shown = {(one.metric.name, *one.labels[1:]): one.value for one in found}

    def until_still(self, rounds: int = 3) -> Play:
        """Rounds until nothing has gone on for a few of them."""
        still, deadline = 0, clock.now() + PATIENCE
        while still < rounds:
            assert clock.now() < deadline
            self.controller.round()
            still = 0 if self.starter.going else still + 1
            clock.sleep(POLL_SECONDS)
        return self


@pytest.fixture
def near(tmp_path: Path) -> Repository:
    """A new repository."""
    return ground.made(tmp_path, "near")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with servers.place() as made:
        yield made


@pytest.fixture
def source(place: Path) -> Iterator[Source]:
    with servers.postgres(place) as made:
        yield made


@pytest.fixture
def spool(place: Path) -> Iterator[Path]:
    made = place / "spool"
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_recovery_is_rehearsed_on_its_schedule_timed_recorded_and_judged(
    source: Source, near: Repository, spool: Path, tmp_path: Path
) -> None:
    fleet = fleet_of(tmp_path / "fleet", {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    copies = working.done(source.job("backup", near, source="db", server="one"), spool)
    (copy,) = copies.answer.copies
    told = {"source": "db", "snapshot": copy.id, "server": "two", "reach": None}
    working.done(source.job("prove", near, **told), spool)
    time = ShiftedClock()
    swarm = FakeSwarm(fleet=fleet, clock=time)

    # Never rehearsed, and its copy is proven: it is due.
    first = Play(swarm, near, spool).until_still()
    assert [item.server for item in rehearsals(swarm)] == ["three"]
    (one,) = read(swarm.said[f"{REHEARSED}db"])
    assert one.ok and one.copy_id == copy.id[:12] and one.server == "three"
    assert one.rto is not None and one.rpo is not None
    assert 0 < one.rto < PATIENCE.total_seconds()
    age = (datetime.now(UTC) - copy.taken).total_seconds()
    assert 0 < one.rpo < age and one.rpo + one.rto == pytest.approx(age, abs=60)
    assert first.shown["quorate_backup_rehearsal_ok", "db"] == 1
    assert first.shown["quorate_backup_rehearsal_rto_seconds", "db"] == one.rto
    assert first.shown["quorate_backup_rehearsal_rpo_seconds", "db"] == one.rpo
    assert first.shown["quorate_backup_rpo_target_seconds", "db"] == 86400
    assert ("quorate_backup_running", "db") in first.shown
    assert working.empty(spool)

    # Another controller takes over: it knows.
    Play(swarm, near, spool).until_still()
    assert len(rehearsals(swarm)) == 1

    # Eight days later it is due again, and the copy has lost data: that is found, told and shown.
    for pack in (Path(near.place.location) / "data").rglob("*"):
        if pack.is_file() and pack.stat().st_size > 10_000:
            pack.chmod(0o600)
            pack.write_bytes(b"\0" * pack.stat().st_size)
    time.ahead = timedelta(days=8)
    last = Play(swarm, near, spool).until_still()
    assert len(rehearsals(swarm)) == 2
    failed, former = read(swarm.said[f"{REHEARSED}db"])
    assert not failed.ok and failed.why and former == one
    assert last.shown["quorate_backup_rehearsal_ok", "db"] == 0
    assert last.shown["quorate_backup_rehearsed_timestamp_seconds", "db"] == one.at.timestamp()
    body = "\n".join(message.body for message in swarm.told)
    assert "- rehearse db near: " in body
    (row,) = [one for one in last.controller.rows if one.planned.source.id == "db"]
    assert row.rehearsed is not None and row.rehearsed.state == "failed" and not row.good
    assert any(text.startswith("its rehearsal failed: ") for text in row.problems)


def rehearsals(swarm: FakeSwarm) -> list[Item]:
    return [item for item in swarm.started if item.work is Work.REHEARSE]
