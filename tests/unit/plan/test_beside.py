"""The plan as measured beside the plan as declared."""

from __future__ import annotations

from functools import partial

from quorate.fleet.model import Fleet
from quorate.measured.model import Measurement, Seen
from quorate.plan.beside import beside
from quorate.plan.model import MeasuredPlan, Plan
from quorate.plan.solve import make_plan
from tests.unit.measured.making import GIB, NOW, found, seen, signal
from tests.unit.plan.builders import fleet, server, service


def office() -> Fleet:
    return fleet(
        [server("big", memory=16), server("small", memory=4)],
        [service("a", memory=3, pins=("small",)), service("b", memory=1), service("c", memory=8)],
    )


def figures(memory: float) -> Seen:
    return seen(signal(memory * GIB), signal(0.092))


def compared(fleet: Fleet, measurement: Measurement) -> tuple[Plan, MeasuredPlan]:
    declared = make_plan(fleet)
    made = beside(fleet, declared, measurement, make_plan, now=NOW)
    assert made.measured is not None
    assert made.model_copy(update={"measured": None}) == declared, "as declared it stays"
    return declared, made.measured


def test_a_measurement_that_says_what_is_declared_changes_nothing() -> None:
    one = office()
    same = {s.id: figures(s.load.memory / GIB / 1.09) for s in one.services}
    _, made = compared(one, found(one, same))
    assert made.changed == ()
    assert set(made.left) == {"a", "b", "c"}
    assert made.difference.homes == {}
    assert made.difference.gain == 0
    assert made.as_measured is not None
    assert made.as_measured.servers == made.as_declared.servers == made.same_homes.servers
    assert not any(
        one_side
        for server_difference in made.difference.servers.values()
        for one_side in server_difference.memory.model_dump().values()
    )


def test_a_service_that_outgrows_its_server_would_live_elsewhere() -> None:
    one = fleet(
        [server("x", memory=8), server("y", memory=8)],
        [service("db", memory=2, pins=("x",)), service("web", memory=2, near=("db",))],
    )
    # Together they no longer fit on x, where one wish and one pin hold them.
    apart = fleet([*one.servers], [one.services[0], service("web", memory=2, needs=("db",))])
    declared, made = compared(apart, found(apart, {"db": figures(5), "web": figures(4)}))
    assert declared.services["web"].homes == ("x",)
    assert made.difference.homes["web"].declared == ("x",)
    assert made.difference.homes["web"].measured == ("y",)
    assert made.same_homes.broken, "as declared both would be on x, with too little memory"
    assert made.difference.gain is not None
    assert made.changed == ("db", "web")
    memory = made.same_homes.servers["x"].memory
    assert memory.baseline == 9 * GIB
    assert made.difference.servers["y"].memory.baseline == 4 * GIB
    assert made.difference.servers["x"].memory.baseline == 1 * GIB


def test_where_nothing_holds_with_the_measured_figures() -> None:
    one = office()
    _, made = compared(one, found(one, {"a": figures(6)}))
    assert made.as_measured is None
    assert made.conflict
    assert made.difference.gain is None
    assert made.difference.homes == {}
    assert made.difference.servers["small"].memory.baseline == 3 * GIB
    assert made.left == {"b": "not seen", "c": "not seen"}


def test_moves_are_counted_alike_on_both_sides() -> None:
    one = office()
    current = {"a": ("small",), "b": ("small",), "c": ("big",)}
    make = partial(make_plan, current=current)
    declared = make(one)
    made = beside(one, declared, found(one, {"b": figures(0.5)}), make, now=NOW).measured
    assert made is not None and made.as_measured is not None
    assert made.difference.homes == {}
    assert made.difference.gain == 0, "a move that is due on both sides is no gain"
