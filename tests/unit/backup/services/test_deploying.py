"""Quorate's own services beside the stacks: foreseen, deployed, once more, removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.jobs.door import Door
from quorate.backup.jobs.model import Answer, Trouble, Work
from quorate.backup.services import foresee as foreseeing
from quorate.backup.services.deploying import deploy
from quorate.backup.services.foresee import Own, foresee
from quorate.backup.services.removing import forget_all, remove_all
from quorate.deploy import versioned
from quorate.deploy.progress import Silent
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.fake_swarm import Script, told
from tests.unit.backup.jobs.made import COMPOSE
from tests.unit.backup.services.own_swarm import RENDERED, OwnSwarm, scene_of
from tests.unit.fleet.helpers import FLEET, fleet_of

SECTION = """\
backup:
  repositories:
    near: {local: {server: two, path: /b}, password: {file: near.txt}}
    away: {rest: {url: "https://rest.example.org/x", user: me, password: {environment: NOBODY_SET}},
           password: {file: near.txt}, offsite: true}
  exclude: [out]
"""
WAL = "  sources: {db: {wal: {server: three}}}\n"
PLANTED = "planted-password"
HOMES = {"db": ("one",), "out": ("one",)}
DB = {
    "Name": "app_db",
    "Labels": {},
    "TaskTemplate": {
        "ContainerSpec": {
            "Env": ["POSTGRES_PASSWORD_FILE=/run/secrets/pw"],
            "Secrets": [{"SecretName": "pw-v3", "File": {"Name": "pw"}}],
        },
        "Networks": [{"Target": "app_back"}],
    },
}
PREPARED = Answer(work=Work.PREPARE, run="r", source="db", findings=("+ role quorate_wal: …",))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versioned, "SCRYPT_N", 2)
    monkeypatch.setattr("quorate.tools.clock.sleep", lambda seconds: None)


@pytest.fixture
def swarm() -> OwnSwarm:
    made = OwnSwarm()
    made.add(DB)
    made.create_secret("pw-v3", b"x", {})
    made.scripts["db"] = Script(out=[PREPARED.model_dump_json()])
    return made


def fleet(directory: Path, section: str = SECTION) -> Fleet:
    (directory / "near.txt").write_text(PLANTED)
    return fleet_of(directory, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})


def foreseen(found: Fleet, swarm: OwnSwarm) -> Own:
    return foresee(scene_of(found, swarm), RENDERED, HOMES, encrypt=True)


def deployed(found: Fleet, swarm: OwnSwarm) -> tuple[Own, tuple[str, ...]]:
    own = foreseen(found, swarm)
    return own, deploy(scene_of(found, swarm), own, Silent())


def controller(swarm: OwnSwarm) -> dict[str, Any]:
    found: dict[str, Any] = swarm.services_there["quorate-controller"]["Spec"]
    return found


def started(swarm: OwnSwarm, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The services that are made from now on."""
    seen: list[Any] = []
    post = swarm.post

    def noted(url: str, json: Any, **more: Any) -> Any:
        seen.append(json)
        return post(url, json, **more)

    monkeypatch.setattr(swarm, "post", noted)
    return seen


