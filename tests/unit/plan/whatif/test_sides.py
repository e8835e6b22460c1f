"""What each side is: what is asked is done, what is not asked stays."""

from __future__ import annotations

import pytest

from quorate.errors import InfeasibleError, UsageError
from quorate.fleet.model import Fleet, Mode, Role
from quorate.plan.whatif.model import Verdict, Winner
from tests.unit.plan.builders import data, fleet, server, service
from tests.unit.plan.whatif.asking import Present, ask, aspect, winners

PRESENT: Present = {"x": ("a",), "y": ("a",), "z": ("b",)}


def three() -> Fleet:
    return fleet(
        [server(n, role=Role.MANAGER) for n in "abc"],
        [
            service("x", needs=("z",)),
            service("y"),
            service("z"),
            service("watch", mode=Mode.GLOBAL),
        ],
    )


def test_nothing_else_moves() -> None:
    answer = ask(three(), PRESENT, move="x=c")
    assert {change.id for change in answer.services} == {"x"}
    assert answer.after_is == "what is asked; everything else stays where it is"


def test_several_moves_at_once() -> None:
    answer = ask(three(), PRESENT, move=("x=c", "z=c"))
    assert {change.id: change.after for change in answer.services} == {"x": ("c",), "z": ("c",)}


def test_a_stack_moves_without_what_is_everywhere() -> None:
    answer = ask(three(), PRESENT, move="app=c")
    assert {change.id for change in answer.services} == {"x", "y", "z"}


def test_one_of_several_moves_may_be_made_already() -> None:
    answer = ask(three(), PRESENT, move=("x=a", "z=c"))
    assert {change.id for change in answer.services} == {"z"}
    with pytest.raises(UsageError, match="x is there already"):
        ask(three(), PRESENT, move="x=a")
    answer = ask(three(), PRESENT, move="x=a", resize="a=64G")
    assert winners(answer)["memory"] is Winner.AFTER


def test_scaled_to_nothing_is_missed_by_those_who_need_it() -> None:
    answer = ask(three(), PRESENT, scale="z=0")
    assert winners(answer)["needs"] is Winner.BEFORE
    assert "z, needed by 1 service" in aspect(answer, "needs").after.text


def test_from_elsewhere_and_then_a_loss() -> None:
    """A pin set aside for the before side is set aside for the after side too."""
    one = fleet(
        [server(n, role=Role.MANAGER) for n in "abc"],
        [service("db", pins=("a",), **data()), service("web", needs=("db",))],
    )
    answer = ask(one, {"db": ("a",), "web": ("b",)}, origin="db=c", lose="c")
    found = {change.id: change for change in answer.services}
    assert found["db"].before == ("c",)
    assert found["db"].pending == 1
    assert answer.recommendation.verdict is Verdict.PARTLY


def test_from_alone_asks_nothing() -> None:
    with pytest.raises(UsageError, match="nothing was asked"):
        ask(three(), PRESENT, origin="x=c")


def test_planned_anew_around_a_move() -> None:
    answer = ask(three(), PRESENT, move="x=c", replan=True)
    found = {change.id: change for change in answer.services}
    assert (found["x"].after, found["x"].cause) == (("c",), "asked")
    assert "planned anew" in answer.after_is


def test_planned_anew_in_vain_names_the_conflict() -> None:
    one = fleet([server("a", memory=4), server("b", memory=1)], [service("x", memory=3)])
    with pytest.raises(InfeasibleError) as caught:
        ask(one, {"x": ("a",)}, move="x=b", replan=True)
    assert caught.value.conflict


def test_another_owners_pin_is_not_overridden() -> None:
    one = fleet(
        [server("a"), server("b")],
        [service("x", near=("y",)), service("y", pins=("a",))],
    )
    answer = ask(one, {"x": ("a",), "y": ("a",)}, move="x=b")
    assert answer.broken == ("x: near y (on the same server)",)
    assert answer.recommendation.verdict is Verdict.STAY
    assert answer.overridden == ()
