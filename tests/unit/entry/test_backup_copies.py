"""Copies, proofs, restores and retention as they are shown, told as JSON, and asked about."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.backup.jobs import report_copies as report
from quorate.backup.jobs.decide_copies import Proving, copies, keepings, proofs
from quorate.backup.jobs.decide_restore import LATEST, Wish, restoring
from quorate.backup.jobs.model import Answer, Copied, Trouble, Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.report import RefusedJob, dry_run
from quorate.backup.jobs.standing import Begun, error_of
from quorate.backup.jobs.watching import Outcome
from quorate.backup.model import Kind
from quorate.entry.cli import confirm
from quorate.entry.cli.backup_copies_view import (
    render_copied,
    render_planned,
    render_proofs,
    render_pruned,
    render_restore,
)
from quorate.entry.cli.backup_restore_commands import moment
from quorate.entry.cli.main import build
from quorate.errors import MachineError, QuorateError, RefusedError, UsageError
from quorate.fleet.read import read_fleet
from tests.unit.backup.jobs.made import COMPOSE, NOW, SECTION, fleet, scene
from tests.unit.backup.jobs.test_decide_copies import copy, proof, there
from tests.unit.fleet.helpers import FLEET, written

ID = "0123456789abcdef"
WHY = ("public.rows: 20000 when dumped, 19999 restored",)


def shown(render: object, *given: object, width: int = 80) -> str:
    out = io.StringIO()
    assert callable(render)
    render(*given, Console(file=out, width=width))
    return out.getvalue()


def started(start: Start) -> Begun:
    return Begun.of(start.job, "quorate-job-x", NOW)


def told(**more: Any) -> Copied:
    given: dict[str, Any] = {
        "id": ID,
        "source": "db",
        "kind": Kind.POSTGRES,
        "repository": "second",
        "taken": NOW,
        "received": NOW,
        "complete": True,
        "size": 3 * 2**30,
    }
    return Copied(**(given | more))


def proven(tmp_path: Path, *, ok: bool | None) -> tuple[Outcome, report.Jobs]:
    """How a proof ended; None: the disk was full."""
    decision = proofs(scene(fleet(tmp_path)), there(copy(ID, 1)), ["db"], Proving(), due=NOW)
    (start,) = decision.starts
    trouble = None
    if not ok:
        different = Trouble(what="it differs", cause=WHY[0], reason="different", code=4)
        trouble = Trouble(what="no room", code=6) if ok is None else different
    done = told(proven=ok, proven_at=NOW, proof_seconds=61.2, differences=() if ok else WHY)
    answer = Answer(
        work=Work.PROVE,
        run=start.job.run,
        source="db",
        copies=() if ok is None else (done,),
        trouble=trouble,
    )
    error = error_of(trouble) if trouble else None
    return Outcome(job=started(start), answer=answer, error=error), report.jobs_of([start])


def test_a_copy_that_differs_is_a_verdict_not_an_error(tmp_path: Path) -> None:
    bad, jobs = proven(tmp_path / "bad", ok=False)
    said = report.proof_outcome(bad, jobs)
    assert (said.proven, said.differences, said.error) == (False, WHY, None)
    assert bad.error is not None
    assert report.exit_code([bad.error], [bad]) == 4
    text = shown(render_proofs, [said], [])
    assert "DIFFERS" in text and WHY[0] in text and "0 of 1 copy proven" in text


def test_a_proof_has_its_restore_time_and_size(tmp_path: Path) -> None:
    good, jobs = proven(tmp_path, ok=True)
    said = report.proof_outcome(good, jobs)
    assert (said.proven, said.seconds, said.copy_id) == (True, 61.2, ID)
    assert report.exit_code([], [good]) == 0
    text = shown(render_proofs, [said], [])
    assert "1 min 1 s" in text and "3 GiB" in text and "1 of 1 copy proven" in text


def test_what_could_not_be_tried_is_not_known(tmp_path: Path) -> None:
    lost, jobs = proven(tmp_path, ok=None)
    said = report.proof_outcome(lost, jobs)
    assert said.proven is None and said.copy_id == ID
    assert said.error is not None and said.error["exit_code"] == 6
    assert lost.error is not None and report.exit_code([lost.error], [lost]) == 6
    text = shown(render_proofs, [said], [])
    assert "not known" in text and "no room" in text


def test_a_copy_says_from_where_to_where(tmp_path: Path) -> None:
    decision = copies(scene(fleet(tmp_path)), there(copy(ID, 1)), [], [], due=NOW)
    (start,) = decision.starts
    answer = Answer(work=Work.COPY, run=start.job.run, copies=(told(repository="away"),))
    done = Outcome(job=started(start), answer=answer)
    run = report.copy_outcome(done, report.jobs_of([start]))
    assert (run.origin, run.repository, run.outcome, run.source) == ("second", "away", "done", "")
    text = shown(render_copied, [run], [])
    assert "second" in text and "away" in text and ID[:8] in text
    assert "nothing to copy" in shown(render_copied, [], [])
    lost = RefusedJob(what="away", error=MachineError("it does not answer").as_json())
    assert "away: it does not answer" in shown(render_copied, [], [lost])
    planned = dry_run(decision, image="")
    assert "1 job; nothing was started" in shown(render_planned, planned)
    assert planned.jobs[0].origin == "second" and planned.jobs[0].work == "copy"


def test_a_restore_is_told_before_and_after(tmp_path: Path) -> None:
    wish = Wish(source="db", in_place=True)
    made = restoring(scene(fleet(tmp_path)), there(copy(ID, 1)), wish, due=NOW)
    before = report.restore_report(made, None, ())
    assert (before.outcome, before.over, before.proven) == ("planned", "db", False)
    text = shown(render_restore, before)
    assert "replaces" in text and "was not proven yet" in text and "nothing was changed" in text
    answer = Answer(work=Work.RESTORE, run="r", seconds=4.0, findings=("the former is kept as x",))
    after = report.restore_report(made, Outcome(job=started(made.start), answer=answer), ())
    assert "restored in 4 s" in shown(render_restore, after)
    assert "the former is kept as x" in shown(render_restore, after)
    trouble = Trouble(what="it differs", cause="\n".join(WHY), reason="different", code=4)
    bad = Outcome(
        job=started(made.start),
        answer=answer.model_copy(update={"trouble": trouble}),
        error=error_of(trouble),
    )
    failed = report.restore_report(made, bad, ())
    assert failed.outcome == "failed" and failed.differences == WHY
    assert report.exit_code([bad.error] if bad.error else [], [bad]) == 4


def test_retention_says_what_goes_and_why_the_rest_stays(tmp_path: Path) -> None:
    days = [copy(f"d{day:02}", 24 * day + 1, proof=proof()) for day in range(40)]
    known = there(*days)
    found, _ = keepings(scene(fleet(tmp_path)), known, ["second"], now=NOW)
    (one,) = report.pruned(found, known.snapshots)
    assert one.outcome == "planned" and len(one.goes) + len(one.stays) == 40
    assert all(kept.why for kept in (*one.goes, *one.stays))
    text = shown(render_pruned, report.PruneReport(repositories=(one,), refused=()))
    assert f"second: {len(one.goes)} copies of 40 go" in text and "daily 1" in text
    begun = Begun.of(copies_job(tmp_path), "x", NOW)
    answer = Answer(work=Work.FORGET, run="r", forgotten=("d39",), freed=2**30)
    steps = [Outcome(job=begun, answer=answer)]
    (done,) = report.pruned(found, known.snapshots, steps)
    assert (done.outcome, done.forgotten, done.freed) == ("done", ("d39",), 2**30)
    (failed,) = report.pruned(found, known.snapshots, steps, {"second": MachineError("locked")})
    assert failed.outcome == "failed" and failed.error is not None


def copies_job(tmp_path: Path) -> Any:
    """A job on the repository `second`."""
    decision = proofs(
        scene(fleet(tmp_path / "job")), there(copy(ID, 1)), ["db"], Proving(), due=NOW
    )
    return decision.starts[0].job


def test_no_table_is_wider_than_80_columns(tmp_path: Path) -> None:
    long = {"source": "volume/appwrite_production_uploads", "repository": "second"}
    one = report.ProofOutcome(
        **long,
        copy_id=ID,
        taken=NOW - timedelta(days=1),
        server="hppavilion",
        run="r",
        proven=True,
        seconds=7200,
        size=2**40,
    )
    lines = shown(render_proofs, [one], []).splitlines()
    assert max(map(len, lines)) <= 80
    text = "".join(lines)
    assert "volume/appwrite_production_uploads" in "".join(line.split()[0] for line in lines[1:-1])
    assert "26-06-29 12:00" in text and "2 h" in text and "1 TiB" in text and "proven" in text


def test_a_name_is_typed_before_anything_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert confirm.typed("db", "This replaces db.", given="db")
    with pytest.raises(UsageError, match="says cache"):
        confirm.typed("db", "This replaces db.", given="cache")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(RefusedError) as caught:
        confirm.typed("db", "This replaces db.", given=None)
    assert caught.value.todo == "add `--yes-really db`"
    with pytest.raises(RefusedError):
        confirm.agreed("Forget?", yes=False)
    assert confirm.agreed("Forget?", yes=True)


def test_a_time_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    said = ("restore", "db", "--to", "two:/srv/x", "--at", "noon", "--fleet")
    done = CliRunner().invoke(build(), ["backup", *said, str(tmp_path / "fleet.yaml")])
    assert isinstance(done.exception, QuorateError)
    assert "noon is no time" in str(done.exception)


def test_the_last_moment_is_a_word_and_a_time_is_the_fleets(tmp_path: Path) -> None:
    written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    fleet = read_fleet(tmp_path / "fleet.yaml")
    assert moment("latest", fleet) is LATEST and moment("", fleet) is None
    noon = moment("2026-07-01 12:00", fleet)
    assert noon is not None and noon.utcoffset() == timedelta(hours=2), "summer in Berlin"
