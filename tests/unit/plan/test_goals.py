"""Each soft goal decides where nothing else does, and is told as the reason."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.fleet.model import Engine, Isolation, Mode, Stack
from quorate.plan import solve as solving
from quorate.plan.cost import costs, evaluate, risk
from quorate.plan.model import Plan
from quorate.plan.problem import build
from quorate.plan.solve import make_plan, solve
from tests.unit.plan.builders import GIB, data, fleet, server, service

ISOLATION = (Isolation(spiky="ci", away_from="production"),)


def plan_of(servers: list[Any], services: list[Any], **fields: Any) -> Plan:
    return make_plan(fleet(servers, services, **fields))


def test_builds_go_away_from_production() -> None:
    busy = {"cpu_peak": 4.0, "spiky": True}
    ci = service("ci", workload_class="ci", stack="ci", load=busy)
    web = service("web", cpu=1, pins=("a",))
    plan = plan_of([server("a", memory=32), server("b")], [ci, web], isolation=ISOLATION)
    assert plan.services["ci"].home == "b"
    assert plan.services["ci"].reasons[0].startswith("away from 1 production service")
    assert "bursts beside production services" in plan.services["ci"].rejected["a"]


def test_production_goes_away_from_builds_that_are_everywhere() -> None:
    # The same burst is a smaller share of the larger server.
    runner = service(
        "runner", workload_class="ci", mode=Mode.GLOBAL, load={"cpu_peak": 4.0, "spiky": True}
    )
    web = service("web", cpu=1)
    servers = [server("a", cpus=4), server("b", cpus=16)]
    assert plan_of(servers, [runner, web], isolation=ISOLATION).services["web"].home == "b"


def test_data_goes_to_the_stable_server() -> None:
    servers = [server("a", uptime_days=8), server("b", uptime_days=61)]
    plan = plan_of(servers, [service("db", workload_class="data", **data())])
    assert plan.services["db"].home == "b"
    assert plan.services["db"].reasons[0] == "61 days of uptime for its data"


def test_data_goes_where_memory_is_to_spare() -> None:
    servers = [server("a", memory=16), server("b", memory=64)]
    plan = plan_of(servers, [service("db", load={"memory_peak": 4 * GIB}, **data())])
    assert plan.services["db"].home == "b"


def test_reliability_counts_beside_uptime() -> None:
    assert risk(server("x")) == 0.5
    assert risk(server("x", uptime_days=0)) == 1.0
    assert risk(server("x", reliability=1.0)) == 0.0
    assert risk(server("x", reliability=0.9)) == 1.0
    assert risk(server("x", uptime_days=30, reliability=1.0)) == 0.25


def test_a_service_goes_to_what_it_needs() -> None:
    servers = [server("a"), server("b")]
    services = [
        service("db", stack="data", workload_class="data", pins=("b",), **data()),
        service("app", needs=("db",)),
    ]
    plan = plan_of(servers, services)
    assert plan.services["app"].home == "b"
    assert plan.services["app"].reasons[0] == "with db that it needs"


def test_what_a_compose_stack_needs_comes_to_it() -> None:
    mail = service("mail", stack="mail", engine=Engine.COMPOSE, needs=("cache",))
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server="b")]
    cache = service("cache", workload_class="data")
    plan = plan_of([server("a"), server("b")], [mail, cache], stacks=stacks)
    assert plan.services["cache"].home == "b"


def test_a_class_stays_together_until_it_is_crowded() -> None:
    servers = [server("a", memory=16), server("b", memory=16)]
    few = [service(f"s{i}", memory=1) for i in range(4)]
    plan = plan_of(servers, few)
    assert len({placement.home for placement in plan.services.values()}) == 1
    many = [service(f"s{i}", memory=1) for i in range(15)]
    plan = plan_of(servers, many)
    assert len({placement.home for placement in plan.services.values()}) == 2


def test_different_classes_are_balanced() -> None:
    servers = [server("a"), server("b")]
    services = [service(name, memory=6, stack=name, workload_class=name) for name in ("one", "two")]
    plan = plan_of(servers, services)
    assert plan.services["one"].home != plan.services["two"].home


def test_nothing_moves_without_a_gain() -> None:
    servers = [server("a"), server("b")]
    made = fleet(servers, [service("web")])
    for where in ("a", "b"):
        plan = make_plan(made, current={"web": (where,)})
        assert plan.services["web"].home == where
        assert plan.services["web"].reasons[0] == "stays where it runs now"
        assert plan.snapshot == {"web": where}


def test_data_moves_only_for_much() -> None:
    servers = [server("a", uptime_days=8), server("b", uptime_days=61)]
    made = fleet(servers, [service("db", **data())])
    assert make_plan(made).services["db"].home == "b"
    assert make_plan(made, current={"db": ("a",)}).services["db"].home == "a"


def test_like_services_are_counted_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = [service(f"w{i}", memory=2, needs=("db",)) for i in range(6)]
    db = service("db", workload_class="data", pins=("a",), **data())
    problem = build(fleet([server("a", memory=8), server("b", memory=10)], [*workers, db]))
    merged = solve(problem)
    assert merged.objective == evaluate(costs(problem), merged.counts).total()
    monkeypatch.setattr(solving, "merge", lambda whole: whole)
    assert solve(problem).objective == merged.objective


def test_the_same_twice() -> None:
    services = [service(f"s{i}", memory=1 + i % 3, needs=(f"s{i // 2}",)) for i in range(20)]
    made = fleet([server(name, memory=20) for name in "abc"], services)
    first, second = make_plan(made, seed=3), make_plan(made, seed=3)
    timeless = {"seconds": 0.0}
    assert first.model_copy(update=timeless) == second.model_copy(update=timeless)


def test_bars_add_up() -> None:
    mail = service("mail", memory=2, cpu=0.5, stack="mail", engine=Engine.COMPOSE)
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server="a")]
    web = service("web", memory=1, cpu=0.25, load={"memory_peak": 3 * GIB, "cpu_peak": 2.0})
    plan = plan_of([server("a", memory=16, speed=1.5)], [mail, web], stacks=stacks)
    use = plan.servers["a"]
    assert use.memory.capacity == 16 * GIB
    assert use.memory.reserved == 1 * GIB
    assert use.memory.baseline == 3 * GIB
    assert use.memory.peak == 5 * GIB
    assert use.memory.free == 13 * GIB
    assert use.cpu.capacity == 6.0
    assert use.cpu.reserved == pytest.approx(0.375)
    assert use.cpu.baseline == pytest.approx(0.75)
    assert use.cpu.peak == pytest.approx(2.5)
    assert use.services == ("mail", "web")
    assert use.classes == {"production": 2}


def test_a_constraint_nobody_can_judge_is_told() -> None:
    plan = plan_of([server("a")], [service("x", constraints=("engine.labels.gpu == yes",))])
    assert any("engine.labels.gpu" in text for text in plan.warnings)


def test_a_port_of_the_ingress_network_is_taken_everywhere() -> None:
    from quorate.fleet.model import Port

    services = [
        service("proxy", ports=(Port(target=80, published=80),)),
        service("direct", ports=(Port(target=80, published=80, mode="host"),)),
    ]
    plan = plan_of([server("a"), server("b")], services)
    assert any("one of them will not start" in text for text in plan.warnings)
