"""Where each source goes, what nobody backs up, and 3-2-1."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from quorate.backup.model import Kind, Source
from quorate.backup.policy.coverage import State, coverage
from quorate.backup.policy.estimate import estimate
from quorate.backup.policy.rehearsals import rehearsed_sources
from quorate.backup.policy.report import backup_plan
from quorate.backup.policy.sources import find_sources, planned, unprotected
from quorate.backup.policy.three import missing
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from tests.unit.backup.policy.made import NOW
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
UNREACHED = {"mysql-mailcow", "redis-mailcow"}
"""Databases of the office that run by compose, where no job can come."""
MAIL = """\
services:
  sql: {image: mariadb, volumes: ["s:/var/lib/mysql"], x-quorate: {state: mariadb, data_size: 9G}}
  lab: {image: gitlab, volumes: ["l:/etc/gitlab"], x-quorate: {state: gitlab}}
  box: {image: x, volumes: ["b:/b"], x-quorate: {state: volume}}
volumes: {s: , l: , b: }
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
        if one.source.id in UNREACHED:
            assert (one.repository, one.repositories) == (None, ())
            continue
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
             for one in planned(office) if one.source.id not in UNREACHED}  # fmt: skip
    assert set(lacks.values()) == {()}
    assert {one.what for one in unprotected(office)} == UNREACHED


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


def mail(directory: Path, more: str = "") -> Fleet:
    """With a stack that runs by compose."""
    by_compose = FLEET + "  mail: {files: [mail.yaml], engine: compose, server: one}\n"
    files = {"fleet.yaml": by_compose + TWO + more, "compose.yaml": COMPOSE, "mail.yaml": MAIL}
    return fleet_of(directory, files)


def test_a_database_that_runs_by_compose_goes_nowhere(tmp_path: Path) -> None:
    """Neither its stack's volumes nor its GitLab: those are mounted, or reached by the engine."""
    one = mail(tmp_path)
    goes = {p.source.id: p.repository for p in planned(one)}
    assert goes["sql"] is None
    assert goes["lab"] is not None and goes["volume/mail_b"] is not None
    (found,) = (each for each in unprotected(one) if each.what == "sql")
    assert "its stack mail runs by compose" in found.why
    assert "`state: volume` with a hook" in found.why


def test_a_database_that_no_job_reaches_is_never_said_to_be_backed_up(tmp_path: Path) -> None:
    one = mail(tmp_path, "  rehearse: true\n")
    made = backup_plan(one, homes=None, zone=UTC, now=NOW)
    (source,) = (each for each in made.sources if each.id == "sql")
    assert (source.repository, source.copies, source.next) == (None, (), None)
    (row,) = (
        each
        for each in coverage(one, planned(one), [], zone=UTC, now=NOW)
        if each.planned.source.id == "sql"
    )
    assert (row.good, row.backed_up, row.next) == (False, State.NOWHERE, None)
    rehearsed = {each.source.id for each in rehearsed_sources(one, planned(one))}
    assert "lab" in rehearsed and "sql" not in rehearsed
    needed = estimate(one, planned(one), zone=UTC)
    assert "sql" not in {need.source for need in needed.needs}
    assert [room.needed for room in needed.spools if room.name == "one"] == [0]  # the GitLab's
    assert any(text.endswith("no copy to count: sql") for text in needed.assumptions)


def test_who_leaves_such_a_database_out_has_been_told(tmp_path: Path) -> None:
    one = mail(tmp_path, "  exclude: [sql]\n")
    assert "sql" not in {each.what for each in unprotected(one)}
