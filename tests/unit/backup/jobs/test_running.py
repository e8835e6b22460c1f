"""A round of jobs: what is made before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.jobs import decide, running
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Answer, Work
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.watching import Silent
from quorate.deploy import versioned
from tests.unit.backup.jobs.fake_swarm import Script
from tests.unit.backup.jobs.made import NOW, fleet, scene
from tests.unit.backup.services.own_swarm import OwnSwarm


@pytest.mark.parametrize("controller", [True, False])
def test_the_controller_makes_what_was_never_made_and_others_only_list_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, controller: bool
) -> None:
    monkeypatch.setattr(versioned, "SCRYPT_N", 2)
    monkeypatch.setattr("quorate.tools.clock.sleep", lambda seconds: None)
    swarm = OwnSwarm()
    answer = Answer(work=Work.CATALOGUE, run="r")
    swarm.scripts[""] = Script(states=["complete"], out=[answer.model_dump_json()])
    found = scene(fleet(tmp_path))
    ground = Ground(
        scene=found,
        door=Door(lambda: swarm.client, print),
        watcher=Silent(),
        environment={"P": "password"},
        makes=(*running.WRITING, Work.CATALOGUE) if controller else running.WRITING,
    )
    came = running.run(ground, decide.catalogues(found, ["first"], due=NOW))
    assert came.refused == () and [one.error for one in came.outcomes] == [None]
    works = [name.split("-")[2] for name in swarm.created]
    assert works == (["create", "catalogue"] if controller else ["catalogue"])
