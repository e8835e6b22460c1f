"""Where mounts lie, which file sets come of that, and who directs and stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.errors import CheckError, UsageError
from quorate.fleet.model import Disk, Fleet, Reserved, Server, State, VolumeUse
from quorate.fleet.read import read_fleet
from quorate.plan.solve import make_plan as solve
from quorate.stacks.bacula.filesets import Wanted, filesets
from quorate.stacks.bacula.model import GIB, FileSet, Layout, Part, Roles
from quorate.stacks.bacula.places import place
from quorate.stacks.bacula.roles import roles
from tests.fakes.fleets import make_fleet, make_server

OFFICE = Path(__file__).parents[4] / "examples/office/fleet.yaml"
ROLES = Roles(director="a", storage="a", archive="/srv/v", room=200 * GIB)
ENGINE = "/var/lib/docker/volumes"


def one_service(definition: dict[str, Any] | None, use: VolumeUse) -> Fleet:
    document = {"services": {"web": {}}, "volumes": {"data": definition}}
    servers = [make_server("a", address="192.0.2.1"), make_server("b", address="192.0.2.2")]
    fields: dict[str, dict[str, Any]] = {"web": {"state": State.VOLUME, "volumes": (use,)}}
    return make_fleet({"shop": document}, servers=servers, fields=fields)


def use(kind: str = "volume", source: str | None = "data", **fields: Any) -> VolumeUse:
    return VolumeUse(kind=kind, source=source, target="/data", **fields)


@pytest.mark.parametrize(
    ("definition", "mount", "path", "server"),
    [
        (None, use(), f"{ENGINE}/shop_data/_data", None),
        ({"name": "mine"}, use(), f"{ENGINE}/mine/_data", None),
        ({"external": True}, use(), f"{ENGINE}/data/_data", None),
        ({"external": {"name": "old"}}, use(), f"{ENGINE}/old/_data", None),
        (
            {"driver_opts": {"type": "none", "o": "rw,bind", "device": "/mnt/data/web"}},
            use(), "/mnt/data/web", None,
        ),
        (None, use("bind", "/srv/web"), "/srv/web", None),
        (
            {"driver_opts": {"type": "nfs", "o": "addr=192.0.2.2", "device": ":/srv/nfs/web"}},
            use("shared", server="192.0.2.2"), "/srv/nfs/web", "b",
        ),
    ],
)  # fmt: skip
def test_where_it_lies(
    definition: dict[str, Any] | None, mount: VolumeUse, path: str, server: str | None
) -> None:
    fleet = one_service(definition, mount)
    found = place(fleet, fleet.services[0], mount)
    assert (found.path, found.server, found.why) == (path, server, "")
    made, findings = filesets(fleet, {"web": ("a",)}, ROLES, Wanted(configs={}), Layout())
    volumes = {item.server: item.files for item in made if item.part is Part.VOLUMES}
    assert volumes == {server or "a": (path,)}
    assert "not-saved" not in [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("definition", "mount", "why"),
    [
        (None, use(source=None), "without a name"),
        (None, use("bind", "~/web"), "home directory"),
        ({"driver": "rexray"}, use("shared"), "a cluster's driver"),
        (
            {"driver_opts": {"type": "nfs", "o": "addr=nas", "device": ":/web"}},
            use("shared", server="nas"), "on nas, which is no server of the fleet",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_said(
    definition: dict[str, Any] | None, mount: VolumeUse, why: str
) -> None:
    fleet = one_service(definition, mount)
    made, findings = filesets(fleet, {"web": ("a",)}, ROLES, Wanted(configs={}), Layout())
    assert [item.part for item in made if item.part is Part.VOLUMES] == []
    (finding,) = [item for item in findings if item.code == "not-saved"]
    assert why in finding.what


@pytest.fixture(scope="module")
def office() -> dict[str, FileSet]:
    fleet = read_fleet(OFFICE, environment={})
    plan = solve(fleet, time_limit=2.0)
    homes = {name: placement.homes for name, placement in plan.services.items()}
    made, _ = filesets(fleet, homes, ROLES, Wanted(configs={}), Layout())
    return {item.name: item for item in made}


def test_the_offices_databases_are_saved_as_dumps(office: dict[str, FileSet]) -> None:
    found = office["Databases-hppavilion"]
    assert (
        found.files
        == found.fresh
        == (
            "/mnt/data/backups/postgres",
            "/mnt/data/backups/redis",
            "/mnt/data/backups/mariadb",
            f"{ENGINE}/ci_gitlab-data/_data/backups",
        )
    )
    assert found.size == 100 * GIB  # what local-backups reserves
    assert office["Databases-gmktec"].size == 16 * GIB  # what its databases keep
    saved = [path for item in office.values() for path in item.files]
    assert not [path for path in saved if "postgres-data" in path or "mariadb-data" in path]


def test_gitlab_goes_with_its_secrets_and_without_live_databases(
    office: dict[str, FileSet],
) -> None:
    found = office["Gitlab-hppavilion"]
    data = f"{ENGINE}/ci_gitlab-data/_data"
    assert found.files == (f"{ENGINE}/ci_gitlab-config/_data", data)
    assert {f"{data}/postgresql", f"{data}/redis", f"{data}/backups"} <= set(found.exclude)


def test_every_server_has_its_system_and_configurations(office: dict[str, FileSet]) -> None:
    for server in ("gmktec", "hppavilion", "wsasus", "hpr"):
        for part in ("System", "Configs"):
            assert "/etc/bacula/passwords" in office[f"{part}-{server}"].exclude
    # Compose services too, at home on their stack's server.
    assert f"{ENGINE}/mailcow_vmail/_data" in office["Volumes-hppavilion"].files


def test_volumes_follow_their_home() -> None:
    fleet = one_service(None, use())
    for home in ("a", "b"):
        made, _ = filesets(fleet, {"web": (home,)}, ROLES, Wanted(configs={}), Layout())
        assert [item.server for item in made if item.part is Part.VOLUMES] == [home]
    _, findings = filesets(fleet, {}, ROLES, Wanted(configs={}), Layout())
    assert "not-placed" in [finding.code for finding in findings]


def test_parts_left_out_and_configurations_added() -> None:
    fleet = one_service(None, use())
    wanted = Wanted(configs={"b": ("/srv/fleet",)}, without=[Part.SYSTEM, Part.VOLUMES])
    made, findings = filesets(fleet, {"web": ("a",)}, ROLES, wanted, Layout())
    assert {item.name: item.files for item in made} == {
        "Configs-a": ("/etc/docker", "/etc/bacula"),
        "Configs-b": ("/etc/docker", "/etc/bacula", "/srv/fleet"),
    }
    assert "fleet-files" not in [finding.code for finding in findings]


def served(name: str, *reserved: str, disks: tuple[Disk, ...] = (), room: int = 0) -> Server:
    entries = tuple(Reserved(name=item, disk=room) for item in reserved)
    return make_server(name, reserved=entries, disks=disks)


def fleet_of(*servers: Server) -> Fleet:
    return make_fleet({"shop": {"services": {"web": {}}}}, servers=servers)


def test_roles_by_what_is_reserved() -> None:
    root, big = Disk(name="a", size=GIB), Disk(name="b", size=9 * GIB, mount="/mnt/big")
    mine = Disk(name="c", size=5 * GIB, mount="/srv/bacula")
    found, findings = roles(
        fleet_of(
            served("a", "Bacula director (bacula-dir)"),
            served("b", "bacula-storage", disks=(root, big, mine), room=4 * GIB),
        )
    )
    assert (found.director, found.storage) == ("a", "b")
    assert (found.archive, found.room) == ("/srv/bacula/volumes", 4 * GIB)
    assert (found.mount, found.disk, findings) == ("/srv/bacula", 5 * GIB, [])


@pytest.mark.parametrize(
    ("disks", "archive", "place", "share"),
    [
        ((Disk(name="a", size=100), Disk(name="b", size=50, mount="/mnt/d")), None,
         "/mnt/d/bacula/volumes", 45),
        ((Disk(name="a", size=100),), None, "/srv/bacula/volumes", 50),
        ((Disk(name="a", size=100), Disk(name="b", size=50, mount="/mnt/d")), "/v", "/v", 50),
        ((), None, "/srv/bacula/volumes", 0),
    ],
)  # fmt: skip
def test_room_where_nothing_is_reserved(
    disks: tuple[Disk, ...], archive: str | None, place: str, share: int
) -> None:
    found, findings = roles(fleet_of(served("a", "bacula-director", disks=disks)), archive=archive)
    assert (found.archive, found.room, found.storage) == (place, share, "a")
    assert [finding.code for finding in findings] == ["storage-assumed"]


def test_options_overrule_what_is_reserved() -> None:
    fleet = fleet_of(served("a", "bacula-director"), served("b", "bacula-director"), served("c"))
    found, _ = roles(fleet, director="b", storage="c")
    assert (found.director, found.storage) == ("b", "c")
    with pytest.raises(CheckError, match="several servers reserve bacula-director: a, b"):
        roles(fleet)
    with pytest.raises(CheckError, match="no server is Bacula's Director"):
        roles(fleet_of(served("a")))
    with pytest.raises(UsageError, match="no such server"):
        roles(fleet, director="d")
    with pytest.raises(UsageError, match="absolute"):
        roles(fleet, director="a", archive="volumes")
