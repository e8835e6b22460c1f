"""Jobs about repositories: copies brought off-site and proven there, retention, room, damage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quorate.backup import catalogue
from quorate.backup.jobs.model import Mounted
from quorate.backup.place import Repository
from quorate.fleet.backup import Keep
from tests.integration.backup import ground, light, test_faults, working

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture
def volume(tmp_path: Path) -> Mounted:
    return Mounted(name="wiki", path=str(ground.tree(tmp_path / "mounted", size=3_000_000)))


def test_copies_go_off_site_and_are_proven_there(
    tmp_path: Path, near: Repository, volume: Mounted
) -> None:
    spool = tmp_path / "spool"
    there = ground.made(tmp_path, "far", like=near)
    far = working.at(there.place, offsite=True)
    working.done(working.job("backup", working.at(near.place), volumes=(volume,)), spool)
    told = working.job("copy", far, origin=working.at(near.place), sources=("volume/none",))
    assert working.done(told, spool).answer.copies == ()
    told = working.job("copy", far, origin=working.at(near.place))
    said = working.done(told, spool)
    (copy,) = said.answer.copies
    assert copy.original and copy.complete and copy.repository == "far"
    assert said.answer.size == copy.size > 3_000_000
    assert working.done(told, spool).answer.copies == ()
    told = working.job("prove", far, snapshot=copy.original, server="box2", newest=1.0)
    proven = working.done(told, spool)
    assert proven.answer.copies[0].proven
    (old,) = proven.answer.findings
    assert old.startswith("the newest copy of volume/wiki is ")
    listed = working.done(working.job("catalogue", far, source="", kind=None), spool)
    holds = listed.answer.holds
    assert holds is not None and holds.stored is not None and holds.free and holds.disk
    assert 3_000_000 < holds.stored < 6_000_000 and holds.free < holds.disk
    assert [(one.id, one.proven) for one in listed.answer.copies] == [(copy.id, True)]
    into = tmp_path / "restored"
    told = working.job("restore", far, target_path=str(into))
    working.done(told, spool)
    assert (into / "big").read_bytes() == Path(volume.path, "big").read_bytes()
    refused = working.run(told, spool)
    assert refused.code == 8 and "is not empty" in refused.why
    over = working.job("restore", far, target_path=volume.path, volumes=(volume,))
    assert working.run(over, spool).code == 8
    Path(volume.path, "sub", "small").write_text("changed")
    Path(volume.path, "new").touch()
    told = working.job("restore", far, volumes=(volume,), in_place=True)
    working.done(told, spool)
    assert {path.name for path in Path(volume.path).iterdir()} == {"big", "sub"}
    assert Path(volume.path, "sub", "small").read_bytes() == b"small"


@pytest.mark.fault(
    "stale lock",
    injected="a lock of another host, older than half an hour; and one that is younger",
    seen="the old one is told, and removed by a check that may; the other stays, and is told",
)
def test_a_lock_of_another_host_is_stale_by_its_age(tmp_path: Path, near: Repository) -> None:
    spool, at = tmp_path / "spool", working.at(near.place)
    place, now = Path(near.place.location), datetime.now(UTC)
    light.write_lock(place, ground.PASSWORD, host="gone", since=now - timedelta(minutes=31))
    said = working.done(working.job("check", at, look_only=True), spool)
    (finding,) = said.answer.findings
    assert finding.startswith("stale lock: exclusive, of process 7 on gone, since ")
    assert len(near.restic.locks()) == 1, "who only looks changes nothing"
    young = light.write_lock(place, ground.PASSWORD, host="busy", since=now)
    held = working.end(working.begin(working.job("check", at), spool, command=working.IMPATIENT))
    assert held.answer.trouble is not None and held.answer.trouble.reason == "locked"
    assert [text.partition(" lock: ")[0].split(":")[0] for text in held.answer.findings] == [
        "removed a stale",
        "in use",
    ]
    assert [lock.id for lock in near.restic.locks()] == [young]


@pytest.mark.fault(
    "retention 0",
    injected="a policy that keeps nothing; copies that nobody has proven",
    seen="code 2; and nothing is forgotten while nothing is proven",
)
def test_retention_room_and_damage(tmp_path: Path, near: Repository, volume: Mounted) -> None:
    spool, at = tmp_path / "spool", working.at(near.place)
    for run in ("run-1", "run-2"):
        ground.tree(Path(volume.path).parent, size=3_000_000)
        working.done(working.job("backup", at, volumes=(volume,), run=run), spool)
    keeps = {"volume/wiki": Keep(daily=1)}
    nothing = working.run(working.job("forget", at, keeps={"volume/wiki": Keep()}), spool)
    assert nothing.code == 2 and "keeps nothing" in nothing.why
    closed = at.model_copy(update={"append_only": True})
    assert working.run(working.job("forget", closed, keeps=keeps), spool).code == 8
    unproven = working.done(working.job("forget", at, keeps=keeps), spool)
    assert unproven.answer.forgotten == () and len(unproven.answer.copies) == 2
    working.done(working.job("prove", at), spool)
    said = working.done(working.job("forget", at, keeps=keeps), spool)
    (left,) = said.answer.copies
    assert len(said.answer.forgotten) == 1 and left.run == "run-2"
    pruned = working.done(working.job("prune", at), spool)
    assert pruned.answer.freed > 2_000_000
    assert [copy.id for copy in catalogue.read(near)] == [left.id]
    checked = working.done(working.job("check", at, read="100%"), spool)
    assert checked.answer.findings == ()
    test_faults.flip(near, at=1000)
    damaged = working.run(working.job("check", at, read="100%"), spool)
    assert damaged.code == 6 and damaged.answer.trouble is not None
    assert damaged.answer.trouble.reason == "damaged"
