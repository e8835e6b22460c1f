"""The actions of a recovery: what is done when something has happened meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from quorate.backup import quiesce
from quorate.backup.jobs import enumerating, leftovers, reading, running
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Decision, Refused
from quorate.backup.jobs.decide_restore import LATEST
from quorate.backup.jobs.leftovers import Found
from quorate.backup.jobs.model import NOTHING_KEPT, Answer, Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.backup.wal import asking
from quorate.backup.wal.standing import Log
from quorate.deploy.progress import Silent
from quorate.entry.cli.recover_database_view import render_came
from quorate.errors import MachineError, QuorateError, RepositoryError
from quorate.fleet.model import Fleet
from quorate.recover import choose_database as choose
from quorate.recover import database
from quorate.recover.choose_database import Asked, Chosen, Users
from quorate.recover.model import Journal, Operation
from quorate.recover.site import Site
from quorate.tools import clock
from tests.unit.backup.jobs.made import NOW, SECTION, fleet, job, scene, snapshot
from tests.unit.recover.test_choose_database import DB, proven


@dataclass
class Play:
    """What the swarm does, played: how each job ends (the last for ever), what was asked of it."""

    ends: list[QuorateError | tuple[str, ...]]
    swept: tuple[Outcome, ...] = ()
    jobs: tuple[Begun, ...] = ()
    broken: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def run(self, ground: Ground, decision: Decision) -> Round:
        (start,) = decision.starts
        assert start.quiet == ()
        job = start.job
        self.done.append(f"{job.work} {job.repository.name or job.aside}")
        how = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        begun = Begun.of(job, "job", NOW)
        if isinstance(how, QuorateError):
            return Round(outcomes=(Outcome(job=begun, error=how),))
        answer = Answer(work=job.work, run=job.run, findings=how, seconds=7.0)
        return Round(outcomes=(Outcome(job=begun, answer=answer),))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet(directory)


def journal() -> Journal:
    copies = (proven("a" * 64, 3), proven("b" * 64, 3, repository="first"))
    chosen = Chosen(copies=copies, until=copies[0].taken)
    around = Users(stops=("app_web",), waits=("app_db",))
    plan: Operation = choose.operation("office", DB, chosen, around, "db", now=NOW)
    return Journal(
        id="x", operation=plan, started=NOW.isoformat(), who="me", facts=dict(plan.facts)
    )


def actions(play: Play, found: Fleet, monkeypatch: pytest.MonkeyPatch) -> Any:
    class Door:
        """Says which jobs there are; what is asked of a manager is only noted."""

        def jobs(self, fleet: str) -> tuple[Begun, ...]:
            return play.jobs

        def ask(self, what: str, call: object) -> None:
            play.done.append("stop")

    def ground(place: Site, hook: object = None) -> Ground:
        return Ground(scene=scene(found), door=cast(Any, Door()), watcher=cast(Any, None))

    class There(Site):
        def client(self) -> Any:
            return None

    monkeypatch.setattr(database, "ground", ground)
    monkeypatch.setattr(running, "run", play.run)
    monkeypatch.setattr(leftovers, "sweep", lambda door, fleet: Found(ended=play.swept))
    monkeypatch.setattr(quiesce, "broken", lambda client, names, run: play.broken)
    monkeypatch.setattr(quiesce, "note", lambda client, names, run, job: None)
    place = There(fleet=found, connections=cast(Any, None), report=Silent())
    return database.actions(place, journal())


def test_the_copy_is_restored_once_its_writers_are_stopped(
    found: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(ends=[("kept as x",)])
    told = actions(play, found, monkeypatch)["restore"].do(journal().facts)
    assert play.done == ["stop", "restore second"]
    assert told["kept"] == ["kept as x"] and told["from"] == "second"


def test_where_its_repository_fails_the_next_one_has_the_same_copy(
    found: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = RepositoryError("second does not answer", reason="unreachable")
    play = Play(ends=[gone, ()])
    told = actions(play, found, monkeypatch)["restore"].do(journal().facts)
    assert play.done == ["stop", "restore second", "restore first"] and told["from"] == "first"
    play = Play(ends=[gone])
    with pytest.raises(RepositoryError, match="does not answer"):
        actions(play, found, monkeypatch)["restore"].do(journal().facts)
    play = Play(ends=[MachineError("the database is full")])
    with pytest.raises(MachineError, match="full"):
        actions(play, found, monkeypatch)["restore"].do(journal().facts)
    assert play.done == ["stop", "restore second"]


def test_a_job_that_ended_while_nobody_looked_is_not_done_again(
    found: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Play(ends=[()])
    made = actions(first, found, monkeypatch)
    kept: list[str] = []
    real = first.run

    def run(ground: Ground, decision: Decision) -> Round:
        kept.append(decision.starts[0].job.run)
        return real(ground, decision)

    monkeypatch.setattr(running, "run", run)
    made["restore"].do(journal().facts)
    job = replace(begun_of("restore"), run=kept[0])
    answer = Answer(work=Work.RESTORE, run=kept[0], findings=("kept as y",))
    play = Play(ends=[()], swept=(Outcome(job=job, answer=answer),))
    told = actions(play, found, monkeypatch)["restore"].do(journal().facts)
    assert play.done == ["stop"] and told["kept"] == ["kept as y"]


@pytest.mark.parametrize("method", ["stop", UNWATCHED])
def test_a_gitlab_whose_restore_ended_while_nobody_looked_has_its_health_check_again(
    found: Fleet, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    start = Start(job=job(work=Work.RESTORE), node="n1", quiet=("ci_gitlab",), method=method)
    over = Outcome(job=Begun.of(start.job, "job", NOW))
    given_back: list[Start] = []
    monkeypatch.setattr(leftovers, "sweep", lambda door, fleet: Found(ended=(over,)))
    monkeypatch.setattr(database, "let_go", lambda door, start: given_back.append(start))
    here = Ground(scene=scene(found), door=cast(Any, None), watcher=cast(Any, None))
    assert database._followed(here, start) is over
    assert given_back == ([start] if method == UNWATCHED else [])


def begun_of(work: str) -> Begun:
    at = datetime(2026, 6, 30, tzinfo=UTC)
    return Begun(
        id="j", name="job", run="r", work=work, source="db", repository="second", server="one",
        started=at, deadline=at,
    )  # fmt: skip


def test_a_writer_that_was_started_meanwhile_is_an_error(
    found: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(ends=[()], broken=["app_web"])
    with pytest.raises(MachineError, match="app_web did not stay stopped while db was restored"):
        actions(play, found, monkeypatch)["restore"].do(journal().facts)


def test_undoing_waits_for_a_restore_under_way_and_misses_what_was_kept(
    found: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(ends=[()], jobs=(begun_of("restore"),))
    undo = actions(play, found, monkeypatch)["restore"].undo
    undo(journal().facts)
    assert play.done == ["stop", "restore second", "back 20260630_120000"]
    nothing = Play(ends=[(NOTHING_KEPT,)])
    undo = actions(nothing, found, monkeypatch)["restore"].undo
    undo(journal().facts)
    with pytest.raises(MachineError, match="is not there any more"):
        undo({**journal().facts, "kept": ["something"]})


def test_what_a_job_is_refused_for_is_said(found: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = actions(Play(ends=[()]), found, monkeypatch)
    refused = Round(refused=(Refused(what="db", error=MachineError("no room")),))
    monkeypatch.setattr(running, "run", lambda ground, decision: refused)
    with pytest.raises(MachineError, match="no room"):
        made["restore"].do(journal().facts)


def test_the_log_of_a_database_is_asked_how_far_it_goes_where_a_copy_would_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = SECTION + "  sources:\n    db: {wal: {server: two}}\n"
    there = scene(fleet(tmp_path, section), snapshot(), {"one": {"app_d"}})
    asked: list[str] = []

    def logs(connections: Any, wanted: Any, stored: Any, now: datetime) -> tuple[Log, ...]:
        asked.extend(one.source for one in wanted)
        return (
            Log(
                source="db",
                server="two",
                good=True,
                state="streaming",
                why="",
                slot_bound=1,
                restorable_until=NOW - timedelta(minutes=1),
            ),
        )

    monkeypatch.setattr(
        database, "ground", lambda place: SimpleNamespace(scene=there, door=None, watcher=None)
    )
    monkeypatch.setattr(reading, "read", lambda ground: Known(snapshots=(proven("a" * 64, 5),)))
    monkeypatch.setattr(enumerating, "stored", lambda connections: SimpleNamespace(results={}))
    monkeypatch.setattr(asking, "logs", logs)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    place = Site(fleet=there.fleet, connections=cast(Any, None), report=Silent())
    shown = database.ready(place, "db", Asked()).operation
    assert asked == ["db"]
    assert any("--at latest` loses 4 h 59 min less" in one for one in shown.warnings)
    latest = database.ready(place, "db", Asked(at=LATEST))
    assert asked == ["db", "db"] and "the last 1 min" in latest.operation.loses
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=5))
    for start in (database._rehearsal(latest), _again(latest)):
        assert start.job.given and start.job.moment is None, "to its end, not until it was asked"
    database.ready(place, "db", Asked(snapshot="aa"))
    assert asked == ["db", "db"]


def _again(here: database.Ready) -> Start:
    return database._restoring(here.ground, here.operation.facts, None).start


@pytest.mark.parametrize(("known", "rpo"), [(True, 60.0), (False, None)])
def test_how_much_is_lost_is_not_said_where_nobody_knows(
    found: Fleet, monkeypatch: pytest.MonkeyPatch, known: bool, rpo: float | None
) -> None:
    monkeypatch.setattr(database, "until_well", lambda place, names: None)
    facts = {"waits": [], "until": (NOW - timedelta(minutes=1)).isoformat(), "known": known}
    told = actions(Play(ends=[]), found, monkeypatch)["verify"].do(facts)
    assert told["rpo_seconds"] == rpo
    ended = journal().model_copy(update={"facts": told})
    console = Console(record=True, width=200)
    render_came(ended, console)
    lost = "what is not in its write-ahead log" if rpo is None else "the 1 min before it began"
    assert f"lost: {lost} (RPO)" in console.export_text()
