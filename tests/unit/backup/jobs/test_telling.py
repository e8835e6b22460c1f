"""Which jobs tell a Pushgateway, and where they find it."""

from __future__ import annotations

from pathlib import Path

from quorate.backup.jobs.model import Work
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.telling import with_push
from tests.unit.backup.jobs import made

URL = "  pushgateway: http://{}:9091\n"


def told(tmp_path: Path, host: str = "", work: Work = Work.BACKUP) -> Start:
    section = made.SECTION + (URL.format(host) if host else "")
    scene = made.scene(made.fleet(tmp_path, section))
    start = Start(job=made.job(work=work), node="id-one", networks=("quorate-backup",))
    return with_push(scene, start)


def test_without_a_gateway_nothing_is_told(tmp_path: Path) -> None:
    assert told(tmp_path).job.push == ""


def test_one_elsewhere_is_reached_as_it_is(tmp_path: Path) -> None:
    start = told(tmp_path, "push.example.org")
    assert start.job.push == "http://push.example.org:9091"
    assert start.networks == ("quorate-backup",)


def test_a_service_of_the_swarm_is_found_in_its_network(tmp_path: Path) -> None:
    for host in ("app_files", "tasks.app_files"):
        assert told(tmp_path, host).networks == ("quorate-backup", "app_back")


def test_work_that_makes_no_copies_has_nothing_to_tell(tmp_path: Path) -> None:
    for work in set(Work) - {Work.BACKUP, Work.COPY}:
        assert told(tmp_path, "app_files", work).job.push == ""
    assert told(tmp_path, "app_files", Work.COPY).job.push
