"""What may go wrong with a repository: nothing half done ever counts, and the next run is right."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, marking, repository
from quorate.backup.place import Repository
from quorate.errors import RepositoryError
from quorate.tools.restic_errors import Reason
from tests import real_databases
from tests.integration.backup import ground

# Some tests run restic a dozen times, and a busy machine runs one in half a minute.
pytestmark = pytest.mark.timeout(3000)

STORE = """
import sys
from pathlib import Path
from quorate.backup import marking, repository
from tests.integration.backup import ground
if sys.argv[2] == "before-the-mark":
    marking.complete = lambda *_, **__: print("stored", flush=True) or input()
near = ground.repository(ground.place(Path(sys.argv[1]), "near"))
repository.store(near, ground.payload(Path(sys.argv[1]) / "spool", "run-1"))
"""


def begin(directory: Path, until: str) -> subprocess.Popen[bytes]:
    """A process of its own that stores a copy."""
    return subprocess.Popen(
        [sys.executable, "-c", STORE, str(directory), until],
        env={**os.environ, "PYTHONPATH": f"{ground.ROOT / 'src'}:{ground.ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to it and all it started, as a server that loses power does."""
    ground.kill(process)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def wait_until(
    happened: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 120
) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to restic and all around it while it writes packs",
    seen=(
        "nothing counts; its lock is stale and is broken; the next run is whole, and every "
        "byte is checked"
    ),
)
def test_killed_while_data_is_written(tmp_path: Path, near: Repository) -> None:
    """Nothing counts, its lock is found stale and broken, and the next run is whole."""
    spool = tmp_path / "spool"
    ground.tree(spool, size=120_000_000)  # many packs: it has not ended by itself
    process = begin(tmp_path, "its-end")
    packs = tmp_path / "near" / "data"
    wait_until(lambda: any(file.is_file() for file in packs.rglob("*")), process)
    kill(process)
    assert not any(copy.complete for copy in catalogue.read(near))
    (lock,) = near.restic.locks()
    assert not lock.exclusive and lock.pid
    with pytest.raises(RepositoryError) as caught:
        near.restic.prune_plan()
    assert caught.value.reason == Reason.LOCKED
    assert near.restic.break_stale_locks() == (lock,)
    assert near.restic.locks() == ()
    assert repository.store(near, ground.payload(spool, "run-1")).complete
    assert near.restic.check("100%") == ()


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL after the copy is stored, before its mark",
    seen="the copy is there and does not count; the same run again makes one that does",
)
def test_killed_between_the_copy_and_its_mark(tmp_path: Path, near: Repository) -> None:
    """The copy is there, whole, and does not count: nobody has looked at it."""
    ground.tree(tmp_path / "spool")
    process = begin(tmp_path, "before-the-mark")
    assert process.stdout is not None and process.stdout.readline() == b"stored\n"
    kill(process)
    (left,) = catalogue.read(near)
    assert not left.complete and left.run == "run-1"
    again = repository.store(near, ground.payload(tmp_path / "spool", "run-1"))
    assert {copy.id: copy.complete for copy in catalogue.read(near)} == {
        left.id: False,
        again.id: True,
    }


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with real_databases.small_disk("6m") as disk:
        yield disk


@pytest.mark.fault(
    "disk full: repository",
    injected="a file system of 6 MB, and 20 MB to store",
    seen=(
        "an error that names the reason; what was there counts, what was begun does not; with "
        "room again it goes on"
    ),
)
def test_the_repositorys_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    """What was there still counts, what was begun does not; with room again it goes on."""
    spool = tmp_path / "spool"
    ground.tree(spool)
    place = replace(ground.place(tmp_path, "near"), location=str(small_disk / "near"))
    near = ground.repository(place)
    near.restic.init()
    ground.lighten(near)
    first = repository.store(near, ground.payload(spool, "run-1"))
    ground.tree(spool, size=20_000_000)
    with pytest.raises(RepositoryError, match="no room is left") as caught:
        repository.store(near, ground.payload(spool, "run-2"))
    assert caught.value.reason == Reason.FULL
    assert [copy.id for copy in catalogue.read(near) if copy.complete] == [first.id]
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    assert repository.store(near, ground.payload(spool, "run-3")).complete
    near.restic.break_stale_locks()  # a restic that crashed leaves its own
    assert near.restic.check("100%") == ()


