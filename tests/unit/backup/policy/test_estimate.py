"""Storage: what stays is what retention keeps, and what it needs follows the sizes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from quorate.backup.policy.estimate import Need, estimate, kept_after, room_of
from quorate.backup.policy.sources import planned
from quorate.fleet.backup import DEFAULTS, Keep
from quorate.fleet.model import Fleet
from quorate.fleet.read import read_fleet
from quorate.fleet.schedules import Schedule
from tests.unit.backup.policy.made import DAY, NOW, copy

OFFICE = Path(__file__).parents[4] / "examples" / "office" / "fleet.yaml"
GIB = 2**30


@pytest.fixture(scope="module")
def office() -> Fleet:
    return read_fleet(OFFICE, environment={})


def needs(fleet: Fleet, **more: Any) -> dict[tuple[str, str], Need]:
    found = estimate(fleet, planned(fleet), zone=UTC, **more)
    return {(one.source, one.repository): one for one in found.needs}


@pytest.mark.parametrize(
    ("kind", "copies", "oldest"),
    [("postgres", 13, 150), ("redis", 24, 1), ("gitlab", 9, 25), ("volume", 4, 28),
     ("configs", 30, 30), ("system", 12, 365)],
)  # fmt: skip
def test_what_stays_of_the_documents_table(kind: str, copies: int, oldest: float) -> None:
    policy = DEFAULTS[kind]
    ages = kept_after(policy.schedule, policy.keep, UTC)
    assert len(ages) == copies
    assert ages == tuple(sorted(ages))
    assert 0.7 * oldest <= ages[-1] <= oldest + 1


def test_spans_shorter_than_the_schedule_count_its_runs() -> None:
    ages = kept_after(Schedule(every="weekly"), Keep(daily=7), UTC)
    assert len(ages) == 7
    assert ages[-1] - ages[0] == 6 * 7


def test_the_office(office: Fleet) -> None:
    found = estimate(office, planned(office), zone=UTC)
    rooms = {one.name: one for one in found.repositories}
    assert set(rooms) == {"hppavilion", "wsasus", "offsite"}
    near = rooms["hppavilion"].needed + rooms["wsasus"].needed
    assert near == rooms["offsite"].needed  # everything is copied there
    assert all(one.fits for one in (*found.repositories, *found.spools))
    assert {one.name: one.needed // GIB for one in found.spools} == {
        "gmktec": 9, "hppavilion": 80, "hpr": 6,
    }  # fmt: skip
    assert any(text.startswith("postgres: 24% of the data") for text in found.assumptions)


def test_twice_the_data_needs_twice_the_room(office: Fleet) -> None:
    one = needs(office, sizes={"gibd-postgres": 40 * GIB})["gibd-postgres", "wsasus"]
    two = needs(office, sizes={"gibd-postgres": 80 * GIB})["gibd-postgres", "wsasus"]
    assert two.stored == pytest.approx(2 * one.stored, rel=1e-6)
    assert one.first < one.stored < one.kept * one.first


def test_what_is_new_as_a_whole_is_stored_as_a_whole(office: Fleet) -> None:
    redis = needs(office)["redis", "wsasus"]
    assert redis.stored == pytest.approx(redis.kept * redis.first, rel=1e-6)


def test_copies_that_are_there_replace_what_is_assumed(office: Fleet) -> None:
    made = [
        copy(NOW - back * DAY, source="postgres", size=10 * GIB, added=GIB // 10)
        for back in range(4)
    ]
    made.append(copy(NOW - 4 * DAY, source="postgres", size=10 * GIB, added=5 * GIB))
    found = needs(office, snapshots=made)["postgres", "wsasus"]
    assert found.measured
    assert found.first == 5 * GIB
    # 2 % a day: the newest week adds six times that, the weeks and months before a little more.
    assert found.stored == pytest.approx(14.9 * GIB, rel=0.05)
    assert not needs(office, snapshots=made[:2])["postgres", "wsasus"].measured
    copies = [replace(one, original="x") for one in made]
    assert not needs(office, snapshots=copies)["postgres", "wsasus"].measured


def test_room(office: Fleet) -> None:
    near, other, away = office.backup.repositories
    assert room_of(office, near) == (960 - 100) * GIB  # less what is reserved there
    assert room_of(office, other) == (960 - 200) * GIB
    assert room_of(office, away) == 1024 * GIB
    assert room_of(office, away.model_copy(update={"room": None})) is None
    on_system = near.model_copy(update={"path": "/backups"})
    data = sum(s.data_size for s in office.services if "hppavilion" in s.pins)
    assert data > 100 * GIB
    assert room_of(office, on_system) == max(0, 480 * GIB - 100 * GIB - data)


def test_what_does_not_fit_is_said(office: Fleet) -> None:
    found = estimate(office, planned(office), zone=UTC, free={"wsasus": 50 * GIB})
    fits = {one.name: one.fits for one in found.repositories}
    assert fits == {"hppavilion": True, "wsasus": False, "offsite": True}
    bare = office.model_copy(update={"services": tuple(
        s.model_copy(update={"data_size": 0}) for s in office.services)})  # fmt: skip
    said = estimate(bare, planned(bare), zone=UTC).assumptions
    assert any(text.startswith("of unknown size, and counted as nothing: app") for text in said)
