"""Backup jobs run as their services run them: `quorate backup job`, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.backup.jobs.model import VARIABLE, Answer, At, Job, Progress
from quorate.backup.model import Kind
from quorate.backup.place import Place
from tests.integration.backup import ground

START = "from quorate.entry.cli.main import main; main()"
COMMAND = [sys.executable, "-c", START, "backup", "job"]
IMPATIENT = [
    *(sys.executable, "-c", f"from quorate.backup import place; place.PATIENCE = 1.0; {START}"),
    *("backup", "job"),
]
"""It waits a second for who holds a lock, not a minute."""
SECONDS = 1500
"""A busy machine runs a restic in half a minute."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a job said, and how it ended."""

    code: int
    answer: Answer
    progress: tuple[Progress, ...]
    stdout: str
    log: str

    @property
    def why(self) -> str:
        """Its trouble in one text; empty: it has none."""
        trouble = self.answer.trouble
        return f"{trouble.what} | {trouble.cause} | {trouble.todo}" if trouble else ""


def at(place: Place, **more: Any) -> At:
    """A local repository as a job is told of it."""
    return At(
        name=place.name,
        place="local",
        location=place.location,
        password_file=str(place.password_file),
        **more,
    )


def job(work: str, repository: At, **more: Any) -> Job:
    """A job; of a volume, unless told otherwise."""
    said = {"work": work, "run": "run-1", "fleet": "office", "server": "box1"}
    about = {"source": "volume/wiki", "kind": Kind.VOLUME}
    return Job.model_validate({**said, **about, "repository": repository, **more})


def begin(
    told: Job, spool: Path, path: Path | None = None, *, command: Sequence[str] = COMMAND
) -> subprocess.Popen[str]:
    """Start a job. `path`: a directory of programs that are taken before the system's."""
    ground.restic_program()
    return subprocess.Popen(
        [*command, "--spool", str(spool)],
        env=environment(told, path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def environment(told: Job, path: Path | None = None) -> Mapping[str, str]:
    """What a job's process is told."""
    paths = [*([str(path)] if path else []), os.environ["PATH"]]
    python = [str(ground.ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": ":".join(python),
        "PATH": ":".join(paths),
        VARIABLE: told.model_dump_json(exclude_defaults=True),
    }


def end(process: subprocess.Popen[str], seconds: float = SECONDS) -> Said:
    """Wait for a job's end, and read what it said."""
    stdout, log = process.communicate(timeout=seconds)
    lines = stdout.splitlines()
    assert lines, log
    assert json.loads(lines[-1])["event"] == "answer", stdout
    said = Said(
        code=process.returncode,
        answer=Answer.model_validate_json(lines[-1]),
        progress=tuple(Progress.model_validate_json(line) for line in lines[:-1]),
        stdout=stdout,
        log=log,
    )
    trouble = said.answer.trouble
    assert said.code == (trouble.code if trouble else 0)
    return said


def run(
    told: Job, spool: Path, path: Path | None = None, *, command: Sequence[str] = COMMAND
) -> Said:
    """A job from its beginning to its end."""
    return end(begin(told, spool, path, command=command))


def done(told: Job, spool: Path, path: Path | None = None) -> Said:
    """A job that does what it is told."""
    said = run(told, spool, path)
    assert said.code == 0, f"{said.why}\n{said.log}"
    return said


def empty(spool: Path) -> bool:
    """Whether nothing is left of any job."""
    return not list(spool.glob("run-*")) and not list(spool.glob("*.json"))
