"""What an abandoned operation keeps still is found and let go; on FakeServices."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.backup import quiesce
from quorate.backup.jobs import leftovers
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.leftovers import Found
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.standing import Begun
from quorate.errors import LockedError, MachineError
from quorate.recover import choose_database, keeping
from quorate.recover.model import Journal, Operation
from quorate.recover.server.holding import How, held
from quorate.recover.site import Site
from quorate.tools import clock
from tests.fakes.services import FakeServices
from tests.unit.backup.jobs.made import NOW, job

DUE = "2026-03-01T03:00:00+00:00"
BEFORE = FakeServices(app=2, other=1).raw


def _journal(kind: str, **facts: Any) -> Journal:
    operation = Operation(kind=kind, subject="db", fleet="office", steps=(), facts=facts)
    return Journal(id=f"id of {kind}", operation=operation, started=DUE, who="me", facts=facts)


DATABASE = _journal(choose_database.KIND, due=DUE)
SERVER = _journal("recover server", target="two")


@dataclass(frozen=True)
class _Job:
    run: str
    what: str = "restore of postgres/db"


@pytest.fixture
def swarm() -> FakeServices:
    return FakeServices(app=2, other=1)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[_Job]:
    found: list[_Job] = []
    monkeypatch.setattr(Door, "jobs", lambda self, fleet: tuple(found))
    return found


def _site(swarm: FakeServices) -> Site:
    said: list[str] = []
    fleet, report = SimpleNamespace(name="office"), SimpleNamespace(note=said.append)
    return cast("Site", SimpleNamespace(client=lambda: swarm, fleet=fleet, report=report))


def _stop(swarm: FakeServices, job: str = "") -> None:
    run = choose_database.run_of(DATABASE)
    wish = quiesce.Wish(services=("app",), run=run, source="postgres/db", seconds=900)
    client = cast("Any", swarm)
    quiesce.begin(client, wish)
    if job:
        quiesce.note(client, ("app",), run, job)


def test_what_a_recovery_of_a_database_stopped_runs_again(
    swarm: FakeServices, jobs: list[_Job]
) -> None:
    _stop(swarm)
    site = _site(swarm)
    assert keeping.kept(site, DATABASE) == ("app",)
    assert keeping.kept(site, SERVER) == keeping.kept(site, _journal("drain")) == ()
    assert keeping.let_go(site, DATABASE) == ("app",)
    assert {name: raw["Spec"] for name, raw in swarm.raw.items()} == {
        name: raw["Spec"] for name, raw in BEFORE.items()
    }
    assert keeping.let_go(site, DATABASE) == (), "once more: nothing is left to do"


def test_nothing_is_started_beside_what_has_not_ended_yet(
    swarm: FakeServices, jobs: list[_Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    monkeypatch.setattr(clock, "sleep", passed.append)
    monkeypatch.setattr(clock, "monotonic", lambda: sum(passed))
    container = swarm.raw["app"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    container["StopGracePeriod"] = 600 * 10**9
    _stop(swarm)
    swarm.stuck = {"app"}
    with pytest.raises(MachineError, match="has not stopped within 720 s"):
        keeping.let_go(_site(swarm), DATABASE)
    assert swarm.replicas("app") == 0
    swarm.stuck.clear()
    assert keeping.let_go(_site(swarm), DATABASE) == ("app",)


@pytest.mark.parametrize("how", list(How))
def test_what_a_recovery_of_a_server_holds_runs_again(swarm: FakeServices, how: How) -> None:
    spec = swarm.raw["app"]["Spec"]
    swarm.raw["app"]["Spec"] = held(spec, SERVER.id, how, "two")
    site = _site(swarm)
    assert keeping.kept(site, SERVER) == ("app",) and keeping.kept(site, DATABASE) == ()
    assert keeping.let_go(site, SERVER) == ("app",)
    assert swarm.replicas("app") == 2 and swarm.labels("app") == spec["Labels"]


def test_nothing_is_started_beside_a_restore_of_a_server_that_goes_on(
    swarm: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = _journal("recover server", target="two", lost=[{"source": "volume/v"}])
    spec = swarm.raw["app"]["Spec"]
    swarm.raw["app"]["Spec"] = held(spec, server.id, How.STOP, "two")
    told = {"work": Work.RESTORE, "server": "two", "kind": "volume"}
    going = [
        Begun.of(job(**told, source=source, run=source), source, NOW)
        for source in ("volume/other", "volume/v")
    ]
    monkeypatch.setattr(leftovers, "sweep", lambda door, fleet: Found(going=tuple(going)))
    with pytest.raises(LockedError, match="restore of volume/v is not over"):
        keeping.let_go(_site(swarm), server)
    assert swarm.replicas("app") == 0
    going.pop()
    assert keeping.let_go(_site(swarm), server) == ("app",)
    assert swarm.replicas("app") == 2


def test_nothing_is_started_beside_a_restore_that_goes_on(
    swarm: FakeServices, jobs: list[_Job]
) -> None:
    _stop(swarm, job="the-restore")
    jobs.append(_Job("the-restore"))
    with pytest.raises(LockedError, match="restore of postgres/db is not over"):
        keeping.let_go(_site(swarm), DATABASE)
    assert swarm.replicas("app") == 0
    jobs.clear()
    assert keeping.let_go(_site(swarm), DATABASE) == ("app",)
