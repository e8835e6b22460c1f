"""A server that stands still and goes on, and what becomes of a loss when the server is back."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.cli.output import console
from quorate.entry.cli.predict_view import render
from quorate.entry.web.predict_page import page
from quorate.errors import UsageError
from quorate.fleet.model import Fleet, Role
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from quorate.predict.model import After, Failure, Fate
from quorate.predict.predict import predict
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.predict.test_predict import OFFICE, ONCE, shop


def still(name: str, seconds: float, leader: str = "a", made: Fleet | None = None) -> Failure:
    made = made or shop()
    plan = make_plan(made)
    (found,) = predict(made, plan, frozen=[(name, seconds)], leader=leader, courses=200).failures
    return found


def fate(found: Failure, name: str) -> Fate:
    return next(each for each in found.fates if each.service == name)


def test_less_than_two_heartbeats_is_nothing() -> None:
    found = still("w", 8.0)
    assert (found.alarm, found.noticed, found.doubled, found.misled) == (0.0, None, (), {})
    db = fate(found, "db")
    assert db.answers is not None
    assert (db.answers.low, db.answers.high) == (8.0, 8.0)
    assert (db.waits, db.goes_to, db.after) == (False, {}, None)
    # What needs it waits as long.
    assert fate(found, "api").answers == db.answers


def test_longer_than_three_heartbeats_is_a_loss_that_ends() -> None:
    found = still("w", 30.0)
    lost = predict(shop(), make_plan(shop()), lost=[("w",)], leader="a", courses=200).failures[0]
    assert found.alarm == 1.0
    assert found.noticed == lost.noticed
    homes = make_plan(shop()).services["slow"].homes
    assert found.doubled == (("slow",) if homes == ("w",) else ())
    db = fate(found, "db")
    assert (db.waits, db.after) == (True, After.HOME)
    assert db.answers is not None
    # It starts again on the server that goes on: a second or so later.
    assert 30.5 < db.answers.low < db.answers.high < 34.0


def test_in_between_it_depends_on_the_beat() -> None:
    shares = [still("w", seconds).alarm or 0.0 for seconds in (9.0, 11.0, 13.0, 15.0, 17.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.1 < shares[2] < 0.9
    assert shares[4] == 1.0


def one_task(**fields: Any) -> tuple[Fleet, Plan]:
    """`x` on `w`, free to go to `v`; three managers."""
    servers = [*(server(name, role=Role.MANAGER) for name in "abc"), server("v"), server("w")]
    made = fleet(
        servers,
        [service("x", pins=("v", "w"), **fields), service("db", pins=("w",), **data("rows"))],
    )
    plan = make_plan(made)
    services = {
        name: placement.model_copy(update={"homes": ("w",), "home": "w"})
        for name, placement in plan.services.items()
    }
    return made, plan.model_copy(update={"services": services})


def test_what_was_replaced_stays_where_it_went_and_runs_twice_for_a_moment() -> None:
    made, plan = one_task()
    (found,) = predict(made, plan, frozen=[("w", 40.0)], leader="a", courses=100).failures
    x = fate(found, "x")
    assert found.doubled == ("x",)
    assert (x.after, set(x.goes_to)) == (After.AWAY, {"v"})
    assert x.answers is not None
    assert x.answers.high < 40.0


def test_what_nothing_replaces_is_ended_by_a_long_freeze_only() -> None:
    made, plan = one_task(raw=ONCE)
    short, long = predict(
        made, plan, frozen=[("w", 5.0), ("w", 40.0)], leader="a", courses=60
    ).failures
    soon = fate(short, "x").answers
    assert soon is not None
    assert (soon.low, soon.high) == (5.0, 5.0)
    ended = fate(long, "x")
    assert (ended.answers, ended.after) == (None, After.ENDED)


def test_a_leader_that_stands_still_for_short_keeps_its_lead() -> None:
    short = still("a", 5.0)
    assert short.leaderless is not None
    assert short.leaderless.high == 5.0
    assert short.alarm == 0.0
    long = still("a", 100.0)
    assert long.alarm == 1.0
    assert long.leaderless is not None
    assert long.leaderless.high < 60.0


def test_how_often_a_leader_loses_its_lead() -> None:
    assert [still("a", seconds).deposed for seconds in (5.0, 25.0)] == [0.0, 1.0]
    half = still("a", 11.0).deposed
    assert half is not None
    assert 0.3 < half < 0.7
    # Another manager's standing still costs nobody anything.
    assert still("b", 25.0).deposed is None


def test_a_leader_that_leads_on_may_take_others_for_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick = shop(heartbeat=1.0)
    asked = predict(quick, make_plan(quick), frozen=[("a", 5.0)], leader="a", courses=100)
    (found,) = asked.failures
    assert (found.alarm, found.deposed) == (0.0, 0.0)
    assert set(found.misled) == {"b", "c", "w"}
    assert all(0.2 < share < 0.8 for share in found.misled.values())
    assert still("a", 5.0).misled == {}
    render(asked, console(), in_full=True)
    told = " ".join(capsys.readouterr().out.split())
    assert "keeps its lead; never taken for lost" in told
    assert "finds its own clocks run out" in told
    assert "loses its lead in 0% of courses" in page(asked)


def test_without_a_majority_nothing_is_taken_for_lost() -> None:
    made = fleet([server("a", role=Role.MANAGER), server("w")], [service("x", pins=("a",))])
    found = still("a", 60.0, made=made)
    assert (found.alarm, found.quorum) == (0.0, False)
    answers = fate(found, "x").answers
    assert answers is not None
    assert answers.high == 60.0


def test_what_becomes_of_a_loss_when_the_server_is_back() -> None:
    made, plan = one_task()
    (found,) = predict(made, plan, lost=[("w",)], leader="a", courses=40).failures
    assert {each.service: each.after for each in found.fates} == {
        "x": After.AWAY,
        "db": After.HOME,
    }
    made, plan = one_task(raw=ONCE)
    (found,) = predict(made, plan, lost=[("w",)], leader="a", courses=40).failures
    assert fate(found, "x").after is After.ENDED
    two = predict(shop(), make_plan(shop()), lost=[("a", "b")], courses=20).failures[0]
    assert not two.quorum
    assert {each.after for each in two.fates if each.lost} <= {After.HOME}


def test_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    made, plan = one_task()
    told = predict(made, plan, frozen=[("w", 2.0), ("w", 12.5)], leader="a", courses=100)
    render(told, console(), in_full=True)
    shown = capsys.readouterr().out
    assert "w, still for 2s: never taken for lost" in shown
    assert "w, still for 12s500ms: taken for lost in " in shown
    assert "run twice for a moment after: x" in shown
    made, plan = one_task(raw=ONCE)
    render(predict(made, plan, lost=[("w",)], courses=20), console(), in_full=True)
    assert "ended, also when its server is back" in capsys.readouterr().out
    assert any("stands still" in text for text in told.assumed)
    html = page(told)
    assert "run twice for a moment after" in html
    assert "taken for lost in 0% of courses" in html
    assert "stay away when the server is back" in html


@pytest.mark.parametrize("text", ["hpr", "hpr=", "hpr=soon", "hpr=-1s", "=5s", "nobody=5s"])
def test_bad_input(text: str) -> None:
    done = CliRunner().invoke(build(), ["predict", str(OFFICE), "--freeze", text])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
