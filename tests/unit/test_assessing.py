"""`backup status` of a live fleet, with a fake of its engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate import assessing
from quorate.backup.jobs.model import Trouble, Work
from quorate.backup.jobs.watching import Silent
from quorate.backup.policy.strays import Stored
from quorate.backup.runner.answers import copied
from tests.unit.backup.policy.made import NOW, copy
from tests.unit.live_fleet import GIB, Live, answered, live


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    return live(tmp_path, monkeypatch)


def test_copies_and_room_come_from_jobs_in_the_swarm(fleet: Live) -> None:
    mine = copied(replace(copy(NOW), source="db", repository="second", server="one"))
    fleet.engines.answers["catalogue", "second"] = answered(Work.CATALOGUE, copies=(mine,))
    made = assessing.asked_of_the_swarm(fleet.opened, Silent())
    assert made.unread == () and made.unasked == () and made.unprotected == ()
    assert {one.name: one.copies for one in made.repositories} == {"first": 0, "second": 1}
    assert {one.free for one in made.repositories} == {80 * GIB}
    assert made.totals.stored == 2 * GIB
    (db,) = (one for one in made.sources if one.id == "db")
    assert db.servers == ("one",) and db.copies[0].copies == 1
    assert fleet.engines.services_there == {}, "nothing is left"


def test_a_repository_that_cannot_be_read_says_why(fleet: Live) -> None:
    trouble = Trouble(what="first is not there", todo="mount its disk", code=6)
    fleet.engines.answers["catalogue", "first"] = answered(Work.CATALOGUE, trouble=trouble)
    made = assessing.asked_of_the_swarm(fleet.opened, Silent())
    (one,) = made.unread
    assert one.name == "first" and "mount its disk" in one.why and not made.good
    assert [place.read for place in made.repositories] == [False, True]


def test_without_its_password_one_repository_is_not_read(
    fleet: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("P")
    made = assessing.asked_of_the_swarm(fleet.opened, Silent())
    assert {one.name for one in made.unread} == {"first", "second"}
    assert all("P is not set" in one.why for one in made.unread)
    assert fleet.engines.created == []


def test_volumes_on_every_server_count(fleet: Live) -> None:
    fleet.stored["two"] = Stored(named=frozenset({"app_m", "old"}))
    fleet.unasked["three"] = "it does not answer"
    made = assessing.asked_of_the_swarm(fleet.opened, Silent())
    assert [one.what for one in made.unprotected] == ["old on two"]
    assert [one.name for one in made.unasked] == ["three"] and not made.good


def test_an_estimate_goes_by_the_room_that_was_measured(fleet: Live) -> None:
    made = assessing.estimated(fleet.opened, Silent())
    assert {one.name: one.room for one in made.repositories} == {
        "first": 81 * GIB,
        "second": 81 * GIB,
    }
