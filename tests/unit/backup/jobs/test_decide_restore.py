"""Which copy is restored, and where to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide_restore import LATEST, Restoring, Wish, restoring
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.targets import IntoDirectory, IntoService, IntoVolume, target_of
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Kind, Snapshot
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.model import Fleet
from tests.unit.backup.jobs.made import (
    COMPOSE,
    NOW,
    PASSWORD,
    SECTION,
    container,
    fleet,
    scene,
    snapshot,
    task,
)
from tests.unit.backup.jobs.test_decide_copies import copy, proof, there

OTHER = COMPOSE.replace(
    "  files:",
    '  db2: {image: postgres, volumes: ["e:/var/lib/postgresql"], networks: [back],\n'
    "        x-quorate: {state: postgres, pin: two}}\n  files:",
).replace("volumes: {d: ,", "volumes: {e: , d: ,")
TASKS = [task("app_db", "one"), task("app_db2", "two"), task("app_files", "three")]
TASKS += [task("app_many", name, addresses={"n1": ("10.0.1.9",)}) for name in ("one", "two")]
FILES = {"source": "volume/app_v", "kind": Kind.VOLUME, "server": "three", "repository": "first"}
VOLUMES = {"one": {"app_d"}, "two": {"app_e"}, "three": {"app_v"}}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    found: Fleet = fleet(tmp_path_factory.mktemp("fleet"), compose=OTHER)
    seen = snapshot({"app_db2": container(Env=["POSTGRES_PASSWORD=x"])}, tasks=TASKS)
    return scene(found, seen, VOLUMES)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The log of `db` is received on `two`."""
    section = SECTION + "  sources:\n    db: {wal: {server: two}}\n"
    found = fleet(tmp_path_factory.mktemp("logged"), section, OTHER)
    seen = snapshot({"app_db2": container(Env=["POSTGRES_PASSWORD=x"])}, tasks=TASKS)
    return scene(found, seen, VOLUMES)


def test_a_moment_comes_out_of_the_log_where_that_lies(logged: Scene) -> None:
    at = NOW - timedelta(minutes=7)
    plan = made(logged, Wish(source="db", to="two:/srv/found", at=at))
    job = plan.start.job
    assert (job.moment, job.given, job.server, job.snapshot) == (at, "/log", "two", "")
    assert plan.copy is None and job.target_path == "/host/srv/found"
    paths = {one.target: one.source for one in plan.start.mounts}
    assert paths["/log"] == "/var/lib/quorate/wal/db" and plan.moment == at
    last = made(logged, Wish(source="db", to="two:/srv/found", at=NOW))
    assert last.start.job.moment is None and "end of the log" in last.notes[0]
    wrong = said(logged, Wish(source="db", to="three:/srv/found", at=at))
    assert "lies on two" in wrong and "`--to two:/PATH`" in wrong


def test_the_last_moment_has_a_word(logged: Scene) -> None:
    end = made(logged, Wish(source="db", to="two:/srv/found", at=LATEST))
    assert (end.start.job.moment, end.moment) == (None, NOW) and end.copy is None
    old, new = copy("old", 3), copy("new", 1)
    copied = made(logged, Wish(source="db", to="db2", at=LATEST), old, new)
    assert copied.start.job.snapshot == "new"


def test_where_no_file_can_go_it_is_the_newest_copy_and_that_is_said(logged: Scene) -> None:
    at = NOW - timedelta(minutes=7)
    plan = made(logged, Wish(source="db", to="db2", at=at))
    assert plan.copy is not None and plan.start.job.moment is None
    assert "`--to two:/PATH`" in plan.notes[-1]
    chosen = made(logged, Wish(source="db", to="two:/srv/x", at=at, repository="second"))
    assert chosen.copy is not None


def made(office: Scene, wish: Wish, *copies: Snapshot, known: Known | None = None) -> Restoring:
    return restoring(office, known or there(*(copies or (copy("abc", 1),))), wish, due=NOW)


def said(office: Scene, wish: Wish, *copies: Snapshot) -> str:
    with pytest.raises(QuorateError) as caught:
        made(office, wish, *copies)
    return "\n".join(caught.value.lines())


