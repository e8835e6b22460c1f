"""Which data has no proven copy, by what the repositories say (a fake of the engines)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate import maintaining
from quorate.backup.jobs.model import Work
from quorate.backup.runner.answers import copied
from quorate.recover.maintenance.scene import Scene
from tests.unit.backup.jobs import made
from tests.unit.backup.policy.made import NOW, copy
from tests.unit.live_fleet import Live, answered, live


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    return live(tmp_path, monkeypatch)


def unproven(fleet: Live, *services: str) -> dict[str, str]:
    scene = Scene(fleet=fleet.fleet, snapshot=made.scene(fleet.fleet).snapshot)
    return maintaining.unproven(fleet.opened, scene, services)


@pytest.mark.parametrize(("proven", "why"), [(True, None), (False, "failed"), (None, "never")])
def test_a_copy_that_was_restored_counts_in_any_repository(
    fleet: Live, proven: bool | None, why: str | None
) -> None:
    mine = replace(copy(NOW, proven=proven), source="db", repository="second", server="one")
    fleet.engines.answers["catalogue", "second"] = answered(Work.CATALOGUE, copies=(copied(mine),))
    found = unproven(fleet, "app_db")
    assert (found == {}) if why is None else (why in found["app_db"])


def test_what_is_no_source_is_not_backed_up(fleet: Live) -> None:
    assert unproven(fleet, "stranger") == {"stranger": "nothing of it is backed up"}


def test_without_a_repository_nobody_is_asked(fleet: Live) -> None:
    bare = fleet.fleet.model_copy(
        update={"backup": fleet.fleet.backup.model_copy(update={"repositories": ()})}
    )
    fleet.fleet = bare
    assert "names no repository" in unproven(fleet, "app_db")["app_db"]
    assert fleet.engines.created == []
