"""Copies off-site in a lab: jobs of the swarm copy by SFTP and to S3 on the lab's outside host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from quorate import backing
from quorate.backup.jobs import running
from quorate.backup.jobs.decide import Decision
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.running import Round
from quorate.backup.jobs.watching import Silent
from quorate.backup.policy.agenda import Item
from quorate.serving.starts import start_for
from quorate.workflows import Opened
from tests.scenarios import live
from tests.scenarios.test_9_backup import backup, given_a_repository, given_data

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill
BEFORE = "  # The scenarios are about"
# Nobody has these keys, and these hosts are nowhere: the lab's outside host stands for them.
REPOSITORIES = """\
    far:
      sftp: {host: backups.example.net, user: ops, path: /backup/vault}
      offsite: true
      password: {file: repository-password.txt}
    bucket:
      s3:
        endpoint: https://s3.example.net
        bucket: vault
        access_key: {environment: NOWHERE_ACCESS_KEY}
        secret_key: {environment: NOWHERE_SECRET_KEY}
      offsite: true
      password: {file: repository-password.txt}
"""


@contextmanager
def offsite(office: Office) -> Iterator[None]:
    """The fleet has two off-site repositories, and its lab an outside host that serves them."""
    text = office.fleet.read_text()
    assert text.count(BEFORE) == 1
    office.fleet.write_text(text.replace(BEFORE, REPOSITORIES + BEFORE))
    try:
        office.quorate("lab", "up", str(office.fleet), timeout=900)
        yield
    finally:
        office.fleet.write_text(text)
        office.quorate("lab", "up", str(office.fleet), timeout=300)


def copied(office: Office, repository: str) -> Round:
    """The job the controller starts to copy from `near`, followed to its end."""
    item = Item(
        work=Work.COPY,
        run=f"copy-{repository}-{datetime.now(UTC):%H%M%S%f}",
        due=datetime.now(UTC),
        repository=repository,
        origin="near",
        servers=("three",),
        server="three",
    )
    lab = live.lab_of(office)
    opened = Opened(fleet=live.fleet_of(office), lab=lab)
    with backing.copies(opened, ["near"], Silent()) as decided:
        start = start_for(decided.ground.scene, item)
        return running.run(decided.ground, Decision(starts=(start,)))


def status(office: Office) -> Any:
    """The outside host as `quorate lab status` shows it."""
    return office.json("lab", "status", str(office.fleet))["outside"]


def test_copies_go_to_the_outside_host_and_wait_for_it(vault: Office) -> None:
    given_data(vault)
    given_a_repository(vault)
    backup(vault, "run", "cache")
    with offsite(vault):
        seen = status(vault)
        assert seen["answers"] == ["sftp", "s3"] and seen["repositories"] == ["far", "bucket"]
        for repository in ("far", "bucket"):
            (outcome,) = copied(vault, repository).outcomes
            assert outcome.error is None, outcome.error
            assert outcome.answer is not None and outcome.answer.copies, outcome
            assert all(copy.complete for copy in outcome.answer.copies)
        vault.quorate("lab", "power-off", seen["name"], str(vault.fleet))
        assert status(vault)["power"] == "off"
        (outcome,) = copied(vault, "far").outcomes
        assert outcome.error is not None and "far: it does not answer" in outcome.error.what
        vault.quorate("lab", "power-on", seen["name"], str(vault.fleet))
        for repository in ("far", "bucket"):
            (outcome,) = copied(vault, repository).outcomes
            assert outcome.error is None, outcome.error
            assert outcome.answer is not None and outcome.answer.copies == ()
        listed = backup(vault, "list")
        assert listed["unread"] == []
        places = {copy["repository"] for copy in listed["copies"] if copy["complete"]}
        assert places == {"near", "far", "bucket"}
    assert status(vault) is None


@pytest.mark.drill
def test_the_example_offices_repository_is_served_in_its_lab(office: Office) -> None:
    seen = status(office)
    assert seen["repositories"] == ["offsite"] and seen["answers"] == ["sftp"]
    fleet = live.fleet_of(office)
    assert fleet.backup.repository("offsite").address == f"keeper@{seen['address']}:/backup/office"
