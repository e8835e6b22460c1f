"""What more replicas and drained managers would bring: which, at what price, and why not others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quorate.fleet.model import Engine, Fleet, Role, Stack, VolumeUse
from quorate.plan.model import Plan
from quorate.plan.scene import scene
from quorate.plan.solve import make_plan
from quorate.predict.losses import Losses
from quorate.predict.tune_advice import advice
from quorate.predict.tune_drained import drained
from quorate.predict.tune_model import Doubled, Drained, Outage, Replicas
from quorate.predict.tune_replicas import replicas
from tests.unit.plan.builders import GIB, data, fleet, server, service

MANAGERS = [server(name, role=Role.MANAGER) for name in "abc"]
WORKERS = [server(name, memory=32) for name in "vw"]
NFS = VolumeUse(kind="shared", source="nfs", target="/data")


def shop(*more: Any) -> Fleet:
    services = [
        service("db", pins=("w",), **data("rows")),
        service("web", needs=("api",), memory=2),
        service("api"),
        service("basket", needs=("db",)),
        service("twice", replicas=2),
        service("tests", workload_class="ci"),
        service("files", volumes=(NFS,)),
        service("bound", pins=("v",)),
        *more,
    ]
    return fleet([*MANAGERS, *WORKERS], services)


def losses(made: Fleet, plan: Plan) -> Losses:
    return Losses(scene(made, plan), courses=20)


@pytest.fixture(scope="module")
def found() -> Replicas:
    made = shop()
    plan = make_plan(made)
    return replicas(made, plan, losses(made, plan))


def test_only_production_services_without_state_and_with_one_replica(found: Replicas) -> None:
    assert found.single == ("web", "api", "basket", "bound")


def test_those_that_two_replicas_spare_a_gap(found: Replicas) -> None:
    assert [each.service for each in found.doubled] == ["web", "api"]
    for each in found.doubled:
        assert each.home != each.beside
        assert each.gap is not None
        # Nine seconds until a loss is noticed, at least, and the restart delay of two.
        assert 11.0 < each.gap < 60.0
    assert [each.memory for each in found.doubled] == [2 * GIB, GIB]


def test_those_that_it_would_not_help(found: Replicas) -> None:
    assert found.kept == {
        "basket": "it needs db",
        "bound": "no other server may have a second one, or has room for it",
    }


def test_a_second_replica_that_takes_another_services_room_is_told() -> None:
    """One of two servers has room for what is on the other: with two replicas no more."""
    services = [
        service("web", memory=6, pins=("v", "w")),
        service("big", memory=8, pins=("v", "w")),
    ]
    made = fleet([*MANAGERS, *(server(name) for name in "vw")], services)
    plan = make_plan(made)
    told = replicas(made, plan, losses(made, plan))
    assert {each.service for each in told.doubled} <= {"web", "big"}
    assert any("no longer a place" in text for text in told.tight)


def drains(made: Fleet, plan: Plan | None = None) -> dict[tuple[str, ...], Drained]:
    plan = plan or make_plan(made)
    return {each.managers: each for each in drained(made, plan, losses(made, plan))}


def outage(each: Drained) -> Outage:
    assert each.outage is not None
    return each.outage


def test_without_tasks_on_the_managers_a_lost_leader_stops_nothing() -> None:
    services = [service(f"s{number}", pins=("a", "v", "w")) for number in range(6)]
    made = fleet([*MANAGERS, *WORKERS], services)
    at_home = {f"s{number}": ("a",) if number < 4 else ("v",) for number in range(6)}
    plan = _placed(make_plan(made), at_home)
    told = drains(made, plan)
    assert list(told) == [(), ("a", "b", "c"), ("b",), ("c",), ("a",)]
    present, every = told[()], told["a", "b", "c"]
    assert outage(present).leader > 5.0
    assert outage(every).leader == 0.0
    assert outage(every).mean > 0.0
    assert every.moves == ("s0", "s1", "s2", "s3")
    assert (every.data, every.against, every.tight) == ((), "", ())
    assert every.fullest in ("v", "w")
    assert 0.0 < every.share < 1.0
    # Nothing runs on b: without it nothing moves, and nothing is quicker.
    assert told[("b",)].moves == ()
    assert outage(told[("b",)]).leader == pytest.approx(outage(present).leader, rel=0.3)


def _placed(plan: Plan, homes: Mapping[str, tuple[str, ...]]) -> Plan:
    services = {
        name: placement.model_copy(update={"homes": homes[name], "home": homes[name][0]})
        for name, placement in plan.services.items()
    }
    return plan.model_copy(update={"services": services})


def test_what_keeps_managers_from_being_drained() -> None:
    services = [service("db", pins=("a",), **data("rows")), service("big", memory=28)]
    made = fleet([*MANAGERS, server("w", memory=8)], services[:1])
    assert drains(made)["a", "b", "c"].against == "db may run on no other server"
    only = fleet(MANAGERS, [service("x")])
    assert drains(only)["a", "b", "c"].against == "no server would be left to run services"
    large = fleet([server("a", role=Role.MANAGER, memory=64), server("w", memory=8)], services[1:])
    assert "no other server has room, by the rules, for big" in drains(large)["a",].against


def test_data_that_has_to_move_is_told() -> None:
    made = fleet([server("a", role=Role.MANAGER), server("w")], [service("db", **data("rows"))])
    plan = _placed(make_plan(made), {"db": ("a",)})
    told = drains(made, plan)["a",]
    assert (told.moves, told.data) == (("db",), ("db",))


def test_what_finds_no_place_any_more_after_a_loss_is_told() -> None:
    services = [service("x", pins=("a", "w"))]
    made = fleet([server("a", role=Role.MANAGER), server("w")], services)
    told = drains(made, _placed(make_plan(made), {"x": ("w",)}))["a",]
    assert told.against == ""
    assert told.tight == ("after the loss of w there is no longer a place for x",)


def test_compose_stacks_stay_where_they_are() -> None:
    mail = service("mail", stack="mail", engine=Engine.COMPOSE, pins=("a",))
    made = fleet([server("a", role=Role.MANAGER), server("w")], [mail, service("x")])
    stacks = (*made.stacks, Stack(name="mail", files=(), engine=Engine.COMPOSE, server="a"))
    made = made.model_copy(
        update={"stacks": tuple(s for s in stacks if s.name != "mail") + stacks[-1:]}
    )
    assert drains(made)["a",].against == ""


def test_drained_managers_elect_and_may_be_lost() -> None:
    made = fleet(WORKERS, [service("x", pins=("v", "w"))])
    plan = make_plan(made)
    far = Losses(scene(made, plan), courses=40, drained=("a", "b", "c"))
    home = plan.services["x"].home
    courses = far.follow(("a",), leader="a")
    assert {course.detection.leader for course in courses} == {"b", "c"}
    assert not any(far.answers(("a",), courses))
    moved = far.follow((home,), leader="a")
    assert all(course.moved[0].to == ({"v", "w"} - {home}).pop() for course in moved)


def replicas_of(*gaps: float | None) -> Replicas:
    doubled = tuple(
        Doubled(service=f"s{n}", home="a", beside="b", memory=GIB, gap=gap)
        for n, gap in enumerate(gaps)
    )
    return Replicas(single=tuple(each.service for each in doubled), doubled=doubled)


PRESENT = Drained(outage=Outage(mean=10.0, leader=20.0))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Replicas(), "no production service without state has only one"),
        (Replicas(single=("x",), kept={"x": "it needs db"}), "none of 1 service its gap"),
        (
            replicas_of(12.0),
            "two replicas of s0: no gap when a server is lost, now 12 s; 1.0 GiB more",
        ),
        (replicas_of(12.0, 30.0), "now 12 to 30 s; 2.0 GiB more"),
        (replicas_of(12.0, None), "now 12 s or until somebody helps"),
        (replicas_of(None), "now until somebody helps"),
    ],
)
def test_a_line_on_replicas(found: Replicas, said: str) -> None:
    line, _ = advice(found, [PRESENT])
    assert said in line


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ({"against": "db may run on no other server"}, "not all would find a place"),
        ({"tight": ("x",)}, "not all would find a place"),
        ({"outage": Outage(mean=9.9, leader=0.0)}, "not worth it"),
        (
            {"outage": Outage(mean=8.0, leader=0.0), "moves": ("x", "y"), "data": ("y",)},
            "a drained: after the loss of a server all back within 8.0 s in the mean instead of "
            "10.0 s, after that of the leader 0.0 s instead of 20.0 s; 2 services to move, 1 "
            "service of them with data, 50% of w's memory reserved",
        ),
    ],
)
def test_a_line_on_drained_managers(each: dict[str, Any], said: str) -> None:
    other = Drained(managers=("a",), fullest="w", share=0.5, **each)
    _, line = advice(Replicas(), [PRESENT, other])
    assert said in line