def test_targets_as_they_are_written(office: Scene) -> None:
    one = target_of(office.fleet, "db2/shop")
    assert isinstance(one, IntoService) and (one.service.id, one.database) == ("db2", "shop")
    assert target_of(office.fleet, "volume/new") == IntoVolume(name="new")
    assert target_of(office.fleet, "two:volume/new") == IntoVolume(name="new", server="two")
    assert target_of(office.fleet, "two:/srv/a b/") == IntoDirectory(server="two", path="/srv/a b")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dbb", "no service dbb"),
        ("tvo:/x", "no server tvo"),
        ("two:srv", "names no place"),
        ("two:/", "names no place"),
        ("two:/srv/../etc", "names no place"),
        ("db/", "no service"),
    ],
)
def test_targets_that_are_none(office: Scene, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        target_of(office.fleet, text)


def test_a_database_goes_into_another_service(office: Scene) -> None:
    plan = made(office, Wish(source="db", to="db2"))
    job = plan.start.job
    assert (job.work, job.source, job.snapshot, job.server) == (Work.RESTORE, "db", "abc", "two")
    assert job.target is not None and job.target.host == "tasks.app_db2"
    assert job.target.password_file is not None and not job.in_place
    assert job.reach is not None and job.reach.host == "tasks.app_db"  # to see that it is another
    assert "app_back" in plan.start.networks
    assert (plan.target, plan.over, plan.start.quiet) == ("db2", "", ())
    assert plan.notes == ("the copy abc was not proven yet",)


def test_one_database_goes_beside_the_others(office: Scene) -> None:
    job = made(office, Wish(source="db", to="db/shop2", only="shop")).start.job
    assert job.target is not None
    assert (job.only, job.target.database, job.target.host) == ("shop", "shop2", "tasks.app_db")
    assert "nothing says which database" in said(office, Wish(source="db", to="db2/shop"))
    assert "where the data come from" in said(office, Wish(source="db", to="db", only="shop"))
    assert "where the data come from" in said(office, Wish(source="db", to="db"))


def test_in_place_is_over_the_source_alone(office: Scene) -> None:
    plan = made(office, Wish(source="db", in_place=True))
    assert plan.over == "db" and plan.start.job.in_place and plan.start.job.target is None
    assert plan.start.job.reach is not None and plan.start.job.server == "one"
    assert "either --in-place or --to" in said(office, Wish(source="db", to="db2", in_place=True))
    assert "nothing says where db is to go" in said(office, Wish(source="db"))


def test_a_volume_in_place_has_its_services_stopped(office: Scene) -> None:
    plan = made(office, Wish(source="files", in_place=True), copy("v", 1, **FILES))
    assert (plan.start.quiet, plan.start.method, plan.over) == (
        ("app_files",),
        "stop",
        "volume/app_v",
    )
    (mount,) = [one for one in plan.start.mounts if one.source == "app_v"]
    assert not mount.read_only and plan.start.job.volumes[0].name == "app_v"


def test_a_volume_goes_into_another_one(office: Scene) -> None:
    files = copy("v", 1, **FILES)
    plan = made(office, Wish(source="files", to="volume/checked"), files)
    assert plan.start.job.server == "three" and plan.start.job.target_path == "/target"
    assert plan.target == "the new volume checked on three" and plan.start.quiet == ()
    elsewhere = made(office, Wish(source="files", to="one:volume/app_v"), files)
    assert elsewhere.start.job.server == "one"
    mine = Wish(source="files", to="volume/app_v")
    assert "is where the data come from" in said(office, mine, files)
    assert made(office, Wish(source="files", to="volume/app_e"), files).start.job.server == "two"


def test_a_directory_is_made_by_the_job_on_its_server(office: Scene) -> None:
    plan = made(office, Wish(source="db", to="three:/srv/found"))
    assert plan.start.job.target_path == "/host/srv/found" and plan.start.job.server == "three"
    assert [one.source for one in plan.start.mounts if one.target == "/host"] == ["/"]
    only = Wish(source="db", to="three:/srv/found", only="shop")
    assert "--only restores a database into a server" in said(office, only)


def test_what_does_not_go_together(office: Scene) -> None:
    files = copy("v", 1, **FILES)
    assert "does not go into db2" in said(office, Wish(source="files", to="db2"), files)
    assert "--only is for databases" in said(
        office, Wish(source="files", to="db2", only="x"), files
    )
    settings = copy("s", 1, source="configs", kind=Kind.CONFIGS)
    assert "not restored in place" in said(office, Wish(source="configs", in_place=True), settings)
    assert "several sources" in said(office, Wish(source="many", in_place=True))
    assert "no source nothing" in said(office, Wish(source="nothing", to="db2"))


def test_the_newest_copy_that_is_not_known_to_be_bad(office: Scene) -> None:
    bad = copy("bad", 1, proof=proof(False))
    good = copy("good", 2, proof=proof())
    far = copy("far", 2, repository="away", original="good")
    half = copy("half", 0.5, complete=False)
    to = Wish(source="db", to="db2")
    assert made(office, to, bad, good, far, half).start.job.snapshot == "good"
    assert made(office, to, bad, good).notes == ()
    by_id = made(office, Wish(source="db", to="db2", copy="ba"), bad, good)
    assert by_id.start.job.snapshot == "bad" and "failed its proof" in by_id.notes[0]
    assert "each failed its proof" in said(office, to, bad)
    away = Wish(source="db", to="db2", repository="away")
    assert made(office, away, bad, good, far).start.job.snapshot == "far"


def test_the_newest_copy_until_a_moment(office: Scene) -> None:
    copies = [copy("new", 1), copy("old", 5)]
    at = NOW - timedelta(hours=3)
    assert made(office, Wish(source="db", to="db2", at=at), *copies).start.job.snapshot == "old"
    early = Wish(source="db", to="db2", at=NOW - timedelta(hours=9))
    assert "was taken until 2026-06-30 03:00:00 UTC" in said(office, early, *copies)


def test_what_the_fleet_has_no_more_is_restored_from_its_copies(office: Scene) -> None:
    gone = copy("g", 1, source="volume/old", kind=Kind.VOLUME)
    plan = made(office, Wish(source="volume/old", to="two:volume/old"), gone)
    assert plan.start.job.kind is Kind.VOLUME and plan.start.job.server == "two"
    assert "no place it was in" in said(office, Wish(source="volume/old", in_place=True), gone)


def test_a_repository_that_is_dark_is_said(office: Scene) -> None:
    listed = there(copy("abc", 1, proof=proof()), dark=("first",))
    plan = made(office, Wish(source="db", to="db2"), known=listed)
    assert plan.notes == ("first could not be read: a newer copy may be there",)
    with pytest.raises(UsageError) as caught:
        made(office, Wish(source="db", to="db2"), known=there(dark=("first",)))
    assert "first could not be read" in "\n".join(caught.value.lines())


def test_mariadb_in_place_takes_a_proven_copy(tmp_path: Path) -> None:
    compose = COMPOSE.replace(
        "state: postgres, pin: one}}\n  out", "state: mariadb, pin: one}}\n  out"
    )
    spec = container(
        Env=["MARIADB_ROOT_PASSWORD_FILE=/run/secrets/pw"],
        Secrets=PASSWORD["TaskTemplate"]["ContainerSpec"]["Secrets"],
    )
    seen = scene(fleet(tmp_path, compose=compose), snapshot({"app_db": spec}))
    maria = copy("m", 1, kind=Kind.MARIADB)
    with pytest.raises(RefusedError, match="not proven"):
        made(seen, Wish(source="db", in_place=True), maria)
    proven = copy("m", 1, kind=Kind.MARIADB, proof=proof())
    assert made(seen, Wish(source="db", in_place=True), proven).start.job.in_place


IMAGES = {"source": "images/one", "kind": Kind.IMAGES, "server": "one", "repository": "second"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    compose = OTHER.replace("  files:", '  web: {image: "w:1", build: ., x-quorate: {}}\n  files:')
    return scene(fleet(tmp_path_factory.mktemp("built"), compose=compose))


def test_images_go_to_an_engine_of_any_server(built: Scene) -> None:
    found = copy("i", 1, **IMAGES)
    plan = made(built, Wish(source="images/one", to="three:images"), found)
    job = plan.start.job
    assert (job.server, job.in_place, job.target_path) == ("three", False, "")
    assert plan.target == "the engine on three"
    assert "/var/run/docker.sock" in [one.target for one in plan.start.mounts]
    own = made(built, Wish(source="images/one", in_place=True), found)
    assert (own.start.job.server, own.start.job.in_place, own.over) == ("one", True, "images/one")
    files = made(built, Wish(source="images/one", to="two:/srv/images"), found)
    assert files.start.job.target_path == "/host/srv/images"


def test_only_images_go_to_an_engine(built: Scene) -> None:
    assert "has no images" in said(built, Wish(source="db", to="two:images"))
    assert "`--to SERVER:images`" in said(built, Wish(source="images/one"), copy("i", 1, **IMAGES))