@pytest.mark.fault(
    "stale lock",
    injected="forgetting while a backup holds its lock",
    seen="an error; the lock that is held is not taken for stale",
)
def test_a_lock_that_is_held_is_told_and_stays(tmp_path: Path, near: Repository) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream, os.fdopen(write, "wb") as feed:
        ended: list[object] = []
        busy = threading.Thread(
            target=lambda: ended.append(
                near.restic.backup_stream(stream, "stream", tags=["other"], host="box2")
            )
        )
        feed.write(b"something")
        busy.start()
        deadline = time.monotonic() + 60
        while not near.restic.locks():
            assert time.monotonic() < deadline
        with pytest.raises(RepositoryError, match="it is locked") as caught:
            near.restic.forget(["0123456789"])
        assert caught.value.reason == Reason.LOCKED
        assert near.restic.break_stale_locks() == ()
        assert len(near.restic.locks()) == 1
        feed.close()
        busy.join(timeout=60)
    assert len(ended) == 1 and near.restic.locks() == ()


@pytest.mark.fault(
    "overlapping runs",
    injected="two sources stored in one repository at once",
    seen="both are whole",
)
def test_runs_that_overlap_are_both_whole(tmp_path: Path, near: Repository) -> None:
    """Storing and marking take no exclusive lock, so neither waits for the other."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        ground.tree(root, size=2_000_000)
    errors: list[BaseException] = []

    def work(root: Path) -> None:
        source = replace(ground.VOLUME, id=f"volume/{root.name}")
        try:
            repository.store(near, ground.payload(root, "night", source=source))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(root,)) for root in roots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert errors == []
    assert {(copy.source, copy.complete) for copy in catalogue.read(near)} == {
        ("volume/one", True),
        ("volume/two", True),
    }


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="a pipe into restic that is cut, its producer ending with 0",
    seen="restic is content; nothing counts without a mark, and no dump goes by a pipe",
)
def test_a_stream_that_is_cut_off_ends_well_for_restic_only(near: Repository) -> None:
    """Why dumps go through a spool: of a pipe, restic sees its end and no more."""
    producer = [sys.executable, "-c", "print('x' * 999)"]  # of 5,000 it had to write; exit 0
    with subprocess.Popen(producer, stdout=subprocess.PIPE) as dump:
        assert dump.stdout is not None
        summary = near.restic.backup_stream(dump.stdout, "dump", tags=[], host="box1")
    assert dump.returncode == 0 and summary.size == 1000
    assert catalogue.read(near) == ()


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected="one bit in a pack",
    seen="a check that reads finds it, one that does not read does not",
)
def test_flipped_bytes_are_found_by_a_check_that_reads(near: Repository, spool: Path) -> None:
    repository.store(near, ground.payload(spool, "run-1"))
    assert near.restic.check() == () == near.restic.check("100%")
    flip(near, at=1000)
    assert near.restic.check() == ()  # nobody read the data
    assert near.restic.check("100%") != ()


def flip(damaged: Repository, at: int) -> None:
    """Change one bit in the largest pack of a repository."""
    files = [file for file in Path(damaged.place.location, "data").rglob("*") if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    largest.chmod(0o600)
    content = bytearray(largest.read_bytes())
    content[at] ^= 1
    largest.write_bytes(content)


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected="another tree under the id that a mark names",
    seen="it does not count",
)
def test_a_mark_vouches_for_no_other_content(near: Repository, spool: Path) -> None:
    """Another tree under the same lasting id, as `restic rewrite` leaves it, does not count."""
    stored = repository.store(near, ground.payload(spool, "run-1"))
    listing = near.restic.listing(stored.id)
    other = replace(listing, entry=replace(listing.entry, tree="0" * 64))
    marks = {entry.id for entry in near.restic.snapshots()} - {stored.id}
    near.restic.forget(sorted(marks))
    marking.complete(near, other)
    assert [copy.complete for copy in catalogue.read(near)] == [False]
