"""What a plan says of losses: what moves, what waits, what stops."""

from __future__ import annotations

from typing import Any

from quorate.fleet.model import Engine, Mode, Role, Stack
from quorate.plan.model import LossOutcome
from quorate.plan.solve import make_plan
from quorate.plan.survive import survival
from tests.unit.plan.builders import GIB, data, fleet, server, service

THREE = ("a", "b", "c")


def lose(name: str, *services: Any, servers: Any = None, **fields: Any) -> LossOutcome:
    made = fleet(list(servers or (server(n) for n in THREE)), list(services), **fields)
    found = survival(made, make_plan(made), 1)
    return next(loss for loss in found.losses if loss.servers == (name,))


def test_a_service_moves_where_swarm_may_put_it() -> None:
    web = service("web", pins=("a", "b"))
    db = service("db", pins=("a",), **data())
    app = service("app", needs=("db",), pins=("b",))
    page = service("page", needs=("app",), pins=("c",))
    loss = lose("a", web, db, app, page)
    home = {"web": ("b",)}
    assert loss.moved in (home, {})
    assert loss.waits == ("db",)
    assert loss.stops == ("app", "page")
    assert loss.holds


def test_a_replica_less_stops_nobody() -> None:
    web = service("web", replicas=3, max_replicas_per_node=1)
    app = service("app", needs=("web",), pins=("b",))
    loss = lose("a", web, app)
    assert loss.waits == ("web",)
    assert loss.stops == ()
    assert loss.holds


def test_a_constraint_on_the_processor_compares_with_what_engines_report() -> None:
    loss = lose("a", service("web", constraints=("node.platform.arch == x86_64",)))
    assert loss.pending == ()
    assert loss.holds


def test_what_no_longer_fits_is_pending() -> None:
    machines = [server("a", memory=8), server("b", memory=4), server("c", memory=4)]
    loss = lose("a", service("big", memory=6), servers=machines)
    assert loss.pending == ("big",)
    assert not loss.holds


def test_who_wins_a_scarce_place_is_chance() -> None:
    machines = [server("a", memory=8), server("b", memory=4)]
    both = [service(n, memory=3, pins=("a", "b")) for n in ("one", "two")]
    made = fleet(machines, both)
    plan = make_plan(made, current={"one": ("a",), "two": ("a",)})
    assert {p.home for p in plan.services.values()} == {"a"}
    loss = survival(made, plan, 1).losses[0]
    assert loss.at_risk == ("one", "two")
    assert loss.pending == ()
    assert not loss.holds


def test_without_a_majority_nothing_is_replaced() -> None:
    machines = [server("a", role=Role.MANAGER), server("b"), server("c")]
    web = service("web", pins=("a", "b", "c"))
    made = fleet(machines, [web])
    plan = make_plan(made, current={"web": ("a",)})
    loss = survival(made, plan, 1).losses[0]
    assert not loss.quorum
    assert loss.pending == ("web",)


def test_what_swarm_leaves_alone() -> None:
    mail = service("mail", stack="mail", engine=Engine.COMPOSE)
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server="a")]
    once = service("once", raw={"restart": "no"}, pins=("a",))
    agent = service("agent", mode=Mode.GLOBAL)
    loss = lose("a", mail, once, agent, stacks=stacks)
    assert loss.waits == ("mail", "once")
    assert loss.moved == {}


def test_what_runs_beside_swarm_is_not_seen_by_it() -> None:
    mail = service("mail", memory=6, stack="mail", engine=Engine.COMPOSE)
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server="b")]
    machines = [server("a", memory=8), server("b", memory=8)]
    made = fleet(machines, [mail, service("big", memory=4)], stacks=stacks)
    plan = make_plan(made)
    assert plan.services["big"].home == "a"
    pool = plan.services["big"].model_copy(update={"pool": ("a", "b"), "movable": True})
    plan = plan.model_copy(update={"services": {**plan.services, "big": pool}})
    loss = survival(made, plan, 1).losses[0]
    assert loss.moved == {"big": ("b",)}
    assert loss.overfull == {"b": 10 * GIB}
    assert not loss.holds


def test_nothing_to_lose() -> None:
    made = fleet([server("a")], [service("web")])
    found = survival(made, make_plan(made), 1)
    assert found.losses == ()
    assert found.holds
