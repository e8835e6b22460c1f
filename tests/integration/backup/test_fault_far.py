"""Faults of the way to the far side, and of all that is near: a network that is cut in mid-copy, a
restore to a host where nothing is. Nothing is claimed of either."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from quorate.alerts import backup_metrics as metrics
from quorate.backup.jobs.model import At, Mounted
from quorate.backup.place import Repository
from tests.integration.backup import ground, three, working
from tests.integration.backup.ground import Sshd
from tests.integration.backup.test_copying import size_of
from tests.integration.backup.test_fault_jobs import of_volume
from tests.integration.backup.test_fault_runs import copied, program
from tests.integration.backup.three import VOLUME, Truth
from tests.real_databases import until
from tests.real_prometheus import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

Saw = Callable[[str], None]

SIZE, FLOWING = 6_000_000, 300_000
SLOW = '#!/bin/sh\nexec {real} --limit-upload 1000 "$@"\n'
"""A restic that sends 1 MB/s, so that there is a middle to cut it in."""
TRIES = 3.0
"""restic sends to a REST server that is gone for a quarter of an hour; so long it may try here."""


@dataclass(frozen=True, kw_only=True)
class Far:
    """An off-site repository as a job reaches it; what cuts the network, and mends it."""

    at: At
    cut: Callable[[], None]
    mend: Callable[[], None]


@pytest.fixture
def sftp(tmp_path: Path, sshd: Sshd) -> Far:
    """Behind a real sshd."""
    place = sshd.place("far", tmp_path / "far")
    place.password_file.write_text(ground.PASSWORD)
    keys = {"identity": sshd.directory / "person", "known_hosts": sshd.directory / "known"}
    at = At(
        name="far",
        place="sftp",
        location=place.location,
        port=place.port,
        password_file=str(place.password_file),
        credentials={name: str(path) for name, path in keys.items()},
        offsite=True,
    )
    return Far(at=at, cut=sshd.cut, mend=sshd.start)


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[Far]:
    """Behind a real rclone, which serves a directory to restic as a store's service does."""
    secret, port = tmp_path / "rclone.password", free_port()
    secret.write_text(ground.PASSWORD)
    argv = [ground.install("rclone", "rclone"), "serve", "restic", str(tmp_path / "far")]
    argv += ["--addr", f"127.0.0.1:{port}"]
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (tmp_path / "rclone.log").open("ab") as log:
            started.append(subprocess.Popen(argv, stdout=log, stderr=log))
        until(lambda: ground.answers(port))

    def cut() -> None:
        for process in started:
            process.kill()
            process.wait(timeout=20)

    location = f"http://127.0.0.1:{port}/"
    at = At(name="far", place="rest", location=location, password_file=str(secret), offsite=True)
    start()
    try:
        yield Far(at=at, cut=cut, mend=start)
    finally:
        cut()


@contextmanager
def cut_in_the_middle(directory: Path, cut: Callable[[], None]) -> Iterator[threading.Event]:
    """In the block the network is cut when data flow into a directory; whether it was."""
    over, was_cut = threading.Event(), threading.Event()

    def look() -> None:
        while not over.is_set():
            if sum(map(size_of, (directory / "data").rglob("*"))) > FLOWING:
                cut()
                was_cut.set()
                return
            time.sleep(0.002)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield was_cut
    finally:
        over.set()
        looking.join(timeout=20)


@pytest.fixture
def volume(tmp_path: Path) -> Mounted:
    return Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted", size=SIZE)))


@pytest.mark.fault(
    "network cut in mid-copy",
    injected="sshd, or the rclone that serves a store, killed while a job copies to it",
    seen=(
        "code 6, the reason `unreachable`; by rclone restic tries on, until the job is told to "
        "end; nothing there counts, what is near still does; no success in any metric; the next "
        "copy is right, and every byte of it is read"
    ),
)
@pytest.mark.parametrize("way", ["sftp", "rclone"])
def test_a_network_cut_in_a_job(
    way: str,
    near: Repository,
    volume: Mounted,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    saw: Saw,
) -> None:
    far: Far = request.getfixturevalue(way)
    spool, here = tmp_path / "spool", ground.made(tmp_path, "far", like=near)
    working.done(of_volume(working.at(near.place), volume), spool)
    truth = Truth(three.fleet(tmp_path / "fleet"), (near, here))
    told = copied(near, far.at)
    slow = program(tmp_path / "slow", "restic", SLOW.format(real=ground.restic_program()))
    with cut_in_the_middle(tmp_path / "far", far.cut) as was_cut:
        process = working.begin(told, spool, slow)
        until(lambda: was_cut.is_set() or process.poll() is not None, working.SECONDS)
        if way == "rclone":
            time.sleep(TRIES)
            process.send_signal(signal.SIGTERM)
        said = working.end(process)
    assert was_cut.is_set() and said.answer.trouble is not None
    reason = "unreachable" if way == "sftp" else "ended"
    assert said.answer.trouble.reason == reason, said.why
    three.nothing_is_claimed(truth, told, said)
    assert [copy.repository for copy in truth.read()] == ["near"] and working.empty(spool)
    saw(f"{way}: {said.why.partition(' | ')[0]}")
    far.mend()
    assert len(working.done(told, spool).answer.copies) == 1
    here.restic.break_stale_locks()
    assert here.restic.check("100%") == ()


@pytest.mark.fault(
    "restore to an empty host",
    injected="the volume and the repository near it are lost; a job restores it from off-site",
    seen=(
        "every byte is there; no copy counts that did not, and no metric tells of a success of "
        "the repository that is lost"
    ),
)
def test_restored_to_an_empty_host_by_a_job(
    near: Repository, volume: Mounted, sftp: Far, tmp_path: Path
) -> None:
    spool, here = tmp_path / "spool", ground.made(tmp_path, "far", like=near)
    working.done(of_volume(working.at(near.place), volume), spool)
    working.done(copied(near, sftp.at), spool)
    before = Path(volume.path, "big").read_bytes()
    for path in (near.place.location, volume.path, spool):
        shutil.rmtree(path)
    truth = Truth(three.fleet(tmp_path / "fleet"), (here,))
    into = tmp_path / "host"
    told = working.job("restore", sftp.at, source=VOLUME, server="box2", target_path=str(into))
    said = working.done(told, spool)
    assert (into / "big").read_bytes() == before
    three.nothing_is_claimed(truth, told, said)
    shown = truth.shown(told, said)
    assert (metrics.LAST_SUCCESS.name, VOLUME, "far", metrics.COPIED) in shown
    assert shown[metrics.STATE.name, VOLUME, "volume", "backed_up"] != 0
