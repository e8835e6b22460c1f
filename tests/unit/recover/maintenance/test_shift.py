"""Services to other servers while they run, on a fake swarm, from any state an end was met in."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy.settle import judge
from quorate.recover.maintenance import specs
from quorate.recover.maintenance.shift import Shift, Turn, expectation, turn
from tests.unit.recover.maintenance.small_swarm import SmallSwarm, node, spec

HOSTS = ("a", "b", "c")
TURNS = 200


def swarm(where: tuple[str, ...], **fields: Any) -> SmallSwarm:
    made = SmallSwarm(nodes=[node(name) for name in HOSTS])
    made.add(spec("app_web", len(where), **fields), where)
    return made


def drive(made: SmallSwarm, shift: Shift, *, turns: int = TURNS) -> list[Turn]:
    """Take turns until nothing is to be done, or so many; which were taken."""
    taken, tries, began = [], len(shift.to), expectation(shift, made.observe())
    for _ in range(turns):
        seen = made.observe()
        what = turn(shift, seen, judge(began, seen), tries=tries)
        taken.append(what)
        one = made.specs[shift.service]
        hosts = [each.hostname for each in made.nodes]
        if what is Turn.NOTHING:
            return taken
        if what is Turn.STEER:
            one = specs.steered(one, shift.constraints(hosts), start_first=shift.start_first)
        elif what is Turn.CROWD:
            tries -= 1
            one = specs.crowded(one, 1)
        elif what is Turn.THIN:
            one = specs.crowded(one, 0)
        elif what is Turn.RELEASE:
            one = specs.released(one)
        made.specs[shift.service] = one
        if what is Turn.RELEASE:
            return taken
        made.tick()
    return taken


@pytest.mark.parametrize(
    ("where", "shift", "after"),
    [
        (("a", "b"), {"off": "a"}, "bc"),
        (("a",), {"off": "a"}, "b"),
        (("b", "c"), {"off": "a"}, "bc"),
        (("b", "c"), {"to": ("a", "b")}, "ab"),
        (("b", "b"), {"to": ("a", "b")}, "ab"),
        (("b", "c", "c"), {"to": HOSTS}, "abc"),
        (("b",), {"to": ("a",)}, "a"),
        (("a", "b"), {"to": ("a", "b")}, "ab"),
    ],
)
def test_a_service_comes_where_it_is_to_be_and_is_as_it_was(
    where: tuple[str, ...], shift: dict[str, Any], after: str
) -> None:
    made = swarm(where)
    before = made.specs["app_web"]
    drive(made, Shift(service="app_web", **shift))
    assert sorted(made.tasks["app_web"]) == list(after)
    assert made.specs["app_web"] == before
    assert made.lows["app_web"] == len(where), "a new task runs before the old one ends"


def test_what_may_not_run_twice_stops_first_one_task_at_a_time() -> None:
    made = swarm(("a", "a", "b"))
    drive(made, Shift(service="app_web", off="a", start_first=False))
    assert "a" not in made.tasks["app_web"] and made.lows["app_web"] == 2


def test_what_is_where_it_is_to_be_is_left_alone() -> None:
    assert drive(swarm(("b", "c")), Shift(service="app_web", off="a")) == [Turn.NOTHING]
    gone = Shift(service="app_other", off="a")
    assert turn(gone, swarm(()).observe(), judge(expectation(gone, swarm(()).observe()),
                swarm(()).observe()), tries=1) is Turn.NOTHING  # fmt: skip


@given(
    where=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=4),
    to=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=4),
    kills=st.lists(st.integers(1, 6), max_size=4),
    back=st.booleans(),
)
def test_a_run_that_was_stopped_anywhere_is_gone_on_from_or_turned_back(
    where: list[str], to: list[str], kills: list[int], back: bool
) -> None:
    there = tuple(sorted((to * 4)[: len(where)]))
    made = swarm(tuple(where))
    before = made.specs["app_web"]
    shift = Shift(service="app_web", to=there)
    for kill in kills:
        drive(made, shift, turns=kill)
    if back:
        shift = Shift(service="app_web", to=tuple(sorted(where)))
    drive(made, shift)
    assert made.specs["app_web"] == before
    assert len(made.tasks["app_web"]) == len(where) and "app_web" not in made.coming
    assert set(made.tasks["app_web"]) <= set(shift.to)
    if set(Counter(shift.to).values()) == {1}:
        assert sorted(made.tasks["app_web"]) == list(shift.to)
    assert made.lows["app_web"] == len(where), "never fewer tasks than it has replicas"


def test_a_task_that_never_becomes_healthy_is_waited_for() -> None:
    made = swarm(("a",), constraints=("node.hostname==a",))
    taken = drive(made, Shift(service="app_web", off="a"), turns=9)
    assert taken[0] is Turn.STEER and set(taken[1:]) == {Turn.WAIT}
    assert made.tasks["app_web"] == ["a"], "the old one runs on"


def test_constraints_leave_exactly_what_is_allowed() -> None:
    assert Shift(service="s", off="b").constraints(HOSTS) == ("node.hostname!=b",)
    assert Shift(service="s", to=("b", "b")).constraints(HOSTS) == ("node.hostname==b",)
    assert Shift(service="s", to=("a", "b")).constraints(HOSTS) == ("node.hostname!=c",)
    assert Shift(service="s", to=HOSTS).constraints(HOSTS) == ()