def test_the_controller_is_deployed_and_a_second_time_nothing_is_to_do(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    found = fleet(tmp_path)
    own, troubles = deployed(found, swarm)
    assert own.beside.changes.added == ("quorate-controller",) and troubles == ()
    spec = controller(swarm)
    names = [one["SecretName"] for one in spec["TaskTemplate"]["ContainerSpec"]["Secrets"]]
    assert all(one["SecretID"] for one in spec["TaskTemplate"]["ContainerSpec"]["Secrets"])
    assert "quorate-backup-fleet-v1" in names and "quorate-backup-fleet-files-v1" in names
    assert swarm.values["quorate-backup-repository.near-v1"] == PLANTED.encode()
    assert PLANTED not in json.dumps(swarm.services_there)
    assert PLANTED not in json.dumps(swarm.secrets_there)
    again = foreseen(found, swarm)
    assert not again.beside.to_do
    assert "quorate:" in own.image.deployed and "@sha256:" in own.image.deployed


def test_a_password_that_nobody_here_knows_is_told_and_what_was_deployed_stays(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    found = fleet(tmp_path)
    own, _ = deployed(found, swarm)
    (finding,) = own.beside.findings
    assert finding.startswith("the controller does without: ") and "NOBODY_SET" in finding
    (tmp_path / "near.txt").unlink()
    again = foreseen(found, swarm)
    assert not again.beside.to_do
    assert again.beside.findings == own.beside.findings


def test_a_changed_fleet_file_and_a_changed_password_replace_it(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    deployed(fleet(tmp_path), swarm)
    own, _ = deployed(fleet(tmp_path, SECTION + "  timezone: Europe/Berlin\n"), swarm)
    (change,) = own.beside.changes.changed
    assert change.restarts and swarm.updated == ["quorate-controller"]
    assert "quorate-backup-fleet-v2" in json.dumps(controller(swarm))
    found = fleet(tmp_path, SECTION + "  timezone: Europe/Berlin\n")
    (tmp_path / "near.txt").write_text("another-password")
    own, _ = deployed(found, swarm)
    assert [one.name for one in own.beside.changes.changed] == ["quorate-controller"]
    assert not foreseen(found, swarm).beside.to_do


def test_where_the_image_is_nowhere_that_is_told_and_nothing_is_deployed(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    swarm.images = False
    own, troubles = deployed(fleet(tmp_path, SECTION + WAL), swarm)
    (finding,) = own.beside.findings
    assert finding.startswith("backups do not run by themselves: no image quorate:")
    assert "quorate backup image" in finding
    assert troubles == () and swarm.created == []


def test_files_that_are_too_large_are_told(
    tmp_path: Path, swarm: OwnSwarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreseeing, "archive", lambda fleet: b"x" * (versioned.MAX_BYTES + 1))
    own, troubles = deployed(fleet(tmp_path), swarm)
    assert "does not back up the fleet's own files" in own.beside.findings[-1]
    assert "512001 bytes" in own.beside.findings[-1]
    assert troubles == () and "fleet-files" not in json.dumps(controller(swarm))


def test_switched_off_or_without_repositories_it_goes(tmp_path: Path, swarm: OwnSwarm) -> None:
    deployed(fleet(tmp_path), swarm)
    own, troubles = deployed(fleet(tmp_path, SECTION + "  controller: false\n"), swarm)
    assert own.beside.changes.removed == ("quorate-controller",) and troubles == ()
    assert swarm.removed == ["quorate-controller"]
    own = foreseen(fleet(tmp_path, ""), swarm)
    assert not own.beside.to_do


def test_a_primary_is_made_ready_before_its_receiver_is_deployed(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    found = fleet(tmp_path, SECTION + WAL)
    own, troubles = deployed(found, swarm)
    assert troubles == ()
    assert own.beside.changes.added == ("quorate-controller", "quorate-wal-db")
    assert "pg_hba.conf" in own.beside.steps[0]
    assert swarm.directories == ["/var/lib/quorate/wal/db"]
    controller_made, job_name, receiver = swarm.created
    assert (controller_made, receiver) == ("quorate-controller", "quorate-wal-db")
    assert job_name.startswith("quorate-job-prepare-db") and job_name in swarm.removed
    spec = swarm.services_there["quorate-wal-db"]["Spec"]
    container = spec["TaskTemplate"]["ContainerSpec"]
    (secret,) = container["Secrets"]
    assert secret["SecretName"] == "quorate-backup-wal.db-v1"
    assert swarm.values["quorate-backup-wal.db-v1"].decode() not in json.dumps(spec)
    assert spec["TaskTemplate"]["Placement"]["Constraints"] == ["node.hostname==three"]
    assert not foreseen(found, swarm).beside.to_do


def test_the_job_has_both_passwords_and_the_receiver_only_its_role_s(
    tmp_path: Path, swarm: OwnSwarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = started(swarm, monkeypatch)
    deployed(fleet(tmp_path, SECTION + WAL), swarm)
    (spec,) = [one for one in seen if one["Name"].startswith("quorate-job")]
    job = told(spec)
    assert job.work is Work.PREPARE and job.primary is not None and not job.primary.undo
    assert job.reach is not None and job.reach.host == "tasks.app_db"
    names = [one["SecretName"] for one in spec["TaskTemplate"]["ContainerSpec"]["Secrets"]]
    assert names == ["pw-v3", "quorate-backup-wal.db-v1"]


def test_a_primary_that_cannot_be_made_ready_is_told_and_tried_the_next_time(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    trouble = Trouble(what="wal_level is minimal", todo="set it", code=6)
    failed = PREPARED.model_copy(update={"trouble": trouble})
    good = swarm.scripts["db"]
    swarm.scripts["db"] = Script(out=[failed.model_dump_json()], code=6)
    found = fleet(tmp_path, SECTION + WAL)
    _, (finding,) = deployed(found, swarm)
    assert "is not received yet: wal_level is minimal" in finding
    assert "quorate-wal-db" not in swarm.services_there and "quorate-controller" in swarm.created
    swarm.scripts["db"] = good
    _, troubles = deployed(found, swarm)
    assert troubles == () and "quorate-wal-db" in swarm.services_there


def test_the_primary_of_a_receiver_that_ends_again_and_again_is_looked_after(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    found = fleet(tmp_path, SECTION + WAL)
    deployed(found, swarm)
    swarm.states["quorate-wal-db"] = "starting"
    assert not foreseen(found, swarm).beside.to_do
    swarm.states["quorate-wal-db"] = "failed"
    before = len(swarm.created)
    own, troubles = deployed(found, swarm)
    assert not own.beside.changes and own.beside.steps and troubles == ()
    (job,) = swarm.created[before:]
    assert job.startswith("quorate-job-prepare-db")


def test_a_database_that_does_not_run_is_waited_for_by_the_next_up(
    tmp_path: Path, swarm: OwnSwarm
) -> None:
    del swarm.services_there["app_db"]
    _, (finding,) = deployed(fleet(tmp_path, SECTION + WAL), swarm)
    assert "no task of app_db runs" in finding and "`quorate up` does it" in finding


def test_a_log_that_is_wanted_no_more_ends_and_the_primary_is_put_back(
    tmp_path: Path, swarm: OwnSwarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(fleet(tmp_path, SECTION + WAL), swarm)
    seen = started(swarm, monkeypatch)
    own, troubles = deployed(fleet(tmp_path), swarm)
    assert own.beside.changes.removed == ("quorate-wal-db",) and troubles == ()
    assert "quorate-wal-db" not in swarm.services_there
    (job,) = [told(spec) for spec in seen if spec["Name"].startswith("quorate-job")]
    assert job.primary is not None and job.primary.undo
    assert job.primary.role == "quorate_wal" and job.server == "three"


def test_down_removes_all_of_it_and_its_secrets(tmp_path: Path, swarm: OwnSwarm) -> None:
    deployed(fleet(tmp_path, SECTION + WAL), swarm)
    swarm.configs_named = ["quorate-serve", "quorate-serve-notes", "quorate-lock"]
    door = Door(lambda: swarm.client, lambda text: None)
    assert remove_all(door, "test") == ("quorate-controller", "quorate-wal-db")
    assert list(swarm.services_there) == ["app_db"]
    forget_all(swarm.client, "test")
    # The role of the database, which stays, has this one.
    assert sorted(swarm.secrets_there) == ["pw-v3", "quorate-backup-wal.db-v1"]
    assert swarm.configs_named == ["quorate-lock"]
