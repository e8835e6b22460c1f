"""A restic that crashed: what it is taken for, what is said of it, and what is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import RepositoryError
from quorate.tools import command
from quorate.tools.command import Result
from quorate.tools.restic import Access, Restic
from quorate.tools.restic_errors import Reason, explained

# What 0.14.0 said of a repository on a full disk, of one in 150 backups of a directory and a file.
CRASH = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x10 pc=0x790fec]

goroutine 53 [running]:
github.com/restic/restic/internal/archiver.(*BlobSaver).Save(0x0, {0x104abd0, 0xc000336700}, 0x2, \
0xc0003d2460)
\tgithub.com/restic/restic/internal/archiver/blob_saver.go:49 +0x6c
github.com/restic/restic/internal/archiver.(*Archiver).saveTree(0xc0000362d0, {0x104abd0, \
0xc000336700}, 0x0?)
\tgithub.com/restic/restic/internal/archiver/archiver.go:185 +0x134
github.com/restic/restic/internal/archiver.(*TreeSaver).save(0xc000012528, {0x104abd0, \
0xc000336700}, 0xc000262e30?)
\tgithub.com/restic/restic/internal/archiver/tree_saver.go:113 +0x144
github.com/restic/restic/internal/archiver.(*TreeSaver).worker(0x0?, {0x104abd0, 0xc000336700}, \
0xc0000924e0)
\tgithub.com/restic/restic/internal/archiver/tree_saver.go:136 +0x225
github.com/restic/restic/internal/archiver.NewTreeSaver.func1()
\tgithub.com/restic/restic/internal/archiver/tree_saver.go:32 +0x29
golang.org/x/sync/errgroup.(*Group).Go.func1()
\tgolang.org/x/sync/errgroup/errgroup.go:75 +0x64
created by golang.org/x/sync/errgroup.(*Group).Go
\tgolang.org/x/sync/errgroup/errgroup.go:72 +0xa5
"""
FIRST = "panic: runtime error: invalid memory address or nil pointer dereference"
FULL = "Fatal: unable to save snapshot: write r/data/c9/c992: no space left on device"
SUMMARY = json.dumps({"message_type": "summary", "snapshot_id": "0a1b2c3d"})


def test_its_first_line_is_the_cause_and_no_line_of_its_stack() -> None:
    error = explained("back up to", "near", 2, CRASH)
    assert error.reason == Reason.CRASHED
    assert error.what == "could not back up to the repository near: restic crashed"
    assert str(error.cause).endswith(f"; restic says: {FIRST}")
    assert error.todo


@pytest.mark.parametrize(
    "said",
    [
        f"{FULL}\n{CRASH}",
        CRASH.replace(FIRST, "panic: write r/data/c9/c992: no space left on device"),
        f"{CRASH}\n{FULL}\n",
    ],
)
def test_a_full_disk_that_is_told_beside_it_is_the_reason(said: str) -> None:
    error = explained("back up to", "near", 2, said)
    assert error.reason == Reason.FULL
    assert "no space left on device" in str(error.cause)
    assert ".go:" not in str(error.cause)


@pytest.mark.parametrize("line", [403, 507])
def test_the_number_of_a_line_of_its_program_is_no_answer_of_a_server(line: int) -> None:
    said = CRASH.replace("archiver.go:185", f"archiver.go:{line}")
    assert explained("back up to", "near", 2, said).reason == Reason.CRASHED


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("fatal error: all asleep\n\ngoroutine 1 [chan send]:\nx\n\ngoroutine 2 [x]:\ny", None),
        ("goroutine 7 [running]:\nmain.main()\n\nexit status 2", "exit status 2"),
    ],
)
def test_other_crashes(said: str, shown: str | None) -> None:
    """Of many stacks the end only is kept."""
    error = explained("check", "near", 2, said)
    assert error.reason == Reason.CRASHED
    assert (shown or said.splitlines()[0]) in str(error.cause)
    assert "main" not in str(error.cause) and "goroutine 2" not in str(error.cause)


def test_a_file_of_that_name_is_no_crash() -> None:
    said = "ignoring error for /a/panic: x: permission denied"
    assert explained("check", "near", 1, said).reason == Reason.FORBIDDEN


@pytest.fixture
def repository(tmp_path: Path) -> Restic:
    secret = tmp_path / "password"
    secret.write_text("x\n")
    return Restic(name="near", access=Access(url=str(tmp_path / "r"), password_file=secret))


def ended(code: int, stderr: str = "", stdout: str = "") -> Result:
    return Result(argv=("restic",), code=code, stdout=stdout, stderr=stderr, seconds=0.1)


def play(monkeypatch: pytest.MonkeyPatch, *ends: Result) -> Iterator[Result]:
    """One end after another instead of restic's; those that were not needed are left."""
    left = iter(ends)

    def follow(*_: Any, **__: Any) -> Result:
        return next(left)

    monkeypatch.setattr(command, "follow", follow)
    return left


def test_files_are_read_once_more_and_that_counts(
    monkeypatch: pytest.MonkeyPatch, repository: Restic, tmp_path: Path
) -> None:
    play(monkeypatch, ended(2, CRASH), ended(0, stdout=SUMMARY))
    assert repository.backup(["data"], cwd=tmp_path, tags=[], host="box1").snapshot == "0a1b2c3d"
    play(monkeypatch, ended(2, CRASH), ended(1, FULL))
    with pytest.raises(RepositoryError, match="no room is left"):
        repository.backup(["data"], cwd=tmp_path, tags=[], host="box1")


def test_what_crashes_twice_or_says_why_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, repository: Restic, tmp_path: Path
) -> None:
    left = play(monkeypatch, ended(2, CRASH), ended(2, CRASH), ended(0, stdout=SUMMARY))
    with pytest.raises(RepositoryError, match="restic crashed"):
        repository.backup(["data"], cwd=tmp_path, tags=[], host="box1")
    assert len(list(left)) == 1
    left = play(monkeypatch, ended(2, f"{FULL}\n{CRASH}"), ended(0, stdout=SUMMARY))
    with pytest.raises(RepositoryError, match="no room is left"):
        repository.backup(["data"], cwd=tmp_path, tags=[], host="box1")
    assert len(list(left)) == 1


def test_a_stream_comes_once(
    monkeypatch: pytest.MonkeyPatch, repository: Restic, tmp_path: Path
) -> None:
    left = play(monkeypatch, ended(2, CRASH), ended(0, stdout=SUMMARY))
    with (
        (tmp_path / "password").open("rb") as stream,
        pytest.raises(RepositoryError, match="restic crashed"),
    ):
        repository.backup_stream(stream, "dump", tags=[], host="box1")
    assert len(list(left)) == 1
