"""Copies off-site, over a real sshd: added to, never mirrored, and counted when whole."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying, repository
from quorate.backup.place import Repository
from quorate.errors import CommandError, RepositoryError
from quorate.tools.restic_answers import Progress
from quorate.tools.restic_errors import Reason
from tests.integration.backup import ground
from tests.integration.backup.ground import Sshd


@pytest.fixture
def far(tmp_path: Path, near: Repository, sshd: Sshd) -> Repository:
    """A repository behind ssh, with the chunks of the near one."""
    away = ground.repository(sshd.place("far", tmp_path / "far"))
    away.restic.init(like=near.restic)
    ground.lighten(away, tmp_path / "far")
    return away


def store(near: Repository, spool: Path, run: str, days: int = 0) -> str:
    (spool / "data" / "sub" / "small").write_text(run)
    taken = ground.TAKEN + timedelta(days=days)
    return repository.store(near, ground.payload(spool, run, taken=taken)).id


def test_copies_are_known_by_where_they_came_from(
    near: Repository, far: Repository, spool: Path
) -> None:
    first, second = store(near, spool, "run-1"), store(near, spool, "run-2", days=1)
    seen: list[Progress] = []
    done = copying.copy_missing(near, far, watch=seen.append)
    assert [copy.original for copy in done.copies] == [second, first]  # the newest first
    assert seen[-1].done == seen[-1].total > 400_000 and seen[-1].rate > 0
    there = {str(copy.original): copy for copy in catalogue.read(far)}
    here = {copy.id: copy for copy in catalogue.read(near)}
    assert there.keys() == here.keys()
    for id, copy in there.items():
        assert copy.complete and copy.repository == "far"
        assert (copy.taken, copy.run, copy.size) == (here[id].taken, here[id].run, here[id].size)
    assert copying.copy_missing(near, far) == copying.Copied()
    assert len(catalogue.read(far)) == 2


@pytest.mark.fault(
    "source vanished",
    injected="a repository whose copies are all forgotten, then copied off-site",
    seen="the copies off-site stay",
)
def test_an_emptied_source_empties_nothing(near: Repository, far: Repository, spool: Path) -> None:
    store(near, spool, "run-1")
    copying.copy_missing(near, far)
    near.restic.forget([entry.id for entry in near.restic.snapshots()])
    assert catalogue.read(near) == ()
    assert copying.copy_missing(near, far) == copying.Copied()
    assert [copy.complete for copy in catalogue.read(far)] == [True]


def test_what_is_not_complete_is_not_copied(near: Repository, far: Repository, spool: Path) -> None:
    id = store(near, spool, "run-1")
    marks = [entry.id for entry in near.restic.snapshots() if entry.id != id]
    near.restic.forget(marks)
    assert copying.copy_missing(near, far) == copying.Copied()
    assert far.restic.snapshots() == ()


@pytest.mark.fault(
    "network cut in mid-copy",
    injected="sshd and its sessions killed while data flows",
    seen=(
        "nothing there counts; the source stays; the next run completes it and every byte is "
        "checked"
    ),
)
@pytest.mark.timeout(1800)  # some twenty runs of restic, on a machine that may be busy
def test_a_network_cut_in_mid_copy(
    tmp_path: Path, near: Repository, far: Repository, sshd: Sshd
) -> None:
    """Not counted; the source stays as it was; the next run completes it."""
    spool = tmp_path / "spool"
    ground.tree(spool, size=6_000_000)
    store(near, spool, "run-1")
    slow = replace(far, restic=replace(far.restic, program=slowed(tmp_path)))
    stop = threading.Event()

    def cut_when_data_flows() -> None:
        while not stop.is_set():
            if sum(size_of(file) for file in (tmp_path / "far" / "data").rglob("*")) > 300_000:
                sshd.cut()
                return
            time.sleep(0.002)

    cutter = threading.Thread(target=cut_when_data_flows)
    cutter.start()
    failed = copying.copy_missing(near, slow)
    stop.set()
    cutter.join(timeout=20)
    assert failed.copies == () and len(failed.failures) == 1
    assert failed.failures[0].error.reason == Reason.UNREACHABLE, failed.failures[0].error.lines()
    with pytest.raises(RepositoryError, match="does not answer") as caught:
        catalogue.read(far)
    assert caught.value.reason == Reason.UNREACHABLE
    assert [copy.complete for copy in catalogue.read(near)] == [True]
    sshd.start()
    assert not any(copy.complete for copy in catalogue.read(far))
    done = copying.copy_missing(near, far)
    assert len(done.copies) == 1 and done.failures == ()
    far.restic.break_stale_locks()
    assert far.restic.check("100%") == ()


def slowed(directory: Path) -> str:
    """A restic that sends 1 MB/s, so that there is a middle to cut it in."""
    program = directory / "slow-restic"
    program.write_text(f'#!/bin/sh\nexec {ground.restic_program()} --limit-upload 1000 "$@"\n')
    program.chmod(0o755)
    return str(program)


def size_of(file: Path) -> int:
    with contextlib.suppress(OSError):  # files are renamed while they are looked at
        return file.stat().st_size if file.is_file() else 0
    return 0


@pytest.mark.fault(
    "off-site unreachable",
    injected="a far side without a repository, with another password, without the ssh key",
    seen="an error with its reason for each",
)
def test_a_far_side_that_is_missing_or_refuses(
    tmp_path: Path, near: Repository, far: Repository, spool: Path, sshd: Sshd
) -> None:
    store(near, spool, "run-1")
    nowhere = ground.repository(sshd.place("nowhere", tmp_path / "nowhere"))
    with pytest.raises(RepositoryError, match="nowhere: there is none at its place") as caught:
        copying.copy_missing(near, nowhere)
    assert caught.value.reason == Reason.MISSING
    far.place.password_file.write_text("wrong")
    with pytest.raises(RepositoryError, match="far: it refuses the password") as caught:
        copying.copy_missing(near, far)
    assert caught.value.reason == Reason.PASSWORD
    (sshd.directory / "authorized").write_text("")
    with pytest.raises(RepositoryError, match="far: it does not answer") as caught:
        copying.copy_missing(near, far)
    # What ssh says of it reaches restic too late at times.
    assert "ssh to it does not work" in str(caught.value.cause)


@pytest.mark.fault(
    "restore to an empty host",
    injected="everything near is lost",
    seen="the catalogue and the files come from off-site, and go back into a new repository",
)
def test_restored_to_an_empty_host_from_the_far_side_alone(
    tmp_path: Path, near: Repository, far: Repository, spool: Path
) -> None:
    """Everything here is lost; the catalogue and the files come from off-site."""
    store(near, spool, "run-1")
    copying.copy_missing(near, far)
    before = (spool / "data" / "big").read_bytes()
    shutil.rmtree(tmp_path / "near")
    shutil.rmtree(spool)
    fresh = ground.repository(far.place)
    (copy,) = catalogue.read(fresh)
    host = tmp_path / "host"
    fresh.restic.restore(copy.id, host)
    assert (host / "data" / "big").read_bytes() == before
    back = ground.made(tmp_path, "back", like=fresh)
    done = copying.copy_missing(fresh, back)
    assert [item.original for item in done.copies] == [copy.original]


def test_a_limit_of_time_ends_a_copy_that_hangs(near: Repository, spool: Path) -> None:
    store(near, spool, "run-1")
    with pytest.raises(CommandError, match="did not end within"):
        near.restic.listing(catalogue.read(near)[0].id, timeout=0.001)
