"""Where Swarm may put a service when its home is gone, and whether it would fit there."""

from __future__ import annotations

from typing import Any

from quorate.fleet.model import Engine, Isolation, Mode, Role, Stack, State, VolumeUse
from quorate.plan.model import Plan
from quorate.plan.solve import make_plan
from tests.unit.plan.builders import data, fleet, server, service

THREE = ("a", "b", "c")


def plan_of(*services: Any, **fields: Any) -> Plan:
    machines = fields.pop("servers", [server(name) for name in THREE])
    return make_plan(fleet(machines, list(services), **fields))


def test_any_server_when_nothing_speaks_against_it() -> None:
    web = plan_of(service("web")).services["web"]
    assert web.pool == THREE
    assert web.movable


def test_data_stays_at_home() -> None:
    db = plan_of(service("db", **data())).services["db"]
    assert db.pool == (db.home,)
    assert not db.movable
    assert any("elsewhere it would start empty" in reason for reason in db.reasons)


def test_a_cache_may_move() -> None:
    volume = VolumeUse(kind="volume", source="v", target="/data")
    cache = plan_of(service("cache", state=State.CACHE, volumes=(volume,))).services["cache"]
    assert cache.pool == THREE


def test_data_on_shared_storage_may_move() -> None:
    volume = VolumeUse(kind="shared", source="v", target="/data")
    db = plan_of(service("db", state=State.VOLUME, volumes=(volume,))).services["db"]
    assert db.pool == THREE


def test_pins_and_constraints_bound_the_pool() -> None:
    machines = [server("a", role=Role.MANAGER), server("b"), server("c", role=Role.MANAGER)]
    plan = plan_of(
        service("pinned", pins=("a", "b")),
        service("managed", constraints=("node.role == manager",)),
        servers=machines,
    )
    assert plan.services["pinned"].pool == ("a", "b")
    assert plan.services["managed"].pool == ("a", "c")


def test_a_server_too_small_is_no_fallback() -> None:
    machines = [server("a"), server("b"), server("tiny", memory=1)]
    assert plan_of(service("web", memory=2), servers=machines).services["web"].pool == ("a", "b")


def test_ci_keeps_off_production_while_a_fallback_remains() -> None:
    isolation = (Isolation(spiky="ci", away_from="production"),)
    web = service("web", pins=("a",))
    ci = service("ci", stack="ci", workload_class="ci", load={"cpu_peak": 4.0, "spiky": True})
    plan = plan_of(web, ci, isolation=isolation)
    assert plan.services["ci"].pool == ("b", "c")
    assert any("production services live there" in text for text in plan.services["ci"].reasons)
    two = plan_of(web, ci, isolation=isolation, servers=[server("a"), server("b")])
    assert two.services["ci"].home == "b"
    assert two.services["ci"].pool == ("a", "b")
    assert any("nothing else would remain" in text for text in two.services["ci"].reasons)


def test_near_services_share_one_fallback() -> None:
    plan = plan_of(service("app", near=("cache",)), service("cache"))
    assert plan.services["app"].pool == plan.services["cache"].pool
    assert len(plan.services["app"].pool) == 2


def test_near_data_is_bound_to_it() -> None:
    plan = plan_of(service("app", near=("db",)), service("db", **data()))
    assert plan.services["app"].pool == (plan.services["db"].home,)
    assert not plan.services["app"].movable


def test_apart_services_keep_off_each_others_homes() -> None:
    plan = plan_of(service("one", apart=("two",)), service("two"))
    assert plan.services["two"].home not in plan.services["one"].pool
    assert plan.services["one"].home not in plan.services["two"].pool


def test_global_and_compose_services_do_not_move() -> None:
    mail = service("mail", stack="mail", engine=Engine.COMPOSE)
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server="b")]
    exporter = service("exporter", mode=Mode.GLOBAL, constraints=("node.hostname != c",))
    plan = plan_of(mail, exporter, stacks=stacks)
    assert plan.services["mail"].homes == plan.services["mail"].pool == ("b",)
    assert plan.services["exporter"].homes == plan.services["exporter"].pool == ("a", "b")
    assert not plan.services["exporter"].movable


def test_replicas_that_fill_every_server_cannot_return() -> None:
    full = plan_of(service("web", replicas=3, max_replicas_per_node=1)).services["web"]
    assert full.homes == THREE
    assert not full.movable
    loose = plan_of(service("web", replicas=3)).services["web"]
    assert loose.homes == THREE
    assert loose.movable
    some = plan_of(service("web", replicas=2, max_replicas_per_node=1)).services["web"]
    assert some.movable


def test_no_replica_no_home() -> None:
    plan = plan_of(service("off", replicas=0))
    assert plan.services["off"].homes == ()
    assert plan.services["off"].pool == THREE
    assert any("scaled to 0" in warning for warning in plan.warnings)


def test_a_loss_that_does_not_fit_is_told() -> None:
    machines = [server("a", memory=8), server("b", memory=4)]
    plan = plan_of(
        service("big", memory=6), service("small", memory=2), servers=machines, survive=1
    )
    (warning,) = [text for text in plan.warnings if text.startswith("without a")]
    assert "big" in warning
    assert not any(text.startswith("without b") for text in plan.warnings)
    roomy = [server("a", memory=16), server("b", memory=16)]
    assert plan_of(service("big", memory=6), servers=roomy, survive=1).warnings == ()


def test_surviving_two_losses() -> None:
    machines = [server(name, memory=4) for name in THREE]
    plan = plan_of(*(service(f"s{i}", memory=2) for i in range(3)), servers=machines, survive=2)
    assert len([text for text in plan.warnings if text.startswith("without")]) == 3
