"""Copies stored in a real repository: counted only when they are all there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from quorate.backup import catalogue, content, repository
from quorate.backup.place import Repository
from quorate.errors import RepositoryError
from quorate.tools.restic_answers import Progress
from quorate.tools.restic_errors import Reason
from tests.integration.backup import ground


def test_a_stored_copy_is_in_the_catalogue_with_all_it_says(near: Repository, spool: Path) -> None:
    stored = repository.store(near, ground.payload(spool, "run-1"))
    (listed,) = catalogue.read(near)
    assert listed == stored
    assert listed.complete and not listed.proven
    assert (listed.source, listed.kind, listed.run) == ("volume/wiki", "volume", "run-1")
    assert (listed.server, listed.repository, listed.taken) == ("box1", "near", ground.TAKEN)
    assert listed.size == 200_000 + 5
    assert 200_000 <= listed.added < 220_000
    assert listed.received - listed.taken > timedelta(days=1)  # by the repository's clock
    assert listed.original is None


def test_a_second_copy_of_the_same_costs_little(near: Repository, spool: Path) -> None:
    repository.store(near, ground.payload(spool, "run-1"))
    (spool / "data" / "sub" / "small").write_text("other")
    second = repository.store(near, ground.payload(spool, "run-2"))
    assert second.added < 10_000


def test_a_run_that_is_begun_again_stores_nothing_new(near: Repository, spool: Path) -> None:
    first = repository.store(near, ground.payload(spool, "run-1"))
    assert repository.store(near, ground.payload(spool, "run-1")) == first
    assert len(catalogue.read(near)) == 1


def test_progress_is_told(near: Repository, spool: Path) -> None:
    seen: list[Progress] = []
    repository.store(near, ground.payload(spool, "run-1"), watch=seen.append)
    assert seen and seen[-1].done == seen[-1].total >= 200_000


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="a file of 200 kB that should have had 300 kB",
    seen="the copy does not count",
)
def test_a_dump_that_was_cut_off_with_exit_code_0_does_not_count(
    near: Repository, spool: Path
) -> None:
    """What made the file knows how long it should be; the file and restic do not."""
    wanted = {"data/big": 300_000}
    with pytest.raises(RepositoryError, match="not whole") as caught:
        repository.store(near, replace(ground.payload(spool, "run-1"), sizes=wanted))
    assert "data/big (300000 bytes)" in str(caught.value.cause)
    assert [copy.complete for copy in catalogue.read(near)] == [False]
    assert repository.store(near, ground.payload(spool, "run-1")).complete


@pytest.mark.fault(
    "source vanished",
    injected="a path that is not there",
    seen="an error, whatever restic's exit code",
)
def test_a_source_that_is_not_there_is_an_error_with_every_restic(
    near: Repository, spool: Path
) -> None:
    lost = replace(ground.payload(spool, "run-1"), paths=("data", "more"))
    with pytest.raises(RepositoryError, match="nothing to back up") as caught:
        repository.store(near, lost)
    assert caught.value.reason == Reason.SOURCE
    assert catalogue.read(near) == ()


@pytest.mark.fault(
    "source vanished",
    injected="a path that vanishes before restic reads it",
    seen="an error; nothing counts",
)
def test_a_source_that_vanishes_before_restic_reads_it_is_an_error(
    near: Repository, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic 0.14 to 0.18 back up what is left, and end with 0."""
    (spool / "more").mkdir()
    (spool / "more" / "file").write_text("x")
    both = replace(ground.payload(spool, "run-1"), paths=("data", "more"))
    real = content.measured

    def measured_then_gone(root: Path, *given: tuple[str, ...]) -> dict[str, int]:
        found = real(root, *given)
        (spool / "more" / "file").unlink()
        (spool / "more").rmdir()
        return found

    monkeypatch.setattr(content, "measured", measured_then_gone)
    with pytest.raises(RepositoryError) as caught:
        repository.store(near, both)
    assert caught.value.reason == Reason.SOURCE
    assert not any(copy.complete for copy in catalogue.read(near))


def test_a_persons_own_tags_and_snapshots_disturb_nothing(near: Repository, spool: Path) -> None:
    """`restic tag` gives a copy a new id; it is the same copy, still complete."""
    stored = repository.store(near, ground.payload(spool, "run-1"))
    near.restic.backup(["data"], cwd=spool, tags=["quorate=9", "mine"], host="laptop")
    near.restic.tag([stored.id], ["keep this"])
    (listed,) = catalogue.read(near)
    assert listed.id != stored.id and listed.original == stored.id
    assert listed.complete


@pytest.mark.fault(
    "repository missing",
    injected="storing where there is no repository",
    seen="an error; none is made",
)
def test_a_repository_that_is_not_there_is_never_made_by_the_way(
    tmp_path: Path, spool: Path
) -> None:
    nowhere = ground.repository(ground.place(tmp_path, "nowhere"))
    with pytest.raises(RepositoryError, match="there is none at its place") as caught:
        repository.store(nowhere, ground.payload(spool, "run-1"))
    assert caught.value.reason == Reason.MISSING
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.fault(
    "wrong password",
    injected="another password, an empty one, no file",
    seen="an error that names the reason",
)
@pytest.mark.parametrize("password", ["wrong", "", None])
def test_a_password_that_is_wrong_empty_or_missing(
    near: Repository, spool: Path, password: str | None
) -> None:
    file = near.place.password_file
    file.unlink() if password is None else file.write_text(password)
    with pytest.raises(RepositoryError, match="password") as caught:
        repository.store(near, ground.payload(spool, "run-1"))
    assert caught.value.reason == Reason.PASSWORD


def test_a_repository_is_not_made_twice(near: Repository) -> None:
    before = near.restic.config()
    with pytest.raises(RepositoryError, match="could not make"):
        near.restic.init()
    assert near.restic.config() == before != ""
