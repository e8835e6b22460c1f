"""How jobs look while they run, what they came to, and the image they run."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from quorate.backup.jobs import report
from quorate.backup.jobs.decide import Refused, backups
from quorate.backup.jobs.model import Answer, Copied, Progress, Trouble, Work
from quorate.backup.jobs.running import Round
from quorate.backup.jobs.standing import Begun, error_of
from quorate.backup.jobs.watching import Outcome
from quorate.backup.model import Kind
from quorate.entry.cli.backup_jobs_view import render_copies, render_dry_run, render_round
from quorate.entry.cli.backup_progress import LiveWatcher, PlainWatcher
from quorate.entry.cli.main import build
from quorate.errors import MachineError
from tests.unit.backup.jobs.made import (
    COMPOSE,
    NOW,
    SECTION,
    container,
    fleet,
    job,
    scene,
    snapshot,
)
from tests.unit.fleet.helpers import FLEET, written

PROGRESS = Progress(step="dump db", done=2**30, total=4 * 2**30, rate=50 * 2**20)
COPY = Copied(
    id="0123456789abcdef",
    source="db",
    kind=Kind.POSTGRES,
    repository="second",
    taken=NOW,
    received=NOW + timedelta(minutes=1),
    complete=True,
    size=3 * 2**30,
    added=2**20,
)


def begun(source: str = "db") -> Begun:
    return Begun.of(job(source=source), f"quorate-job-{source}", NOW)


def done(source: str = "db") -> Outcome:
    answer = Answer(
        work=Work.BACKUP,
        run="r",
        source=source,
        copies=(COPY,),
        size=COPY.size,
        added=COPY.added,
        seconds=61.2,
        findings=("roles have no passwords",),
    )
    return Outcome(job=begun(source), answer=answer)


def failed(source: str = "cache") -> Outcome:
    trouble = Trouble(what="the repository is full", cause="no space", todo="make room", code=6)
    return Outcome(job=begun(source), error=error_of(trouble))


def absent(work: Work) -> Outcome:
    trouble = Trouble(what="there is no repository first", reason="missing", code=6)
    planned = job(work=work, source="" if work is Work.CATALOGUE else "db")
    return Outcome(job=Begun.of(planned, "quorate-job", NOW), error=error_of(trouble))


def shown(render: object, *given: object) -> str:
    out = io.StringIO()
    assert callable(render)
    render(*given, Console(file=out, width=200))
    return out.getvalue()


def test_a_round_says_what_was_done_and_what_went_wrong_in_full() -> None:
    refused = Refused(what="volume/x", error=MachineError("it is gone", todo="look for it"))
    text = shown(render_round, Round(outcomes=(done(), failed()), refused=(refused,)))
    for words in (
        "3 GiB",
        "61.2",
        "db: roles have no passwords",
        "cache: the repository is full",
        "likely cause: no space",
        "what to do: make room",
        "volume/x: it is gone",
        "what to do: look for it",
    ):
        assert words in text, text


def test_a_round_as_json_has_each_error_as_errors_are_printed() -> None:
    made = report.outcome_of(failed())
    assert (made.outcome, made.source, made.repository) == ("failed", "cache", "second")
    assert made.error is not None and made.error["exit_code"] == 6
    good = report.outcome_of(done())
    assert (good.outcome, good.size, good.copies, good.error) == ("done", COPY.size, (COPY,), None)
    errors = report.errors_of([done(), failed()], [])
    assert [error.what for error in errors] == ["the repository is full"]


def test_copies_are_listed_with_their_states() -> None:
    bad = COPY.model_copy(update={"id": "ffff", "complete": False})
    proven = COPY.model_copy(update={"proven": True, "taken": NOW - timedelta(days=1)})
    answer = done().answer
    assert answer is not None
    listed = Outcome(job=begun(), answer=answer.model_copy(update={"copies": (COPY, bad, proven)}))
    found = report.copies_of([listed, failed()], [])
    assert [copy.taken for copy in found.copies] == [NOW - timedelta(days=1), NOW, NOW]
    assert [one.what for one in found.unread] == ["second"]
    text = shown(render_copies, found)
    assert (
        "proven" in text and "not complete" in text and "01234567" in text and COPY.id not in text
    )
    assert "the repository is full" in text
    assert "no copies yet" in shown(render_copies, report.CopiesReport(copies=()))


def test_a_dry_run_shows_names_of_secrets_and_never_values(tmp_path: Path) -> None:
    seen = snapshot({"app_db": container(Env=["POSTGRES_PASSWORD=hunter2"])})
    decision = backups(scene(fleet(tmp_path), seen), ["db"], due=NOW)
    made = report.dry_run(decision, "quorate:1")
    text = shown(render_dry_run, made) + made.model_dump_json()
    assert "hunter2" not in text
    assert "quorate-backup-source.app_db" in text and "tasks.app_db:5432" in text
    assert "quorate-spool:/spool" in text


def test_plain_lines_for_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainWatcher() as watcher:
        watcher.begun(begun(), found=False)
        watcher.progress(begun(), PROGRESS)
        watcher.progress(begun(), PROGRESS.model_copy(update={"done": 5}))
        watcher.ended(done())
        watcher.ended(failed())
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^\[ *[\d.]+s\] ", "", line) for line in lines] == [
        "backup of db on one: started",
        "backup of db: dump db, 1 GiB of 4 GiB, 50 MiB/s",
        "backup of db on one: done: 3 GiB, 1 MiB of it new",
        "backup of cache on one: FAILED: the repository is full",
    ]


def test_a_list_of_what_nobody_made_yet_does_not_look_like_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=120, height=24, highlight=False)
    with PlainWatcher() as plain:
        plain.ended(absent(Work.CATALOGUE))
        plain.ended(absent(Work.BACKUP))
    with LiveWatcher(terminal) as drawn:
        drawn.ended(absent(Work.CATALOGUE))
    listed, written = capsys.readouterr().err.splitlines()
    assert "no repository there" in listed and "FAILED" not in listed
    assert "FAILED: there is no repository" in written
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "– catalogue of second on one: no repository there" in seen and "✗" not in seen, seen


def test_bars_on_a_terminal() -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=120, height=24, highlight=False)
    with LiveWatcher(terminal) as watcher:
        watcher.begun(begun(), found=True)
        watcher.progress(begun(), PROGRESS)
        watcher._live.refresh()
        watcher.ended(done())
        watcher.begun(begun("cache"), found=False)
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    for words in (
        "━━━━━───────────────",
        "1 GiB of 4 GiB, 50 MiB/s",
        "✓ backup of db on one: done",
        "had been started already",
        "goes on without being watched",
    ):
        assert words in seen, seen


def test_the_image_is_said_and_written(tmp_path: Path) -> None:
    path = written(tmp_path, {"fleet.yaml": FLEET + SECTION, "compose.yaml": COMPOSE})
    place = tmp_path / "context"
    asked = ["backup", "image", "--fleet", str(path), "--write", str(place)]
    result = CliRunner().invoke(build(), asked)
    assert result.exit_code == 0, result.output
    assert "backups run the image quorate:" in result.output
    assert (place / "Dockerfile").exists()
    for name in re.findall(r"^COPY (.*) \S+$", (place / "Dockerfile").read_text(), re.MULTILINE):
        assert all((place / one).exists() for one in name.split()), name
    assert (place / "program/quorate/backup/jobs/spec.py").exists()
    (known,) = (place / "program").glob("quorate-*.dist-info/METADATA")
    assert "Name: quorate" in known.read_text()


def test_an_image_of_a_registry_is_pushed(tmp_path: Path) -> None:
    named = SECTION.replace(
        "backup:\n", "backup:\n  image: registry.example.com/ops/quorate:2\n", 1
    )
    path = written(tmp_path, {"fleet.yaml": FLEET + named, "compose.yaml": COMPOSE})
    result = CliRunner().invoke(build(), ["backup", "image", "--fleet", str(path)])
    assert "docker push registry.example.com/ops/quorate:2" in result.output
    assert "registry.example.com with what `registries:`" in result.output
