"""A far side that lets nothing be removed: copies are stored, completed and proven there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying, proving_files, pruning, repository
from quorate.backup.place import Place, PlaceType, Repository
from quorate.errors import RepositoryError
from tests.integration.backup import ground
from tests.real_prometheus import free_port

SERVER = ground.ROOT / "tests/fakes/rest_repository.py"
SECRET = "r€st/p@ss"


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Place]:
    """A repository behind a stand-in for the REST server, not made yet."""
    port = free_port()
    argv = [sys.executable, str(SERVER), str(port), str(tmp_path / "served"), "quo", SECRET]
    (tmp_path / "user").write_text("quo\n")
    (tmp_path / "secret").write_text(SECRET + "\n")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None and server.stdout.readline() == b"ready\n"
            yield replace(
                ground.place(tmp_path, "kept"),
                type=PlaceType.REST,
                location=f"http://127.0.0.1:{port}/",
                credentials={"user": tmp_path / "user", "password": tmp_path / "secret"},
            )
        finally:
            server.terminate()
            server.wait(timeout=20)


def test_everything_but_removing_works(
    tmp_path: Path, near: Repository, rest: Place, spool: Path
) -> None:
    kept = ground.repository(rest)
    kept.restic.init()
    ground.lighten(kept, tmp_path / "served")
    direct = repository.store(kept, ground.payload(spool, "direct"))
    repository.store(near, ground.payload(spool, "run-1"))
    done = copying.copy_missing(near, kept)
    assert len(done.copies) == 1 and done.failures == ()
    assert proving_files.prove(kept, direct, scratch=tmp_path / "scratch", path="data").ok
    assert sorted((copy.run, copy.complete, copy.proven) for copy in catalogue.read(kept)) == [
        ("direct", True, True),
        ("run-1", True, False),
    ]
    assert kept.restic.locks() == ()


@pytest.mark.drill  # restic tries to remove ten times, for a minute
def test_nothing_is_removed(rest: Place, tmp_path: Path, spool: Path) -> None:
    kept = ground.repository(rest)
    kept.restic.init()
    ground.lighten(kept, tmp_path / "served")
    direct = repository.store(kept, ground.payload(spool, "direct"))
    with pytest.raises(RepositoryError, match="forg"):
        pruning.forget(kept, [direct.id])
    (left,) = catalogue.read(kept)
    assert left.complete and kept.restic.locks() == ()


def test_where_it_lies_it_is_a_local_repository(tmp_path: Path, rest: Place, spool: Path) -> None:
    kept = ground.repository(rest)
    kept.restic.init()
    copy = repository.store(kept, ground.payload(spool, "direct"))
    there = replace(rest, type=PlaceType.LOCAL, location=str(tmp_path / "served"), credentials={})
    (seen,) = catalogue.read(ground.repository(there))
    assert seen.id == copy.id and seen.complete


def test_a_refused_password_shows_nowhere(rest: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("wr0ng-secret")
    with pytest.raises(RepositoryError) as caught:
        ground.repository(rest, patience=0).restic.init()
    assert "wr0ng-secret" not in str(caught.value.as_json())
