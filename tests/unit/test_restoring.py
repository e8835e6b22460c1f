"""Copies restored side by side: what is told, what is tried again; jobs are played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from quorate import restoring
from quorate.backup.jobs.decide import Decision, Refused
from quorate.backup.jobs.decide_restore import LOG
from quorate.backup.jobs.model import Mounted, Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.running import Ground, Round
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Followed, Outcome, Silent
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind
from quorate.backup.runner.answers import copied
from quorate.backup.runner.placing import put
from quorate.errors import MachineError, QuorateError, RefusedError
from quorate.recover.server.lost import Log, Lost
from quorate.restoring import Restorer
from tests.unit.backup.jobs.made import NOW, fleet, job, scene
from tests.unit.backup.runner.test_placing import fetched, same, setting
from tests.unit.recover.server.test_choosing import copy as copy_of


class Plain(Restorer):
    """Starts that name the source, the server and the turn, and nothing else."""

    def _one_start(self, scene: Scene, lost: Lost, server: str, turn: str) -> Start:
        told = job(
            work=Work.RESTORE,
            run=f"{lost.source}{':log' if lost.log else ''}{turn}",
            source=lost.source,
            server=lost.log.server if lost.log else server,
            kind=lost.kind,
        )
        return Start(job=told, node=server)


@dataclass
class FakeSwarm:
    """What `run` does: every job ends, those that are named by their run with an error."""

    fails: Mapping[str, QuorateError]
    ran: list[list[str]] = field(default_factory=list)

    def run(self, ground: Ground, decision: Decision) -> Round:
        self.ran.append([start.job.run for start in decision.starts])
        outcomes = []
        for start in decision.starts:
            begun = Begun.of(start.job, start.job.run, NOW)
            outcome = Outcome(job=begun, error=self.fails.get(start.job.run))
            ground.watcher.ended(outcome)
            outcomes.append(outcome)
        return Round(outcomes=tuple(outcomes))


def lost(source: str, kind: Kind) -> Lost:
    return Lost(source=source, kind=kind, service=source)


BOTH = {
    "one": (lost("db", Kind.POSTGRES), lost("cache", Kind.REDIS)),
    "two": (lost("volume/v", Kind.VOLUME),),
}


@dataclass
class Tried:
    """What came of restoring all of them."""

    swarm: FakeSwarm
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: QuorateError | None = None


def tried(
    path: Path,
    patch: pytest.MonkeyPatch,
    fails: Mapping[str, QuorateError],
    wanted: Mapping[str, tuple[Lost, ...]] = BOTH,
) -> Tried:
    swarm = FakeSwarm(fails)
    patch.setattr(restoring, "run", swarm.run)
    office = fleet(path)
    ground = Ground(scene=scene(office), door=cast(Any, None), watcher=Silent())
    came = Tried(swarm)
    worker = Plain(fleet=office, begun=NOW, note=came.notes.append)
    try:
        worker.restore_all(ground, wanted, lambda one: came.done.append(one.source))
    except QuorateError as error:
        came.error = error
    return came


def test_all_are_started_at_once_and_each_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = tried(tmp_path, monkeypatch, {})
    assert came.swarm.ran == [["db", "cache", "volume/v"]]
    assert came.done == ["db", "cache", "volume/v"] and came.error is None


def test_a_database_that_is_not_empty_is_restored_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = tried(tmp_path, monkeypatch, {"db": RefusedError("postgres is not empty")})
    assert came.swarm.ran[1:] == [["db:again"]]
    assert came.done == ["cache", "volume/v", "db"] and came.error is None
    assert came.notes == ["db: postgres is not empty; restoring over it"]


def test_what_fails_is_raised_and_the_others_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = {"cache": MachineError("disk full"), "volume/v": RefusedError("not empty")}
    came = tried(tmp_path, monkeypatch, fails)
    assert len(came.swarm.ran) == 1  # files are never restored over by themselves
    assert came.done == ["db"] and came.error is not None and came.error.what == "disk full"


def logged(*, copy: bool = True) -> dict[str, tuple[Lost, ...]]:
    """One whose write-ahead log lies on another server."""
    one = Lost(
        source="db",
        kind=Kind.POSTGRES,
        service="db",
        log=Log(server="three", path="/wal", until=NOW),
        copy_used=copied(copy_of("db", Kind.POSTGRES)) if copy else None,
    )
    return {"one": (one,)}


def test_a_log_is_replayed_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = tried(tmp_path, monkeypatch, {}, logged())
    assert came.swarm.ran == [["db:log"]] and came.done == ["db"] and came.error is None
    refused = {"db:log": RefusedError("postgres is not empty")}
    again = tried(tmp_path, monkeypatch, refused, logged())
    assert again.swarm.ran == [["db:log"], ["db:log:again"]] and again.done == ["db"]


def test_what_its_log_does_not_give_comes_from_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holed = MachineError("it has a hole", cause="one is missing")
    came = tried(tmp_path, monkeypatch, {"db:log": holed}, logged())
    assert came.swarm.ran == [["db:log"], ["db"]]
    assert came.done == ["db"] and came.error is None
    (note,) = came.notes
    assert "not out of its log: it has a hole (one is missing); from its copy instead" in note
    without = tried(tmp_path, monkeypatch, {"db:log": holed}, logged(copy=False))
    assert without.error is holed and without.done == []


def test_a_log_and_its_target_are_told_to_the_job(tmp_path: Path) -> None:
    office = fleet(tmp_path)
    (one,) = logged()["one"]
    worker = Restorer(fleet=office, begun=NOW, note=print)
    for turn, name in (("", "target"), (":again", "reach")):
        start = worker._one_start(scene(office), one, "one", turn)
        assert (start.job.server, start.job.given, start.job.moment) == ("three", LOG, None)
        assert start.job.in_place is bool(turn) and getattr(start.job, name) is not None
        assert any(each.source == "/wal" and each.target == LOG for each in start.mounts)


def test_what_stands_in_the_way_of_a_job_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Refused(what="db", error=MachineError("no store"))
    monkeypatch.setattr(restoring, "run", lambda ground, decision: Round(refused=(refused,)))
    office = fleet(tmp_path)
    ground = Ground(scene=scene(office), door=cast(Any, None), watcher=Silent())
    with pytest.raises(MachineError, match="no store"):
        Plain(fleet=office, begun=NOW, note=print).restore(ground, BOTH["one"][0], "one")


def test_who_follows_hears_of_ends_after_the_first_watcher() -> None:
    heard: list[str] = []

    class First(Silent):
        def ended(self, outcome: Outcome) -> None:
            heard.append("first")

    begun = Begun.of(job(), "x", NOW)
    watcher = Followed(First(), lambda outcome: heard.append(outcome.job.name))
    watcher.begun(begun, found=False)
    watcher.note("something")
    watcher.ended(Outcome(job=begun))
    assert heard == ["first", "x"]


def test_what_is_in_a_directory_of_the_server_is_kept(tmp_path: Path) -> None:
    """The job as it is told; its mount is played."""
    one = Lost(
        source="bind/data/media",
        kind=Kind.VOLUME,
        service="media",
        volumes=("/data/media",),
        copy_used=copied(copy_of("bind/data/media", Kind.VOLUME)),
    )
    worker = Restorer(fleet=fleet(tmp_path), begun=NOW, note=lambda text: None)
    told = worker._one_start(scene(fleet(tmp_path)), one, "two", "").job
    assert told.target_path == "/host/data/media" and told.in_place
    there = tmp_path / "media"
    there.mkdir()
    (there / "newer-than-the-copy").write_text("the only one")
    volumes = [Mounted(name=told.volumes[0].name, path=str(there))]
    as_told = setting(target_path=str(there), in_place=True, aside=told.aside, volumes=volumes)
    (said,) = put(as_told, fetched("0"), same).findings
    assert said.startswith("what was there is kept in .quorate-restore-kept-")
    assert "of /data/media: " in said
    (left,) = there.rglob("newer-than-the-copy")
    assert left.read_text() == "the only one" and left.parent.name == "former"
    named = one.model_copy(update={"volumes": ("app_v",), "source": "volume/app_v"})
    assert not worker._one_start(scene(fleet(tmp_path)), named, "two", "").job.aside


def test_images_are_given_to_the_engine(tmp_path: Path) -> None:
    one = Lost(
        source="images/one",
        kind=Kind.IMAGES,
        service="",
        copy_used=copied(copy_of("images/one", Kind.IMAGES)),
    )
    worker = Restorer(fleet=fleet(tmp_path), begun=NOW, note=lambda text: None)
    start = worker._one_start(scene(fleet(tmp_path)), one, "two", "")
    assert (start.job.server, start.job.in_place, start.job.kind) == ("two", False, Kind.IMAGES)
    assert "/var/run/docker.sock" in [mount.target for mount in start.mounts]


def test_an_image_whose_name_is_taken_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"one": (lost("images/one", Kind.IMAGES), lost("db", Kind.POSTGRES))}
    taken = RefusedError("w:1 is another image on this server; nothing was changed")
    came = tried(tmp_path, monkeypatch, {"images/one": taken}, wanted)
    assert came.error is None and came.done == ["db", "images/one"]
    assert came.notes == [f"images/one: {taken.what}"]
    broken = tried(tmp_path, monkeypatch, {"images/one": MachineError("disk full")}, wanted)
    assert broken.error is not None and broken.error.what == "disk full"
