"""Jobs that end early: killed at several moments, told to end, over their deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate.backup import catalogue
from quorate.backup.jobs.model import Mounted
from quorate.backup.place import Repository
from tests.integration.backup import ground, working

pytestmark = pytest.mark.timeout(3000)

SLOW = """\
#!/bin/sh
case "$*" in *{step}*) echo $$ > {told}; trap 'exit 130' INT; while :; do sleep 0.1; done;; esac
exec {real} "$@"
"""


@pytest.fixture
def volume(tmp_path: Path) -> Mounted:
    data = ground.tree(tmp_path / "mounted")
    return Mounted(name="wiki", path=str(data))


def standing(tmp_path: Path, step: str) -> tuple[Path, Path]:
    """A fake restic that stands still at a step, and where it says that it does."""
    made, told = tmp_path / f"fake{step}", tmp_path / f"told{step}"
    made.mkdir()
    script = SLOW.format(step=step, told=told, real=ground.restic_program())
    (made / "restic").write_text(script)
    (made / "restic").chmod(0o755)
    return made, told


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + working.SECONDS
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to it and all it started, as where a server loses its power."""
    ground.kill(process)
    process.communicate(timeout=60)


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to a job before it stores, while it stores, short of its mark",
    seen="nothing counts; the next job removes what was left, and its lock, and is whole",
)
def test_killed_at_several_moments_and_run_again(
    tmp_path: Path, near: Repository, volume: Mounted
) -> None:
    """Before, while and after restic stores it, short of its mark: nothing counts."""
    spool = tmp_path / "spool"
    told = working.job("backup", working.at(near.place), volumes=(volume,))
    for step in ("backup --json", "--stdin"):
        programs, there = standing(tmp_path, step.replace(" ", "?"))
        process = working.begin(told, spool, programs)
        until(there.exists, process)
        assert not working.empty(spool)
        kill(process)
    ground.tree(Path(volume.path).parent, size=100_000_000)  # several packs
    process = working.begin(told, spool)
    packs = Path(near.place.location, "data")
    known = set(packs.rglob("*"))
    until(lambda: any(path.is_file() for path in set(packs.rglob("*")) - known), process)
    kill(process)
    left = catalogue.read(near)
    assert left and not any(copy.complete for copy in left)
    said = working.done(told, spool)
    assert working.empty(spool)
    assert "which a killed job had left" in said.log
    complete = [copy.id for copy in catalogue.read(near) if copy.complete]
    assert complete == [copy.id for copy in said.answer.copies]
    only = working.done(working.job("check", working.at(near.place), look_only=True), spool)
    assert any(text.startswith("stale lock: ") for text in only.answer.findings)
    assert near.restic.locks() != (), "who only looks changes nothing"
    looked = working.done(working.job("check", working.at(near.place)), spool)
    assert any("removed a stale lock" in text for text in looked.answer.findings)
    assert near.restic.locks() == ()


@pytest.mark.parametrize("way", ["terminated", "deadline"])
def test_it_ends_itself_cleanly(
    tmp_path: Path, near: Repository, volume: Mounted, way: str
) -> None:
    """Told to, or at its deadline: within seconds, its programs with it, and it says why."""
    spool = tmp_path / "spool"
    programs, there = standing(tmp_path, "--json")
    deadline = 3600.0 if way == "terminated" else 12.0
    told = working.job("backup", working.at(near.place), volumes=(volume,), deadline=deadline)
    process = working.begin(told, spool, programs)
    until(there.exists, process)
    pid = int(there.read_text())
    began = time.monotonic()
    if way == "terminated":
        process.send_signal(signal.SIGTERM)
    said = working.end(process)
    assert time.monotonic() - began < 60
    assert not Path(f"/proc/{pid}").exists()
    assert said.answer.trouble is not None and said.answer.copies == ()
    expected = ("ended", 143) if way == "terminated" else ("deadline", 6)
    assert (said.answer.trouble.reason, said.code) == expected
    assert working.empty(spool)


@pytest.mark.fault(
    "overlapping runs",
    injected="a second job at a source while the first goes on",
    seen="it ends with code 7, and says who is there",
)
def test_another_job_at_the_same_source_waits_its_turn(
    tmp_path: Path, near: Repository, volume: Mounted
) -> None:
    spool = tmp_path / "spool"
    programs, there = standing(tmp_path, "backup?--json")
    told = working.job("backup", working.at(near.place), volumes=(volume,))
    process = working.begin(told, spool, programs)
    try:
        until(there.exists, process)
        other = told.model_copy(update={"run": "run-2"})
        said = working.run(other, spool)
        assert said.code == 7 and said.answer.trouble is not None
        assert said.answer.trouble.reason == "locked-source" and "run-1" in said.why
    finally:
        kill(process)


def test_a_job_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    for text in ("", "{", '{"work": "backup", "odd": 1}'):
        done = subprocess.run(
            working.COMMAND,
            env={**os.environ, "PYTHONPATH": str(ground.ROOT / "src"), "QUORATE_JOB": text},
            capture_output=True,
            text=True,
            timeout=working.SECONDS,
        )
        assert done.returncode == 2 and done.stdout == ""
        assert "QUORATE_JOB" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.fault(
    "wrong password",
    injected="a job with a wrong repository password",
    seen="code 6, the reason `password`; no copy; the password is nowhere",
)
@pytest.mark.fault(
    "repository missing",
    injected="a job to a repository that is not there",
    seen="code 6, the reason `missing`; none is made by the way",
)
def test_faults_of_repositories(tmp_path: Path, near: Repository, volume: Mounted) -> None:
    """A wrong password, and a repository that is not there: what happened, and that is all."""
    spool = tmp_path / "spool"
    at = working.at(near.place)
    (tmp_path / "wrong").write_text("not-the-password")
    wrong = at.model_copy(update={"password_file": str(tmp_path / "wrong")})
    missing = at.model_copy(update={"location": str(tmp_path / "nothing")})
    for reason, one in {"password": wrong, "missing": missing}.items():
        said = working.run(working.job("backup", one, volumes=(volume,)), spool)
        assert said.code == 6 and said.answer.trouble is not None
        assert said.answer.trouble.reason == reason
        assert "not-the-password" not in said.stdout + said.log
    assert catalogue.read(near) == ()
