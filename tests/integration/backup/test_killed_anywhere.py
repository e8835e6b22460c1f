"""Every kind of job, killed before each program it starts: the next run is right."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quorate.backup import catalogue, copying
from quorate.backup.jobs.model import Job, Mounted
from quorate.backup.model import Snapshot
from quorate.backup.place import Repository
from quorate.fleet.backup import Keep
from tests.integration.backup import ground, three, working

pytestmark = [pytest.mark.drill, pytest.mark.timeout(3000)]

STOPPING = """\
#!/bin/sh
number=$(($(cat {place}/number) + 1))
echo $number > {place}/number
if [ $number = "$(cat {place}/stop)" ]; then touch {place}/stands; exec sleep 3000; fi
exec {real} "$@"
"""
"""A restic that stands still at the start of its n-th run."""
MOST = 40
SOURCE = three.VOLUME


@dataclass(kw_only=True)
class Stage:
    """A volume with two proven copies near, one of them off-site too, and what jobs are told."""

    place: Path
    near: Repository
    far: Repository
    volume: Mounted
    ids: list[str] = field(default_factory=list)

    def job(self, work: str) -> Job:
        """The job of one work, which has something to do."""
        at, far = working.at(self.near.place), working.at(self.far.place, offsite=True)
        common = {"source": SOURCE, "volumes": (self.volume,), "run": "tried"}
        everything = {"source": "", "kind": None}
        match work:
            case "copy":
                return working.job(work, far, origin=at, **everything)
            case "prove":
                return working.job(work, at, server="box2", source=SOURCE, run="tried")
            case "restore":
                into = str(self.place / "restored")
                return working.job(work, at, source=SOURCE, run="tried", target_path=into)
            case "forget":
                return working.job(work, at, keeps={SOURCE: Keep(daily=1)}, **everything)
            case "prune" | "check":
                return working.job(work, at, **everything)
            case "create":
                new = working.at(ground.place(self.place, "new"))
                return working.job(work, new, origin=at, **everything)
        return working.job(work, at, **common)

    def whole(self, copy: Snapshot) -> bool:
        """Whether a copy, restored, is the volume (or its copy near, where it is the far one)."""
        into = self.place / f"looked-{len(list(self.place.glob('looked-*')))}"
        one = self.near if copy.repository == "near" else self.far
        one.restic.restore(copy.id, into)
        (big,) = into.rglob("big")
        if copy.repository == "near":
            return big.read_bytes() == Path(self.volume.path, "big").read_bytes()
        original = self.place / f"{into.name}-original"
        self.near.restic.restore(str(copy.original), original)
        (same,) = original.rglob("big")
        return big.read_bytes() == same.read_bytes()

    def programs(self, stop: int) -> Path:
        """A directory with a restic that stands still at its run number `stop`."""
        made = self.place / "programs"
        made.mkdir(exist_ok=True)
        (made / "restic").write_text(STOPPING.format(place=made, real=ground.restic_program()))
        (made / "restic").chmod(0o755)
        (made / "number").write_text("0")
        (made / "stop").write_text(str(stop))
        with contextlib.suppress(FileNotFoundError):
            (made / "stands").unlink()
        return made


@pytest.fixture
def stage(tmp_path: Path, near: Repository) -> Stage:
    data = ground.tree(tmp_path / "mounted")
    far = ground.made(tmp_path, "far", like=near)
    made = Stage(place=tmp_path, near=near, far=far, volume=Mounted(name="wiki", path=str(data)))
    at = working.at(near.place)
    for run in ("first", "second"):
        ground.tree(tmp_path / "mounted", salt=run.encode())
        about = {"source": SOURCE, "run": run}
        told = working.job("backup", at, volumes=(made.volume,), **about)
        (copy,) = working.done(told, tmp_path / "before").answer.copies
        made.ids.append(copy.id)
        working.done(working.job("prove", at, **about), tmp_path / "before")
        if run == "first":
            copying.copy_missing(near, far)
    return made


def killed_at(stage: Stage, told: Job, stop: int) -> bool:
    """Kill a job before its restic number `stop`; False: it ended before it came to that."""
    programs = stage.programs(stop)
    process = working.begin(told, stage.place / "spool", programs)
    deadline = time.monotonic() + working.SECONDS
    while not (programs / "stands").exists():
        if process.poll() is not None:
            said = working.end(process)
            assert said.code == 0, said.why
            return False
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ground.kill(process)
    process.communicate(timeout=60)
    return True


def right(stage: Stage, work: str) -> None:
    """What is there after a job that did its work at last."""
    near = {copy.run: copy for copy in catalogue.read(stage.near) if copy.complete}
    match work:
        case "backup":
            assert near.keys() == {"first", "second", "tried"}
        case "copy":
            assert {copy.run for copy in catalogue.read(stage.far)} == {"first", "second"}
        case "prove":
            assert near["second"].proof is not None and near["second"].proof.server == "box2"
        case "restore":
            assert (stage.place / "restored" / "sub" / "small").read_bytes() == b"smallsecond"
        case "forget":
            assert near.keys() == {"second"} and near["second"].proven
        case "create":
            assert catalogue.read(ground.repository(ground.place(stage.place, "new"))) == ()


@pytest.mark.fault(
    "SIGKILL at every step",
    injected=(
        "SIGKILL to a whole job before each program that it starts, one after the other: of a "
        "backup, a copy off-site, a proof, a restore, retention, a prune, a check, the making of a "
        "repository"
    ),
    seen=(
        "nothing counts but what, restored, is whole; nothing is proven, nothing proven is lost, "
        "no metric tells of a success; then the same job does its work, and every byte of the "
        "repositories is read"
    ),
)
@pytest.mark.parametrize(
    "work", ["backup", "copy", "prove", "restore", "forget", "prune", "check", "create"]
)
def test_killed_before_each_program(
    stage: Stage, tmp_path: Path, work: str, saw: Callable[[str], None]
) -> None:
    told = stage.job(work)
    truth = three.Truth(three.fleet(tmp_path / "fleet"), (stage.near, stage.far))
    gone = stage.ids[:1] if work == "forget" else ()
    kills = 0
    while killed_at(stage, told, kills + 1):
        kills += 1
        three.nothing_is_claimed(truth, told, None, gone=gone, whole=stage.whole)
        assert kills < MOST
    assert kills > 0
    right(stage, work)
    assert list((tmp_path / "spool").glob("run-*")) == []
    saw(f"{work}: killed {kills} times")
    for one in (stage.near, stage.far):
        one.restic.break_stale_locks()
        assert one.restic.check("100%") == ()


def test_the_stage_itself(stage: Stage) -> None:
    """Two copies that are proven, one of them off-site: else there would be nothing to lose."""
    assert [copy.proven for copy in catalogue.read(stage.near)] == [True, True]
    assert [copy.run for copy in catalogue.read(stage.far)] == ["first"]
    assert subprocess.run([stage.programs(0) / "restic", "version"]).returncode == 0
