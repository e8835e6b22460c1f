"""What a restore that fails says: of the copy, or of the machine it was tried on."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.model import At, Job, Work
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.runner import setting as module
from quorate.backup.runner.saying import Saying
from quorate.backup.runner.setting import LEAST_ROOM, Setting, judged, require_room
from quorate.errors import CommandError, MachineError, UsageError

WAS = Manifest(kind=Kind.POSTGRES, version="150000", parts={"t": "3:aa"})


def failing(what: str, cause: str | None = None) -> Callable[[], Restored]:
    def restore() -> Restored:
        raise CommandError(what, cause=cause)

    return restore


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free", lambda place: 10 * LEAST_ROOM)


def test_what_is_the_same_is_no_difference() -> None:
    tried = judged(WAS, lambda: Restored(manifest=WAS, seconds=2.0), [])
    assert (tried.differences, tried.seconds) == ((), 2.0)
    other = Manifest(kind=Kind.POSTGRES, parts={"t": "2:aa"})
    assert judged(WAS, lambda: Restored(manifest=other, seconds=1.0), []).differences == (
        "t: 3 when dumped, 2 restored",
    )


def test_a_copy_that_cannot_be_restored_is_not_good() -> None:
    tried = judged(WAS, failing("pg_restore ended", "syntax error"), [Path("/spool")])
    assert tried.differences == ("pg_restore ended: syntax error",)


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("pg_restore ended with exit code 1", "No space left on device"),
        ("pg_restore ended by signal 9", None),
        ("`pg_restore` did not end within 60 s", None),
        ("restic is not installed here", None),
        ("pg_restore ended", 'could not open extension control file "x.control"'),
    ],
)
def test_a_failure_of_the_machine_says_nothing_of_the_copy(what: str, cause: str | None) -> None:
    with pytest.raises(MachineError):
        judged(WAS, failing(what, cause), [Path("/spool")])


def test_nor_does_one_on_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free", lambda place: LEAST_ROOM - 1)
    with pytest.raises(MachineError):
        judged(WAS, failing("odd"), [Path("/spool")])


def test_a_copy_needs_its_room() -> None:
    require_room(Path("/spool"), 10 * LEAST_ROOM)
    with pytest.raises(MachineError, match="the copy takes 641 MiB, and 640 MiB are free"):
        require_room(Path("/spool"), 10 * LEAST_ROOM + 2**20)


def test_a_job_about_a_source_says_which() -> None:
    at = At(name="near", place="local", location="/r", password_file="/p")
    told: dict[str, Any] = {"work": Work.BACKUP, "run": "r", "fleet": "f", "server": "box1"}
    job = Job.model_validate({**told, "repository": at, "source": "db", "kind": "redis"})
    made = Setting(job=job, room=Path("/r"), say=Saying(io.StringIO()), ends=0.0)
    assert (made.source.id, made.source.kind, made.left) == ("db", Kind.REDIS, 1.0)
    nameless = Setting(
        job=job.model_copy(update={"source": ""}), room=Path("/r"), say=made.say, ends=0.0
    )
    with pytest.raises(UsageError, match="`source` and `kind`"):
        _ = nameless.source
