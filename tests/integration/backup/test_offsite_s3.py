"""Copies in an S3-compatible store (a real Swift): made, proven, refused, cut off, finished."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying, proving_files, pruning, repository
from quorate.backup.place import Place, Repository
from quorate.errors import CommandError, RepositoryError, UsageError
from quorate.tools.restic_errors import Reason
from tests.integration.backup import ground
from tests.integration.backup import store as stores
from tests.integration.backup.store import Store
from tests.integration.backup.test_copying import size_of, slowed

# A dozen servers on a machine that may be busy.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.drill]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests here; each has a bucket of its own."""
    with stores.running(tmp_path_factory.mktemp("store")) as found:
        yield found


def test_everything_a_repository_needs_works_there(
    tmp_path: Path, near: Repository, store: Store, spool: Path
) -> None:
    """Copied to with the same chunks, proven from there, kept over a restart, thinned out."""
    far = ground.repository(store.place("far", "whole/office"))
    far.restic.init(like=near.restic)
    ground.tree(spool, size=30_000_000)
    first = repository.store(near, ground.payload(spool, "run-1"))
    direct = repository.store(far, ground.payload(spool, "direct"))
    done = copying.copy_missing(near, far)
    assert [copy.original for copy in done.copies] == [first.id] and done.failures == ()
    assert far.restic.room() < 1.2 * 30_000_000  # the chunks are shared
    (there,) = (copy for copy in catalogue.read(far) if copy.original == first.id)
    store.kill()
    store.start()
    assert proving_files.prove(far, there, scratch=tmp_path / "scratch", path="data").ok
    assert far.restic.check("100%") == ()
    pruning.forget(far, [direct.id])
    far.restic.prune()
    assert [copy.original for copy in catalogue.read(far)] == [first.id]
    assert far.restic.check("100%") == ()
    back = ground.made(tmp_path, "back", like=far)
    assert len(copying.copy_missing(far, back).copies) == 1


def test_a_store_killed_in_mid_copy(near: Repository, store: Store, tmp_path: Path) -> None:
    """Not counted, told as unreachable; the next run finishes it."""
    spool = tmp_path / "spool"
    ground.tree(spool, size=6_000_000)
    repository.store(near, ground.payload(spool, "run-1"))
    far = ground.repository(store.place("far", "cut/office"))
    far.restic.init(like=near.restic)
    slow = replace(far, restic=replace(far.restic, program=slowed(tmp_path)))
    stop = threading.Event()
    data = store.directory / "data" / "devices"
    before = sum(map(size_of, data.rglob("*.data")))

    def cut_when_data_flows() -> None:
        while not stop.is_set():
            written = sum(map(size_of, data.rglob("*")))
            if written > before + 600_000:
                store.kill()
                return
            time.sleep(0.01)

    cutter = threading.Thread(target=cut_when_data_flows)
    cutter.start()
    try:
        # restic tries an upload again for a quarter of an hour: the copy's time limit is shorter.
        failed = _copied_within(near, slow, 90.0)
    finally:
        stop.set()
        cutter.join(timeout=20)
    assert failed
    with pytest.raises(RepositoryError, match="far: it does not answer") as caught:
        catalogue.read(far)
    assert caught.value.reason == Reason.UNREACHABLE
    assert [copy.complete for copy in catalogue.read(near)] == [True]
    store.start()
    assert not any(copy.complete for copy in catalogue.read(far))
    done = copying.copy_missing(near, far)
    assert len(done.copies) == 1 and done.failures == ()
    far.restic.break_stale_locks()
    assert far.restic.check("100%") == ()


def _copied_within(source: Repository, there: Repository, seconds: float) -> bool:
    """Whether copying failed: it was given up, or ended by the limit."""
    (copy,) = catalogue.read(source)
    try:
        there.restic.copy(source.restic, [copy.id], timeout=seconds)
    except (RepositoryError, CommandError):
        return True
    return False


def broken(at: Place, directory: Path, name: str, value: str) -> Place:
    """The place with another key."""
    file = directory / f"wrong-{name}"
    file.write_text(value + "\n")
    return replace(at, credentials={**at.credentials, name: file})


def test_what_is_wrong_is_said_with_what_to_do(
    tmp_path: Path, near: Repository, store: Store, spool: Path
) -> None:
    repository.store(near, ground.payload(spool, "run-1"))
    at = store.place("far", "wrong/office")
    far = ground.repository(at)
    far.restic.init(like=near.restic)

    key = ground.repository(broken(at, tmp_path, "AWS_SECRET_ACCESS_KEY", "n0t-the-secret"))
    with pytest.raises(RepositoryError, match="far: it refuses the keys") as caught:
        copying.copy_missing(near, key)
    assert caught.value.reason == Reason.KEYS and "n0t-the-secret" not in str(caught.value.lines())
    user = ground.repository(broken(at, tmp_path, "AWS_ACCESS_KEY_ID", "office:nobody"))
    with pytest.raises(RepositoryError, match="far: it refuses the keys"):
        copying.copy_missing(near, user)

    bucket = ground.repository(store.place("far", "no-such-bucket/office"))
    with pytest.raises(RepositoryError, match="far: there is none at its place") as caught:
        copying.copy_missing(near, bucket)
    assert caught.value.reason == Reason.MISSING

    stranger = ground.repository(replace(at, ca=None))
    with pytest.raises(RepositoryError, match="far: its certificate is not trusted") as caught:
        copying.copy_missing(near, stranger)
    assert caught.value.reason == Reason.CERTIFICATE and "`ca:`" in str(caught.value.todo)

    nowhere = ground.repository(replace(at, location="https://127.0.0.1:9/wrong/office"))
    with pytest.raises(RepositoryError, match="far: it does not answer"):
        copying.copy_missing(near, nowhere)
    assert catalogue.read(far) == ()


def test_two_accounts_are_refused_at_once_and_one_is_not(
    tmp_path: Path, near: Repository, store: Store, spool: Path
) -> None:
    one = ground.repository(store.place("one", "first/office"))
    two = ground.repository(store.place("two", "second/office"))
    one.restic.init()
    two.restic.init(like=one.restic)
    repository.store(one, ground.payload(spool, "run-1"))
    assert len(copying.copy_missing(one, two).copies) == 1
    other = broken(two.place, tmp_path, "AWS_SECRET_ACCESS_KEY", "other")
    with pytest.raises(UsageError, match="two S3 repositories with different keys") as caught:
        copying.copy_missing(one, ground.repository(other))
    assert "local" in str(caught.value.todo)
