"""Which jobs are started, and what is refused, with why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup.bundle.archive import Sealed
from quorate.backup.jobs.decide import Decision, backups, catalogues
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.ways import pattern
from quorate.backup.model import Kind
from quorate.errors import CheckError, UsageError
from quorate.fleet.backup import Bundle
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.made import (
    COMPOSE,
    NODES,
    NOW,
    container,
    fleet,
    node,
    scene,
    snapshot,
    task,
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    directory: Path = tmp_path_factory.mktemp("fleet")
    return fleet(directory)


def only(decision: Decision) -> Start:
    (start,) = decision.starts
    assert not decision.refused
    return start


def refusal(decision: Decision) -> str:
    (refused,) = decision.refused
    assert not decision.starts
    return "\n".join(refused.error.lines())


def test_a_database_is_backed_up_where_it_is_into_a_repository_that_is_not_there(
    found: Fleet,
) -> None:
    start = only(backups(scene(found), ["db"], due=NOW))
    job = start.job
    assert (job.work, job.source, job.server, job.run) == (
        Work.BACKUP,
        "db",
        "one",
        "db@2026-06-30T12:00:00Z",
    )
    assert (start.node, job.repository.name, start.stores) == ("id-one", "second", ("second",))
    assert start.networks == ("app_back", "quorate-backup")
    assert job.reach is not None and job.reach.host == "tasks.app_db"
    assert start.secrets[0].deployed == "pw-v3"
    assert [(m.source, m.target, m.volume) for m in start.mounts] == [
        ("quorate-spool", "/spool", True)
    ]
    assert job.timezone == "Europe/Berlin"


def test_a_database_that_has_moved_is_followed(found: Fleet) -> None:
    seen = snapshot(tasks=[task("app_db", "two")])
    job = only(backups(scene(found, seen), ["db"], due=NOW)).job
    assert (job.server, job.repository.name) == ("two", "first")


def test_a_service_name_is_every_set_of_its_data_each_on_its_own_server(found: Fleet) -> None:
    decision = backups(scene(found), ["many"], due=NOW)
    jobs = {start.job.source: start.job for start in decision.starts}
    assert set(jobs) == {f"many@{name}" for name in NODES}
    assert {job.server for job in jobs.values()} == set(NODES)
    hosts = {name: job.reach.host for name, job in jobs.items() if job.reach}
    assert hosts == {"many@one": "10.0.1.10", "many@two": "10.0.1.11", "many@three": "10.0.1.12"}


def test_volumes_are_mounted_read_only_on_their_server(found: Fleet) -> None:
    start = only(backups(scene(found, volumes={"three": {"app_v"}}), ["files"], due=NOW))
    assert start.job.source == "volume/app_v" and start.job.server == "three"
    volume = next(mount for mount in start.mounts if mount.target == "/data/0")
    assert (volume.source, volume.target, volume.read_only) == ("app_v", "/data/0", True)
    assert [(one.name, one.path) for one in start.job.volumes] == [("app_v", "/data/0")]


@pytest.mark.fault(
    "source vanished",
    injected="a volume that is on no server any more",
    seen="refused: no empty volume is made and backed up",
)
def test_a_volume_that_vanished_is_not_made_anew_and_backed_up_empty(found: Fleet) -> None:
    said = refusal(backups(scene(found, volumes={"three": {"other"}}), ["files"], due=NOW))
    assert "the volume app_v of volume/app_v is not on three" in said


def test_files_of_a_service_that_is_stopped_are_found_where_they_were_left(found: Fleet) -> None:
    stopped = snapshot(tasks=[task("app_files", "two", state="shutdown")])
    assert only(backups(scene(found, stopped), ["files"], due=NOW)).job.server == "two"
    nowhere = snapshot(tasks=[])
    one = scene(found, nowhere, volumes={"one": {"app_v"}, "two": set()})
    assert only(backups(one, ["files"], due=NOW)).job.server == "one"
    both = scene(found, nowhere, volumes={"one": {"app_v"}, "two": {"app_v"}})
    assert "any of one, two" in refusal(backups(both, ["files"], due=NOW))


def test_a_database_that_does_not_run_says_why(found: Fleet) -> None:
    failed = task("app_db", "one", state="failed", error="exit code 1: disk full")
    said = refusal(backups(scene(found, snapshot(tasks=[failed])), ["db"], due=NOW))
    assert "no task of db runs" in said and "disk full" in said
    gone = snapshot()
    services = tuple(one for one in gone.services if one.name != "app_db")
    said = refusal(backups(scene(found, replace(gone, services=services)), ["db"], due=NOW))
    assert "db is not in the swarm" in said


def test_one_that_is_refused_holds_up_nobody(found: Fleet) -> None:
    seen = snapshot({"app_db": container(Env=[])})
    decision = backups(scene(found, seen), [], due=NOW)
    assert [refused.what for refused in decision.refused] == ["db"]
    assert {start.job.source for start in decision.starts} >= {"many@one", "configs", "swarm"}
    assert "out" not in {start.job.source for start in decision.starts}


@pytest.mark.fault(
    "policy naming an unknown service",
    injected="`backup run` of names that are no source",
    seen="refused, with what was meant",
)
@pytest.mark.parametrize(
    ("name", "says"),
    [("dbb", "did you mean db"), ("nothing-like-it", "backup plan"), ("out", "exclude")],
)
def test_names_that_cannot_be_backed_up(found: Fleet, name: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        backups(scene(found), [name], due=NOW)
    assert says in "\n".join(caught.value.lines())


def test_no_repository_on_another_server(found: Fleet) -> None:
    # A plan that was right until the service moved.
    one = found.backup.model_copy(update={"repositories": (found.backup.repository("first"),)})
    lonely = found.model_copy(update={"backup": one})
    said = refusal(backups(scene(lonely), ["db"], due=NOW))
    assert "db has no repository to go to" in said and "it is on one now" in said
    moved = snapshot(tasks=[task("app_db", "two")])
    assert only(backups(scene(lonely, moved), ["db"], due=NOW)).job.repository.name == "first"


def test_a_server_that_can_be_given_no_work(found: Fleet) -> None:
    nodes = [node("one", availability="drain"), node("two"), node("three")]
    said = refusal(backups(scene(found, snapshot(nodes=nodes)), ["db"], due=NOW))
    assert "nothing can be started on one" in said and "drain" in said


def test_a_database_in_no_overlay_network(found: Fleet) -> None:
    spec = container(Env=["POSTGRES_PASSWORD=x"])
    spec["TaskTemplate"]["Networks"] = [{"Target": "nh"}]
    said = refusal(backups(scene(found, snapshot({"app_db": spec})), ["db"], due=NOW))
    assert "no overlay network" in said


def test_systems_and_the_swarm_are_seen_through_the_server_itself(found: Fleet) -> None:
    starts = {
        start.job.source: start
        for start in backups(scene(found), ["system/two", "swarm"], due=NOW).starts
    }
    two = starts["system/two"]
    assert (two.node, two.job.repository.name) == ("id-two", "first")
    assert ("/", "/data/0", True) in [(m.source, m.target, m.read_only) for m in two.mounts]
    assert "/var/run/docker.sock" in [mount.source for mount in starts["swarm"].mounts]


def test_the_fleets_files_travel_as_a_secret(found: Fleet) -> None:
    start = only(backups(scene(found), ["configs"], due=NOW))
    files = start.secrets[-1]
    assert (files.value, start.job.given) == (b"files", files.path)
    elsewhere = replace(scene(found), files=None)
    assert "not here" in refusal(backups(elsewhere, ["configs"], due=NOW))


def test_the_recovery_bundle_travels_encrypted(found: Fleet) -> None:
    backup = found.backup.model_copy(update={"bundle": Bundle(recipients=("age1x",))})
    locked = found.model_copy(update={"backup": backup})
    sealed = replace(scene(locked), bundle=Sealed(data=b"sealed", same=b"mark"))
    start = only(backups(sealed, ["bundle"], due=NOW))
    bundle = start.secrets[-1]
    assert (bundle.value, bundle.same, start.job.given) == (b"sealed", b"mark", bundle.path)
    assert start.job.source == "bundle" and start.job.kind is Kind.CONFIGS
    assert "sealed" not in repr(start) and "mark" not in repr(start)
    assert "not here" in refusal(backups(scene(locked), ["bundle"], due=NOW))
    failed = replace(scene(locked), bundle=CheckError("no value", problems=["DB_PASSWORD"]))
    assert "DB_PASSWORD" in refusal(backups(failed, ["bundle"], due=NOW))
    with pytest.raises(UsageError, match="no source bundle"):
        backups(scene(found), ["bundle"], due=NOW)


def test_lists_are_read_on_the_repositorys_own_server(found: Fleet) -> None:
    decision = catalogues(scene(found), [], due=NOW)
    where = {start.job.repository.name: start.node for start in decision.starts}
    assert where["first"] == "id-one" and where["second"] == "id-two" and where["away"] == "id-one"
    assert all(start.job.work is Work.CATALOGUE for start in decision.starts)
    with pytest.raises(UsageError, match="no repository firstt"):
        catalogues(scene(found), ["firstt"], due=NOW)


def test_a_repository_whose_server_is_down_is_said_to_be(found: Fleet) -> None:
    nodes = [node("one", state="down"), node("two"), node("three")]
    decision = catalogues(scene(found, snapshot(nodes=nodes)), ["first", "second"], due=NOW)
    assert [refused.what for refused in decision.refused] == ["first"]
    assert [start.job.repository.name for start in decision.starts] == ["second"]


def test_containers_are_named_by_swarms_pattern_or_composes(found: Fleet) -> None:
    assert pattern(found.service("db")) == r"^app_db\."


BUILT = COMPOSE.replace(
    "  files:", '  web: {image: "web:1", build: ., x-quorate: {pin: [one, two]}}\n  files:'
)


def test_images_are_saved_by_their_servers_engine(tmp_path: Path) -> None:
    built = fleet(tmp_path, compose=BUILT)
    start = only(backups(scene(built), ["images/two"], due=NOW))
    job = start.job
    assert (job.kind, job.server, job.images) == (Kind.IMAGES, "two", {"web:1": False})
    assert ("/var/run/docker.sock", "/var/run/docker.sock") in [
        (one.source, one.target) for one in start.mounts
    ]
    assert job.repository.name == "first", "not beside the images"


def test_what_was_deployed_without_a_digest_is_saved_in_any_case(tmp_path: Path) -> None:
    built = fleet(tmp_path, compose=BUILT)
    for image, anyway in (("web:1", True), ("web:1@sha256:0", False)):
        seen = snapshot({"app_web": container()})
        services = tuple(
            replace(one, image=image) if one.name == "app_web" else one for one in seen.services
        )
        there = scene(built, replace(seen, services=services))
        assert only(backups(there, ["images/one"], due=NOW)).job.images == {"web:1": anyway}
