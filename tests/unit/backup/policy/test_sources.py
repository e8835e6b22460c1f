"""Where each source goes, what nobody backs up, and 3-2-1."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import find_sources, planned, unprotected
from quorate.backup.policy.three import missing
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from tests.unit.fleet.helpers import FLEET, fleet_of

OFFICE = Path(__file__).parents[4] / "examples" / "office" / "fleet.yaml"
COMPOSE = """\
services:
  files: {image: x, volumes: ["v:/v"], x-quorate: {state: volume, pin: one, group: g}}
  roams: {image: x, volumes: ["r:/v"], x-quorate: {state: volume}}
  nameless: {image: x, volumes: ["/data"], x-quorate: {state: volume, pin: one}}
  empty: {image: x, x-quorate: {state: volume}}
  quick: {image: x, volumes: ["q:/q"], x-quorate: {state: cache, group: g}}
volumes: {v: , r: , q: }
"""
TWO = """\
backup:
  repositories:
    first: {local: {server: one, path: /b}, password: {environment: P}}
    second: {local: {server: two, path: /b}, password: {environment: P}}
    away: {sftp: {host: box.example.org, path: /b}, password: {environment: P}, offsite: true}
"""


def fleet(directory: Path, section: str = TWO) -> Fleet:
    return fleet_of(directory, {"fleet.yaml": FLEET + section, "compose.yaml": COMPOSE})


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE, environment={})


def test_sources_are_the_data_of_the_fleet(tmp_path: Path) -> None:
    found = {one.id: one for one in find_sources(fleet(tmp_path))}
    assert found["volume/app_v"] == Source(
        id="volume/app_v",
        kind=Kind.VOLUME,
        service="files",
        servers=("one",),
        volumes=("app_v",),
        group="g",
    )
    assert found["system/two"].kind is Kind.SYSTEM
    assert found["configs"].servers == ()


def test_a_source_goes_to_the_first_repository_on_another_server(tmp_path: Path) -> None:
    one = fleet(tmp_path)
    goes = {p.source.id: p.repository.name for p in planned(one) if p.repository}
    assert goes["volume/app_v"] == "second"
    assert goes["system/one"] == "second"
    assert goes["system/two"] == "first"
    assert goes["system/three"] == goes["configs"] == goes["swarm"] == "first"
    for home, repository in (("one", "second"), ("two", "first"), ("three", "first")):
        found = {p.source.id: p.repository for p in planned(one, {"roams": (home,)})}
        roams = found["volume/app_r"]
        assert roams is not None and roams.name == repository
    assert all([c.name for c in p.copies] == ["away"] for p in planned(one))


def test_with_one_repository_what_is_beside_it_goes_off_site_at_once(tmp_path: Path) -> None:
    one = fleet(tmp_path, TWO.replace("    second:", "    # second:"))
    found = {p.source.id: p for p in planned(one)}
    files = found["volume/app_v"]
    assert files.repository is not None
    assert (files.repository.name, files.copies) == ("away", ())
    assert missing(one, files.source, files.repositories) == (
        "2 copies with the data itself, not 3",
    )


def test_the_office_goes_where_the_document_says(office: Fleet) -> None:
    """Local copies on server 80, configs and full systems on 81, nothing beside its source."""
    found = planned(office)
    for one in found:
        assert one.repository is not None
        assert one.repository.server not in one.source.servers
        assert [copy.name for copy in one.copies] == ["offsite"]
    goes = {one.source.id: one.repository.name for one in found if one.repository}
    assert goes["appwrite-mariadb"] == goes["volume/appwrite_uploads"] == "hppavilion"
    assert goes["gitlab"] == goes["gibd-postgres"] == "wsasus"
    assert goes["configs"] == goes["system/gmktec"] == "wsasus"
    assert goes["system/wsasus"] == "hppavilion"


def test_the_office_keeps_three_two_one(office: Fleet) -> None:
    lacks = {one.source.id: missing(office, one.source, one.repositories)
             for one in planned(office)}  # fmt: skip
    assert set(lacks.values()) == {()}
    assert unprotected(office) == ()


def test_what_lacks_of_three_two_one(office: Fleet) -> None:
    (source,) = (one for one in find_sources(office) if one.id == "gibd-postgres")
    beside, other, away = (
        office.backup.repository(name) for name in ("hppavilion", "wsasus", "offsite")
    )
    assert missing(office, source, [beside]) == (
        "2 copies with the data itself, not 3",
        "none off-site",
        "hppavilion: on the server of the data itself",
        "every copy is in the zone of the data itself: rack-right",
    )
    assert missing(office, source, [other]) == (
        "2 copies with the data itself, not 3",
        "none off-site",
    )
    assert missing(office, source, [other, other, away]) == ()
    same = [one.model_copy(update={"medium": "nvme"}) for one in (other, away)]
    assert missing(office, source, same) == ("all on one medium: nvme",)
    unknown = [same[0], away.model_copy(update={"medium": None})]
    assert missing(office, source, unknown) == ()


def test_what_has_no_source(tmp_path: Path) -> None:
    found = {(one.what, one.why.split(",")[0]) for one in unprotected(fleet(tmp_path))}
    assert found == {
        ("nameless: /data", "a volume without a name is another one for each new container"),
        ("empty", "it keeps data (`state: volume`)"),
    }


def test_what_is_seen_and_has_no_source(tmp_path: Path) -> None:
    seen = {"one": ["app_v", "app_q", "stray"], "two": ["app_v", "app_r"]}
    found = {
        (one.server, one.what): one.why for one in unprotected(fleet(tmp_path), seen) if one.server
    }
    assert set(found) == {("one", "stray"), ("two", "app_v")}
    assert "no service of the fleet" in found["one", "stray"]
    assert "backed up from one" in found["two", "app_v"]


def test_without_a_repository_nothing_is_protected(tmp_path: Path) -> None:
    found = unprotected(fleet(tmp_path, ""))
    assert {"volume/app_v", "configs", "system/one"} <= {one.what for one in found}
    assert any(one.why == "the fleet file names no repository" for one in found)


def test_one_repository_on_the_source_s_own_server(tmp_path: Path) -> None:
    section = "backup:\n  repositories:\n" + "\n".join(TWO.splitlines()[3:4]) + "\n"
    one = fleet_of(
        tmp_path,
        {"fleet.yaml": FLEET.replace("  three:", "  # three:") + section
         + "  exclude: [system/two]\n", "compose.yaml": COMPOSE},
    )  # fmt: skip
    (roams,) = (p for p in planned(one) if p.source.id == "volume/app_r")
    assert roams.repository is not None and roams.repository.name == "second"
    (excluded,) = (p for p in planned(one) if p.source.id == "system/two")
    assert (excluded.policy, excluded.repository, excluded.repositories) == (None, None, ())
