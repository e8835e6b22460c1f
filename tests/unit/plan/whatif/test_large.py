"""A what-if on arrays says what the one pair by pair says, where nothing else has to move."""

from __future__ import annotations

import pytest

from quorate.errors import UsageError
from quorate.fleet.model import Fleet
from quorate.plan import problem
from quorate.plan.account import account
from quorate.plan.solve import make_plan
from quorate.plan.whatif.answer import what_if
from quorate.plan.whatif.changes import Asked
from tests.unit.plan.builders import data, fleet, server, service


def small() -> Fleet:
    return fleet(
        [server("a", memory=8), server("b", memory=8), server("c", memory=6, uptime_days=3)],
        [
            service("db", memory=2, workload_class="data", **data()),
            service("web", replicas=2, needs=("db",)),
            service("worker", memory=3, stack="jobs", needs=("db",)),
            service("side", memory=0.5, stack="jobs", near=("worker",)),
        ],
    )


@pytest.mark.parametrize(
    "asked",
    [
        Asked(move=("db=c",)),
        Asked(move=("worker=c",)),
        Asked(lose=("a",)),
        Asked(scale=("web=3",)),
        Asked(without=("worker",)),
    ],
)
def test_the_same_answer(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_plan(small())
    homes = {name: placement.homes for name, placement in made.services.items()}
    plain = what_if(small(), asked, homes)
    monkeypatch.setattr(problem, "LARGE", 0)
    found = what_if(small(), asked, homes)
    assert found.price == plain.price
    assert found.broken == plain.broken
    assert found.services == plain.services
    assert found.recommendation == plain.recommendation


def test_the_same_account(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_plan(small())
    plain = account(small(), made, "worker")
    monkeypatch.setattr(problem, "LARGE", 0)
    found = account(small(), made, "worker")
    assert found.margins == plain.margins
    assert all(margin.verified for margin in found.margins)
    assert [one.words for one in found.elsewhere] == [one.words for one in plain.elsewhere]


def test_a_large_fleet_is_not_planned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_plan(small())
    homes = {name: placement.homes for name, placement in made.services.items()}
    monkeypatch.setattr(problem, "LARGE", 0)
    with pytest.raises(UsageError, match="not for a fleet of this size"):
        what_if(small(), Asked(move=("db=c",)), homes, replan=True)
