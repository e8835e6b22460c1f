"""A swarm that is well has no finding; what passes by itself is none; nothing is kept silent."""

from __future__ import annotations

from quorate.observe.deep import decide, faults, lasting, may_pass
from quorate.observe.deep_model import Check, Finding, Grade
from tests.unit.observe.deep_made import CONTAINERS, container, facts, fleet, seen, server


def test_all_well_says_nothing() -> None:
    assert decide(fleet(), facts()) == ()


def test_what_was_not_looked_at_is_said_and_is_no_fault() -> None:
    found = decide(
        fleet(),
        facts(
            servers={"a": server("a", disk=None, unread={Check.DISK: "no df"})},
            unasked={"b": "no shell"},
            unread={Check.SKEW: "nothing recorded"},
        ),
    )
    assert [(f.check, f.where, f.grade) for f in found] == [
        (Check.DISK, "a", Grade.UNCHECKED),
        (Check.NAMES, "b", Grade.UNCHECKED),
        (Check.SKEW, "swarm", Grade.UNCHECKED),
    ]
    assert "no df" in found[0].what
    assert faults(found) == ()


def test_a_server_that_does_not_answer_is_not_checked() -> None:
    (found,) = decide(fleet(), seen(containers=CONTAINERS[:2], unreachable={"c": "no route"}))
    assert (found.where, found.grade) == ("c", Grade.UNCHECKED)
    assert "no route" in found.what


def test_without_a_swarm_its_faults_are_not_guessed() -> None:
    (found,) = decide(fleet(), facts(swarm=False, why="no quorum", settings=None))
    assert (found.check, found.grade) == (Check.SWARM, Grade.FAULT)
    assert "no quorum" in found.what


def test_a_stray_that_is_gone_at_the_second_look_was_none() -> None:
    stray = container("x", "a", "unknown")
    first = decide(fleet(), seen(containers=(*CONTAINERS, stray)))
    assert may_pass(first)
    assert lasting(first, decide(fleet(), facts())) == ()
    assert lasting(first, first) == first


def test_what_only_the_second_look_sees_may_pass_too() -> None:
    stray = container("x", "a", "unknown")
    second = decide(fleet(), seen(containers=(*CONTAINERS, stray)))
    assert lasting((), second) == ()


def test_what_does_not_pass_needs_no_second_look() -> None:
    drift = Finding(check=Check.SETTINGS, where="swarm", what="x")
    note = Finding(check=Check.SKEW, where="swarm", what="x", grade=Grade.UNCHECKED)
    assert not may_pass((drift, note))
    assert lasting((), (drift, note)) == (drift, note)


def test_faults_come_first() -> None:
    stray = container("x", "a", "unknown")
    broken = seen(containers=(*CONTAINERS, stray), unreachable={"b": "off"})
    assert [f.grade for f in decide(fleet(), broken)] == [Grade.FAULT, Grade.UNCHECKED]
