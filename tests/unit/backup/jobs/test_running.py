"""A round of jobs: what is made before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.backup.jobs import decide, leftovers, running
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.door import Door
from quorate.backup.jobs.launch import Launcher, TakenAwayError
from quorate.backup.jobs.leftovers import Found
from quorate.backup.jobs.model import Answer, Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.running import Ground
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome, Silent
from quorate.backup.policy.quiesce import UNWATCHED
from quorate.deploy import versioned
from tests.unit.backup.jobs.fake_swarm import Script
from tests.unit.backup.jobs.made import NOW, fleet, job, scene
from tests.unit.backup.services.own_swarm import OwnSwarm

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


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


def test_the_repository_whose_chunks_all_have_is_made_before_the_only_one_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versioned, "SCRYPT_N", 2)
    monkeypatch.setattr("quorate.tools.clock.sleep", lambda seconds: None)
    monkeypatch.setattr(running, "ensure_network", lambda *_, **__: None)
    monkeypatch.setattr(running, "ensure_store", lambda *_, **__: None)
    swarm, found = OwnSwarm(), scene(fleet(tmp_path))
    answer = Answer(work=Work.CATALOGUE, run="r")
    swarm.scripts[""] = Script(states=["complete"], out=[answer.model_dump_json()])
    ground = Ground(
        scene=found,
        door=Door(lambda: swarm.client, print),
        watcher=Silent(),
        environment={"P": "password"},
        makes=(Work.CATALOGUE,),
    )
    came = running.run(ground, decide.catalogues(found, ["second"], due=NOW))
    assert came.refused == () and [one.error for one in came.outcomes] == [None]
    works = [name.split("-")[2:4] for name in swarm.created]
    assert works[:2] == [["create", "first"], ["create", "second"]]
    assert [work for work, _ in works[2:]] == ["catalogue"]


@pytest.mark.parametrize("method", ["none", "stop", UNWATCHED])
def test_a_gitlab_whose_restore_was_begun_by_another_has_its_health_check_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    start = Start(job=job(work=Work.RESTORE), node="n1", quiet=("ci_gitlab",), method=method)
    begun = Begun.of(start.job, "job", NOW)
    followed: list[Begun] = []
    let_go: list[Start] = []

    def follow(launcher: Launcher, starts: object, joined: list[Begun]) -> tuple[Outcome, ...]:
        followed.extend(joined)
        assert let_go == [], "not before the end of the job"
        return (Outcome(job=begun),)

    monkeypatch.setattr(leftovers, "sweep", lambda door, fleet: Found(going=(begun,)))
    monkeypatch.setattr(Launcher, "run", follow)
    monkeypatch.setattr(running, "let_go", lambda door, start: let_go.append(start))
    ground = Ground(scene=scene(fleet(tmp_path)), door=Door(_nobody, print), watcher=Silent())
    running.run(ground, Decision(starts=(start,)))
    assert followed == [begun]
    assert let_go == ([start] if method == UNWATCHED else [])


@pytest.mark.parametrize(
    ("work", "turns"), [(Work.BACKUP, 2), (Work.PROVE, 2), (Work.RESTORE, 1), (Work.PRUNE, 1)]
)
def test_what_somebody_else_took_away_unread_is_done_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work, turns: int
) -> None:
    start = Start(job=job(work=work), node="n1")
    begun = replace(Begun.of(start.job, "theirs", NOW), id="theirs")
    mine = replace(Begun.of(start.job, "mine", NOW), id="mine")
    going = [(begun,), ()]
    gone = Outcome(job=begun, error=TakenAwayError("it was removed"))
    done = Outcome(job=mine)
    ran: list[tuple[int, int]] = []

    def follow(
        launcher: Launcher, starts: Sequence[Start], joined: Sequence[Begun] = ()
    ) -> tuple[Outcome, ...]:
        ran.append((len(starts), len(joined)))
        return (gone,) if joined else (done,)

    monkeypatch.setattr(leftovers, "sweep", lambda door, fleet: Found(going=going.pop(0)))
    monkeypatch.setattr(Launcher, "run", follow)
    for name in ("_image", "_secrets"):
        monkeypatch.setattr(running, name, lambda *_: None)
    monkeypatch.setattr(running, "_with_stores", lambda ground, starts, *_: starts[-1:])
    monkeypatch.setattr(running, "_with_repositories", lambda ground, launcher, starts, _: starts)
    monkeypatch.setattr(Door, "ask", lambda *_: None)
    ground = Ground(scene=scene(fleet(tmp_path)), door=Door(_nobody, print), watcher=Silent(),
                    makes=())  # fmt: skip
    came = running.run(ground, Decision(starts=(start,)))
    assert ran == [(0, 1), (1, 0)][:turns]
    assert came.outcomes == ((done,) if turns == 2 else (gone,))


def _nobody() -> DockerClient:
    raise AssertionError("the swarm is not asked")
