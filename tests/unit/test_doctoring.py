"""`backup doctor` of a live fleet, with a fake of its engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quorate import assessing, doctoring
from quorate.backup.jobs.model import Trouble, Work
from quorate.backup.jobs.names import service_name
from quorate.backup.jobs.spec import LABEL_FLEET, LABEL_STORE, labels
from quorate.backup.jobs.watching import Silent
from quorate.backup.policy import quiesce
from quorate.backup.policy.doctor import Check, Diagnosis
from quorate.backup.policy.quiesce import Record
from quorate.backup.policy.rehearsals import Rehearsal, written
from quorate.backup.wal.model import Health, State
from quorate.serving.swarm import SwarmNotes
from quorate.tools import docker
from quorate.tools.restic_errors import Reason
from tests.unit.backup.jobs import made
from tests.unit.backup.jobs.fake_swarm import told
from tests.unit.live_fleet import SECTION, Live, answered, live, receiver

STALE = "stale lock: exclusive, of process 7 on box1, since 2026-03-01 00:00 UTC (120 minutes)"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    found = live(tmp_path, monkeypatch)
    found.engines.create_secret("pw-v3", b"")
    return found


def look(fleet: Live, **more: Any) -> Diagnosis:
    return doctoring.diagnose(fleet.opened, Silent(), **more)


def found(diagnosis: Diagnosis) -> set[tuple[Check, str]]:
    return {(one.check, one.where) for one in diagnosis.findings}


def dead_job(fleet: Live) -> str:
    """A job that has ended an hour ago."""
    job = made.job()
    name = service_name(job)
    long_ago = datetime.now(UTC) - timedelta(hours=9)
    constraint = {"Placement": {"Constraints": ["node.id==id-one"]}}
    spec = {"Name": name, "Labels": labels(job, long_ago), "TaskTemplate": constraint}
    fleet.engines.add(spec)
    return name


def kept_still(fleet: Live) -> None:
    """A service that a dead backup has stopped."""
    past = datetime.now(UTC) - timedelta(hours=1)
    record = Record(run="dead", source="volume/app_v", replicas=0, deadline=past)
    spec = {"Name": "app_files", "Labels": {}, "Mode": {"Replicated": {"Replicas": 2}}}
    fleet.engines.add(quiesce.stopped(spec, record))


def test_nothing_is_wrong(fleet: Live) -> None:
    diagnosis = look(fleet)
    assert diagnosis.findings == () and diagnosis.good and diagnosis.unchecked == ()
    assert "no controller decides for this swarm" in diagnosis.notes[0]
    assert len(fleet.engines.created) == 2 and fleet.engines.services_there == {}


def test_checks_only_look_and_read_as_much_as_they_are_told(fleet: Live) -> None:
    jobs: list[Any] = []
    fleet.engines.on_tasks = lambda: jobs.extend(
        told(one["Spec"]) for one in fleet.engines.services_there.values()
    )
    look(fleet, read="10%")
    assert {(job.work, job.look_only, job.read) for job in jobs} == {(Work.CHECK, True, "10%")}


def test_each_thing_that_is_wrong_is_found(fleet: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    name = dead_job(fleet)
    kept_still(fleet)
    fleet.engines.add({"Name": "quorate-store-old", "Labels": {LABEL_STORE: "old",
                       LABEL_FLEET: "test"}})  # fmt: skip
    fleet.engines.without.add("three")
    fleet.unasked["two"] = "it does not answer"
    del fleet.engines.secrets_there["pw-v3"]
    damaged = Trouble(what="first is damaged", todo="repair", reason=Reason.DAMAGED, code=6)
    fleet.engines.answers["check", "first"] = answered(
        Work.CHECK, findings=(STALE,), trouble=damaged
    )
    diagnosis = look(fleet)
    assert found(diagnosis) == {
        (Check.JOB, name),
        (Check.QUIESCE, "app_files"),
        (Check.STORE, "quorate-store-old"),
        (Check.IMAGE, "three"),
        (Check.SERVER, "two"),
        (Check.SECRET, "db"),
        (Check.LOCK, "first"),
        (Check.REPOSITORY, "first"),
    }
    assert {one.check for one in diagnosis.findings if one.mends} == {
        *(Check.JOB, Check.QUIESCE, Check.STORE, Check.LOCK)
    }
    assert all(one.todo for one in diagnosis.findings)


def test_a_repository_in_use_is_not_checked_and_no_finding(fleet: Live) -> None:
    busy = Trouble(what="first is locked", reason=Reason.LOCKED, code=6)
    fleet.engines.answers["check", "first"] = answered(Work.CHECK, trouble=busy)
    diagnosis = look(fleet)
    assert diagnosis.good and [one.where for one in diagnosis.unchecked] == ["first"]


def test_values_that_are_missing_are_found_and_the_rest_is_looked_at(
    fleet: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("P")
    assert found(look(fleet)) == {
        (Check.SECRET, "password of first"),
        (Check.SECRET, "password of second"),
    }
    assert fleet.engines.created == []


def test_what_is_safe_is_mended_and_the_rest_stays(fleet: Live) -> None:
    dead_job(fleet)
    kept_still(fleet)
    fleet.engines.without.add("three")
    fleet.engines.answers["check", "first"] = answered(Work.CHECK, findings=(STALE,))
    diagnosis = look(fleet)
    fleet.engines.answers["check", "first"] = answered(Work.CHECK)
    chosen = [one for one in diagnosis.findings if one.mends]
    after = doctoring.mend(fleet.opened, Silent(), diagnosis, chosen)
    assert {one.check for one in after.mended} == {Check.JOB, Check.QUIESCE, Check.LOCK}
    assert found(after) == {(Check.IMAGE, "three")} and not after.good
    assert set(fleet.engines.services_there) == {"app_files"}
    spec = fleet.engines.services_there["app_files"]["Spec"]
    assert quiesce.replicas_of(spec) == 2 and not quiesce.marked(spec)


def test_nothing_is_done_that_was_not_chosen(fleet: Live) -> None:
    kept_still(fleet)
    diagnosis = look(fleet)
    assert doctoring.mend(fleet.opened, Silent(), diagnosis, []) == diagnosis
    assert quiesce.marked(fleet.engines.services_there["app_files"]["Spec"])


def test_the_receiver_of_a_log_is_asked_on_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = SECTION + "  sources:\n    db: {wal: {server: two, slot_room: 1GiB}}\n"
    fleet = live(tmp_path, monkeypatch, section)
    fleet.engines.create_secret("pw-v3", b"")
    (gone,) = look(fleet).findings
    assert (gone.check, gone.where) == (Check.LOG, "db")
    assert "no container of quorate-wal-db runs on two" in gone.what
    fleet.stored["two"] = receiver()
    said = Health(source="db", state=State.STREAMING, at=datetime.now(UTC), lag_seconds=90.0)
    answers = [(0, said.model_dump_json()), (1, "cat: no such file"), (0, "{}")]
    asked: list[tuple[str, list[str]]] = []

    def execute(client: Any, container: str, argv: list[str]) -> tuple[int, str]:
        asked.append((container, argv))
        return answers[len(asked) - 1]

    monkeypatch.setattr(docker, "execute", execute)
    found = [look(fleet).findings[0].what for _ in answers]
    assert "1 min 30 s behind its primary" in found[0]
    assert "cat: no such file" in found[1] and "another version of Quorate" in found[2]
    assert asked[0] == ("c1", ["cat", "/wal/health.json"])
    del fleet.stored["two"]
    fleet.unasked["two"] = "it does not answer"
    assert Check.LOG not in {one.check for one in look(fleet).findings}, "it is told already"


def test_rehearsals_are_judged_by_what_the_controller_has_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = live(tmp_path, monkeypatch, SECTION + "  rehearse: {sources: [db]}\n")
    fleet.engines.create_secret("pw-v3", b"")
    now = datetime.now(UTC)
    bad = Rehearsal(at=now, ok=False, why="rows differ")
    said = {
        "since": (now - timedelta(days=90)).isoformat(),
        "rehearsals:since": (now - timedelta(days=90)).isoformat(),
        "rehearsed:db": written([bad]),
    }
    monkeypatch.setattr(SwarmNotes, "load", lambda self: said)
    diagnosis = look(fleet)
    mine = [one for one in diagnosis.findings if one.check is Check.REHEARSAL]
    assert [(one.where, one.what) for one in mine] == [("db", "its rehearsal failed: rows differ")]
    status = assessing.asked_of_the_swarm(fleet.opened, Silent())
    (db,) = [one for one in status.sources if one.rehearsed is not None]
    assert db.id == "db" and db.rehearsed is not None and db.rehearsed.last == bad
    assert not db.good and "its rehearsal failed: rows differ" in db.problems
    monkeypatch.setattr(SwarmNotes, "load", lambda self: {})
    assert not any(one.check is Check.REHEARSAL for one in look(fleet).findings)
