"""What is predicted of losses: of services, of the whole, in words and in exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quorate.entry.cli.main import build
from quorate.entry.cli.output import console
from quorate.entry.cli.predict_view import render
from quorate.errors import StalePlanError, UsageError
from quorate.fleet.model import Fleet, Role, SwarmSettings
from quorate.plan.scene import scene
from quorate.plan.solve import make_plan
from quorate.plan.survive import replay
from quorate.predict.behaviours import behaviours
from quorate.predict.model import Fate, Prediction
from quorate.predict.predict import predict
from quorate.predict.verdict import broken, limit_of, words
from quorate.swarm.outcomes import Certainty
from tests.unit.plan.builders import GIB, data, fleet, server, service

OFFICE = Path(__file__).parents[3] / "examples" / "office" / "fleet.yaml"
ONCE = {"deploy": {"restart_policy": {"condition": "none"}}}
CHECKED = {"healthcheck": {"test": ["CMD", "true"], "interval": "10s", "start_period": "20s"}}


def shop(heartbeat: float = 5.0) -> Fleet:
    """Three managers, a worker that holds a database, and what needs it."""
    servers = [server(name, role=Role.MANAGER) for name in "abc"] + [server("w")]
    made = fleet(
        servers,
        [
            service("db", pins=("w",), **data("rows")),
            service("api", pins=("a", "b"), needs=("db",)),
            service("web", replicas=2, max_replicas_per_node=1, needs=("api",), pins=("a", "b")),
            service("once", pins=("w", "c"), raw=ONCE),
            service("slow", pins=("w", "c"), raw=CHECKED, has_healthcheck=True),
            service("alone", pins=("w",)),
        ],
    )
    return made.model_copy(update={"swarm": SwarmSettings(heartbeat=heartbeat)})


@pytest.fixture(scope="module")
def found() -> Prediction:
    return predict(shop(), make_plan(shop()), lost=[("w",)], courses=60)


def fate(found: Prediction, name: str) -> Fate:
    (one,) = [fate for fate in found.failures[0].fates if fate.service == name]
    return one


def test_what_is_noticed(found: Prediction) -> None:
    (failure,) = found.failures
    assert failure.noticed is not None
    assert 9.0 <= failure.noticed.low < failure.noticed.mean < failure.noticed.high <= 16.5
    assert failure.leaderless is None
    assert failure.quorum


def test_a_pinned_service_waits_and_those_that_need_it_cannot_answer(found: Prediction) -> None:
    db = fate(found, "db")
    assert (db.lost, db.stops, db.waits, db.answers) == (1, True, True, None)
    assert db.empty == ()
    api = fate(found, "api")
    assert (api.lost, api.stops, api.through, api.answers) == (0, False, ("db",), None)
    # Through another one.
    assert fate(found, "web").through == ("db",)
    assert fate(found, "alone").waits


def test_what_is_never_restarted_stays_down(found: Prediction) -> None:
    plan = make_plan(shop())
    homes = plan.services["once"].homes
    there = predict(shop(), plan, lost=[homes], courses=20)
    once = fate(there, "once")
    assert (once.stops, once.answers) == (True, None)


def test_a_health_check_comes_on_top(found: Prediction) -> None:
    plan = make_plan(shop())
    there = predict(shop(), plan, lost=[plan.services["slow"].homes], courses=60)
    slow = fate(there, "slow")
    assert slow.starts is not None
    assert slow.answers is not None
    assert slow.answers.low > slow.starts.low + 4
    # The engine of this fleet knows no start_interval: probes come every 10 s.
    assert slow.answers.high <= slow.starts.high + 30
    assert slow.goes_to == {({"w", "c"} - set(plan.services["slow"].homes)).pop(): Certainty.ALWAYS}


def test_a_server_that_is_late_with_a_new_leader_takes_nothing() -> None:
    """Drills have seen that: the emptiest server is not back when lost tasks are placed."""
    servers = [server(name, role=Role.MANAGER) for name in "abc"] + [server("w")]
    loads = [service(f"load-{name}", pins=(name,)) for name in "bc"]
    made = fleet(servers, [service("x", pins=("a", "b", "c", "w")), *loads])
    made = made.model_copy(update={"swarm": SwarmSettings(heartbeat=1.0)})
    plan = make_plan(made)
    at_a = plan.services["x"].model_copy(update={"homes": ("a",), "home": "a"})
    plan = plan.model_copy(update={"services": {**plan.services, "x": at_a}})
    found = predict(made, plan, lost=[("a",)], leader="a", courses=100)
    assert replay(scene(made, plan), ["a"]).moved == {"x": ("w",)}
    assert fate(found, "x").goes_to == dict.fromkeys("bcw", Certainty.SOMETIMES)


def test_replicas_elsewhere_go_on() -> None:
    plan = make_plan(shop())
    lost = plan.services["web"].homes[0]
    web = fate(predict(shop(), plan, lost=[(lost,)], leader="c", courses=20), "web")
    assert (web.lost, web.tasks, web.stops) == (1, 2, False)
    # One per server, on two servers only: the lost one has nowhere else to go.
    assert web.waits


def test_each_server_and_each_pair_with_and_without_the_leader() -> None:
    prediction = predict(shop(), make_plan(shop()), courses=20)
    asked = [(failure.servers, failure.leader) for failure in prediction.failures]
    assert asked[:4] == [(("a",), "b"), (("a",), "a"), (("b",), "a"), (("b",), "b")]
    # Two managers lost: no quorum, whoever led.
    assert sum(set(servers) == {"a", "b"} for servers, _ in asked) == 1
    without = [failure for failure in prediction.failures if not failure.quorum]
    assert {failure.servers for failure in without} == {("a", "b"), ("a", "c"), ("b", "c")}
    for failure in without:
        assert failure.noticed is None
        assert "on again" in failure.remedy
        assert all(fate.answers is None for fate in failure.fates if fate.stops)


def test_a_worker_may_be_taken_for_lost_with_a_manager(capsys: pytest.CaptureFixture[str]) -> None:
    made = shop(heartbeat=2.0)
    asked = predict(made, make_plan(made), lost=[("b",), ("w",)], leader="a", courses=200)
    manager, worker = asked.failures
    assert set(manager.misled) == {"w"}
    # One of three managers is the one it talks through.
    assert manager.misled["w"] == pytest.approx(1 / 3, abs=0.1)
    assert worker.misled == {}
    render(asked, console(), in_full=False)
    assert f"b: there and taken for lost too: w ({manager.misled['w'] * 100:.0f} %)" in (
        capsys.readouterr().out
    )


def test_losing_the_leader_takes_longer() -> None:
    plan = make_plan(shop())
    lost = plan.services["slow"].homes
    other = "c" if lost == ("w",) else "w"
    assert other in "wc"
    follower, leads = predict(shop(), plan, lost=[("a",)], courses=60).failures
    assert leads.leader == "a"
    assert leads.noticed is not None
    assert follower.noticed is not None
    assert leads.leaderless is not None
    assert leads.noticed.low > follower.noticed.high


def test_a_shorter_heartbeat_notices_sooner() -> None:
    quick = predict(shop(1.0), make_plan(shop(1.0)), lost=[("w",)], courses=60).failures[0]
    assert quick.noticed is not None
    assert quick.noticed.high < 4.6


def test_the_same_seed_gives_the_same_whatever_else_is_asked() -> None:
    plan = make_plan(shop())
    both = predict(shop(), plan, lost=[("a",), ("w",)], leader="b", courses=20)
    one = predict(shop(), plan, lost=[("w",)], leader="b", courses=20)
    assert both.failures[1] == one.failures[0]
    other = predict(shop(), plan, lost=[("w",)], leader="b", courses=20, seed=1)
    assert other.failures[0] != one.failures[0]


def test_local_data_of_a_service_that_moves_starts_empty() -> None:
    cache = data("warm") | {"state": "cache"}
    small = fleet([server(n, role=Role.MANAGER) for n in "abc"], [service("cache", **cache)])
    plan = make_plan(small)
    found = predict(small, plan, lost=[plan.services["cache"].homes], courses=20)
    assert fate(found, "cache").empty == ("warm",)


def test_unknown_servers_and_leaders() -> None:
    plan = make_plan(shop())
    with pytest.raises(UsageError, match="no server `x`"):
        predict(shop(), plan, lost=[("x",)])
    with pytest.raises(UsageError, match="a loss of no server"):
        predict(shop(), plan, lost=[()])
    with pytest.raises(UsageError, match="w cannot lead"):
        predict(shop(), plan, lost=[("a",)], leader="w")


def test_the_verdict(found: Prediction) -> None:
    policy = shop().policy
    said = broken(found, policy, 60.0)
    assert any(text.startswith("api, with the loss of w: until somebody helps") for text in said)
    assert not any(text.startswith(("db", "alone")) for text in said)
    assert words(said, 60.0).startswith(f"{len(said)} predicted outages")
    assert "is longer than 60 s" in words([], 60.0)
    with pytest.raises(UsageError):
        limit_of("soon")


def test_restart_policies_and_health_checks_are_read() -> None:
    raw = {
        "deploy": {"restart_policy": {"delay": "12s"}},
        "healthcheck": {"test": "true", "interval": "20s", "start_interval": "3s"},
    }
    one = fleet([server("a")], [service("x", raw=raw, has_healthcheck=True), service("y")])
    old = behaviours(one)
    assert old["x"].delay == 12.0
    assert old["x"].health is not None
    assert old["x"].health.start_interval == 20.0
    # As `quorate render` writes it where the compose file names none.
    assert (old["y"].delay, old["y"].health) == (2.0, None)
    slow = one.model_copy(update={"swarm": SwarmSettings(restart_delay=7.0)})
    assert [behaviours(slow)[name].delay for name in "xy"] == [12.0, 7.0]
    new = one.model_copy(update={"swarm": SwarmSettings(minimum_engine="25.0")})
    health = behaviours(new)["x"].health
    assert health is not None
    assert health.start_interval == 3.0


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    arguments = ["predict", str(OFFICE), "--fail", "hpr", "--courses", "20"]
    done = runner.invoke(build(), [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["failures"][0]["servers"] == ["hpr"]
    plain = runner.invoke(build(), arguments)
    assert "dev-postgres" in plain.stdout
    assert "waits for its server" in plain.stdout
    # Only staging is on hpr; gmktec has production.
    kept = runner.invoke(build(), [*arguments, "--fail-on", "1s"])
    assert kept.exit_code == 0, kept.output
    arguments[3] = "gmktec"
    failed = runner.invoke(build(), [*arguments, "--fail-on", "1s", "--json"])
    assert failed.exit_code == 4, failed.output
    assert json.loads(failed.stdout)["broken"]
    assert "longer than 1 s" in failed.stderr


def test_the_view_survives_everything() -> None:
    render(predict(shop(), make_plan(shop()), courses=20), console(), in_full=True)


def test_memory_is_not_the_models_business_but_is_said() -> None:
    heavy = {"memory": 7 * GIB}
    servers = [server(n, role=Role.MANAGER, memory=8) for n in "abc"]
    big = fleet(servers, [service(name, memory=1, load=heavy) for name in "xyz"])
    plan = make_plan(big)
    failure = predict(big, plan, lost=[("a",)], leader="b", courses=20).failures[0]
    assert failure.overfull


def test_a_plan_of_other_files_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(make_plan(shop()).model_dump_json())
    done = CliRunner().invoke(build(), ["predict", str(OFFICE), "--plan", str(other)])
    assert isinstance(done.exception, StalePlanError)
