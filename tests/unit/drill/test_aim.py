"""What a drill hits, and the guards before it."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.drill.aim import guards, targets
from quorate.drill.file import Drill, Target
from quorate.errors import UsageError
from quorate.plan.model import LossOutcome
from tests.unit.drill.shop import AT, seen, shop


def drill(**more: Any) -> Drill:
    return Drill.model_validate(
        {"drill": "x", "target": {"server": "w"}, "fault": {"kind": "power-off"}, **more}
    )


def refused(found: Any) -> list[str]:
    return [guard.name for guard in found if guard.holds is not True]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(server=("w",)), ("w",)),
        (Target(server=("a", "w", "a")), ("a", "w")),
        (Target(role="leader"), ("a",)),
        (Target(role="follower"), ("b",)),
        (Target(role="worker"), ("w",)),
        (Target(service="db"), ("b",)),
        (Target(service="web"), ("a",)),
    ],
)
def test_what_is_hit(target: Target, expected: tuple[str, ...]) -> None:
    assert targets(target, shop(), seen(), lambda names: names[0]) == expected


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(server=("ww",)), "no server `ww`"),
        (Target(service="dbb"), "did you mean `db`"),
        (Target(service="db"), "runs nowhere"),
    ],
)
def test_what_is_not_there(target: Target, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        targets(target, shop(), seen({}), lambda names: names[0])


def test_a_steady_fleet_passes_every_guard() -> None:
    assert refused(guards(drill(), shop(), seen(), ("w",), LossOutcome(servers=("w",)))) == []


@pytest.mark.parametrize(
    ("snapshot", "name"),
    [
        (seen(down="c"), "servers"),
        (seen(unreached="b"), "servers"),
        (seen({**AT, "web": "a"}), "services"),
    ],
)
def test_a_fleet_that_is_not_whole_is_left_alone(snapshot: Any, name: str) -> None:
    found = guards(drill(), shop(), snapshot, ("w",), LossOutcome(servers=("w",)))
    assert name in refused(found)


def test_capacity_is_that_everything_finds_a_place() -> None:
    outcome = LossOutcome(servers=("w",), pending=("api",))
    assert refused(guards(drill(), shop(), seen(), ("w",), outcome)) == ["capacity"]
    free = drill(guards={"capacity": "any"})
    assert refused(guards(free, shop(), seen(), ("w",), outcome)) == []


def test_a_guard_that_cannot_be_read_does_not_hold() -> None:
    found = guards(
        drill(guards={"backup_age": "1d"}), shop(), seen(), ("w",), LossOutcome(servers=("w",))
    )
    (guard,) = [each for each in found if each.holds is None]
    assert guard.name == "backup_age"


def test_quorum_is_given_up_only_by_naming_the_servers() -> None:
    outcome = LossOutcome(servers=("a", "b"), quorum=False)
    any_way = drill(guards={"managers_after": "any"})
    hit = ("a", "b")
    assert refused(guards(drill(), shop(), seen(), hit, outcome)) == ["managers_after"]
    assert refused(guards(drill(), shop(), seen(), hit, outcome, token=hit)) == ["managers_after"]
    assert refused(guards(any_way, shop(), seen(), hit, outcome)) == ["managers_after"]
    assert refused(guards(any_way, shop(), seen(), hit, outcome, token=("a",))) == [
        "managers_after"
    ]
    assert refused(guards(any_way, shop(), seen(), hit, outcome, token=("b", "a"))) == []
