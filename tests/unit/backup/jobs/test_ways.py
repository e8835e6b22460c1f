"""What a job needs to reach data, and what Swarm must not do meanwhile."""

from __future__ import annotations

import pytest

from quorate.backup.jobs import ways
from quorate.backup.jobs.model import ENGINE
from quorate.backup.jobs.needs import Start
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.fleet.model import Engine
from tests.fakes.fleets import make_fleet
from tests.unit.backup.jobs.made import job


@pytest.mark.parametrize("engine", list(Engine))
def test_a_gitlab_is_restored_while_swarm_does_not_look_at_its_health(engine: Engine) -> None:
    fleet = make_fleet({"ci": {"services": {"gitlab": {}}}}, fields={"gitlab": {"engine": engine}})
    start = ways.into_gitlab(fleet.service("gitlab"), Start(job=job(), node="n1"))
    assert [mount.source for mount in start.mounts] == [ENGINE]
    swarm = engine is Engine.SWARM
    assert start.quiet == (("ci_gitlab",) if swarm else ())
    assert start.method == (UNWATCHED if swarm else "none")
