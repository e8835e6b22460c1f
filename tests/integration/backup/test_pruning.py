"""Forgetting and pruning in a real repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quorate.backup import catalogue, marking, pruning, repository
from quorate.backup.model import Proof
from quorate.backup.place import Repository
from quorate.errors import RefusedError, RepositoryError
from quorate.tools.restic import Restic
from quorate.tools.restic_answers import PrunePlan
from tests.integration.backup import ground


@pytest.fixture
def two(near: Repository, spool: Path) -> list[str]:
    """Two copies of different content."""
    ids = []
    for run in ("run-1", "run-2"):
        ground.tree(spool, size=1_000_000)
        ids.append(repository.store(near, ground.payload(spool, run)).id)
    return ids


def test_exactly_what_is_named_is_forgotten_with_its_marks(
    near: Repository, two: list[str]
) -> None:
    for hour in (1, 2):
        at = datetime(2026, 3, 2, hour, tzinfo=UTC)
        for id in two:
            marking.record(near, Proof(snapshot=id, repository="near", at=at, ok=True))
    assert pruning.forget(near, [two[0], "f" * 64]) == (two[0],)
    (left,) = catalogue.read(near)
    assert left.id == two[1] and left.proven
    assert len(near.restic.snapshots()) == 3  # the copy, that it is complete, its last proof
    assert pruning.forget(near, [two[0]]) == ()


def test_strangers_are_not_forgotten(near: Repository, spool: Path) -> None:
    summary = near.restic.backup(["data"], cwd=spool, tags=["mine"], host="laptop")
    (theirs,) = near.restic.snapshots()
    assert theirs.id.startswith(summary.snapshot)
    with pytest.raises(RepositoryError, match="no copy of Quorate's"):
        pruning.forget(near, [theirs.id])
    assert len(near.restic.snapshots()) == 1


@dataclass(frozen=True, kw_only=True)
class FakeForgetful(Restic):
    """A restic that says it has forgotten, as 0.18 does when it could not."""

    def forget(self, ids: Sequence[str]) -> None:
        del ids


def test_forgetting_that_did_not_happen_is_an_error(near: Repository, two: list[str]) -> None:
    door = FakeForgetful(name="near", access=near.restic.access, program=near.restic.program)
    with pytest.raises(RepositoryError, match="1 of 1 snapshots could not be forgotten"):
        pruning.forget(replace(near, restic=door), [two[0]])


def test_pruning_asks_and_gives_room_back(near: Repository, two: list[str]) -> None:
    pruning.forget(near, [two[0]])
    with pytest.raises(RefusedError, match="not pruned"):
        pruning.prune(near, lambda plan: False)
    asked: list[PrunePlan] = []

    def agreed(plan: PrunePlan) -> bool:
        asked.append(plan)
        return True

    done = pruning.prune(near, agreed)
    assert asked == [done.plan] and done.plan.remove >= 1_000_000
    assert done.before is not None and done.after is not None
    assert done.before - done.after >= 1_000_000
    assert near.restic.room() <= done.after
    assert near.restic.check("100%") == ()
    assert [copy.complete for copy in catalogue.read(near)] == [True]


def test_an_append_only_place_is_refused_before_anything_is_tried(
    near: Repository, two: list[str]
) -> None:
    guarded = replace(near, place=replace(near.place, append_only=True))
    with pytest.raises(RefusedError, match="append-only"):
        pruning.forget(guarded, two)
    with pytest.raises(RefusedError, match="append-only"):
        pruning.prune(guarded, lambda plan: True)
    assert len(catalogue.read(near)) == 2
