"""What runs come to."""

from __future__ import annotations

from quorate.drill.model import Phase, Probed, Resilience
from quorate.drill.summary import (
    amiss,
    disturbed,
    error_share,
    inside,
    last_running,
    late,
    phases,
    remarks,
    running,
    spread,
    spreads,
    unheld,
    verdict,
    worst,
)
from tests.unit.drill.made import ABORTED, FAILED, FINE, INVALID, REPORT


def test_a_spread_is_of_values_that_were_seen() -> None:
    found = spread([4.0, None, 1.0, 2.0, 3.0])
    assert found is not None
    assert (found.count, found.runs) == (4, 5)
    assert (found.low, found.median, found.p95, found.high) == (1.0, 2.0, 4.0, 4.0)
    assert spread([None]) is None


def test_runs_in_which_nothing_was_broken_do_not_count() -> None:
    found = spreads(REPORT)
    noticed, leader = found["noticed"], found["new leader"]
    assert noticed is not None and (noticed.count, noticed.runs) == (2, 2)
    assert leader is not None and (leader.count, leader.runs) == (1, 1)
    assert spreads(REPORT.model_copy(update={"runs": (INVALID,)})) == {}


def test_the_last_is_not_back_where_one_is_not() -> None:
    assert last_running(FAILED) == 20.5  # db waits, and does not count
    assert last_running(ABORTED) is None
    both = FAILED.services + ABORTED.services
    assert last_running(FAILED.model_copy(update={"services": both})) is None
    assert last_running(INVALID) is None
    back = spreads(REPORT)["last running again"]
    assert back is not None and (back.count, back.runs) == (1, 2)
    assert set(running(REPORT)) == {"web", FAILED.services[1].service}


def test_what_could_be_compared() -> None:
    assert inside(REPORT) == (0, 1)
    assert inside(FINE) == (1, 1)


def test_phases_are_not_told_twice() -> None:
    assert [phase.name for phase in phases(FAILED)] == ["noticed", "new leader"]
    assert phases(FAILED)[1].inside is None
    assert phases(ABORTED) == (Phase(name="noticed", measured=14.0),)
    assert phases(INVALID) == ()


def test_what_is_striking() -> None:
    web, other, db = FAILED.services
    assert late(web) and not late(other) and not late(db)
    assert amiss(web) and not amiss(other) and not amiss(db)
    assert remarks(web) == [
        "after its target",
        "outside the prediction",
        "went where it was not predicted",
    ]
    assert remarks(other) == []
    assert remarks(db) == ["waits for its server"]
    assert remarks(ABORTED.services[0]) == ["not back"]
    assert [guard.name for guard in unheld(INVALID)] == ["capacity", "backup"]


def test_the_worst_vantage_point_of_each_service() -> None:
    assert [(each.service, each.vantage) for each in worst(FAILED)] == [
        ("db", "beta"),
        ("web", "gamma"),
        ("other", "beta"),
    ]
    assert disturbed(FAILED) == ["other"]
    assert error_share(Probed(service="a", vantage="b")) == 0.0


def test_verdicts_have_words() -> None:
    assert verdict(Resilience.ABORTED) == "aborted: undone early"
