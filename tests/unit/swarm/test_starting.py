"""What starts side by side on one node holds each other up."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.swarm.starting import Given, held_up, started
from quorate.swarm.timing import Behaviour, Timing

EXACT = Timing(creating=(0.5, 0.5), starting=(1.0, 1.0))


def test_one_alone_is_not_held_up() -> None:
    assert held_up([3.0], 1.0) == [0.0]
    assert held_up([], 1.0) == []


def test_those_begun_at_once_are_done_at_once_and_late() -> None:
    assert held_up([2.0] * 4, 1.5) == pytest.approx([4.5] * 4)


def test_those_far_apart_do_not_meet() -> None:
    assert held_up([0.0, 10.0, 5.0], 2.0) == pytest.approx([0.0, 0.0, 0.0])


def test_those_that_overlap_share() -> None:
    # The first half of the first alone, then both at half the speed, then the second alone.
    assert held_up([0.0, 0.5], 1.0) == pytest.approx([0.5, 0.5])
    assert held_up([0.5, 0.0], 1.0) == pytest.approx([0.5, 0.5])


@given(
    st.lists(st.floats(0.0, 20.0, allow_nan=False), min_size=1, max_size=12), st.floats(0.01, 3.0)
)
def test_no_work_is_lost_or_made(begun: list[float], work: float) -> None:
    """The last is done when one after the other would be, and none is quicker than alone."""
    later = held_up(begun, work)
    assert all(extra >= 0 for extra in later)
    ends = 0.0
    for at in sorted(begun):
        ends = max(ends, at) + work
    done = [at + work + extra for at, extra in zip(begun, later, strict=True)]
    assert max(done) == pytest.approx(ends)
    assert [end for _, end in sorted(zip(begun, done, strict=True))] == pytest.approx(sorted(done))


def test_without_a_delay_both_creating_and_starting_are_shared() -> None:
    manner = Behaviour(delay=0.0)
    tasks = [Given(assigned=10.0, due=9.8, manner=manner)] * 3
    # Created after 0.2 s and twice 0.5 more, started after 0.5 s and twice 1 more.
    assert started(tasks, EXACT, Random(1)) == pytest.approx([10.0 + 1.2 + 2.5] * 3)


def test_what_is_created_long_before_its_start_shares_only_that() -> None:
    manner = Behaviour(delay=5.0)
    tasks = [Given(assigned=10.0, due=14.8, manner=manner)] * 3
    assert started(tasks, EXACT, Random(1)) == pytest.approx([14.8 + 2.5] * 3)


def test_different_delays_keep_them_apart() -> None:
    quick = Given(assigned=10.0, due=9.8, manner=Behaviour(delay=0.0))
    slow = Given(assigned=10.0, due=14.8, manner=Behaviour(delay=5.0))
    times = started([quick, slow], EXACT, Random(1))
    assert times == pytest.approx([10.0 + 0.7 + 0.5, 14.8 + 0.5])


def test_how_slow_an_engine_is_is_drawn() -> None:
    tasks = [Given(assigned=0.0, due=0.0, manner=Behaviour(delay=0.0))] * 2
    times = [started(tasks, Timing(), Random(seed))[0] for seed in range(500)]
    assert 1.3 - 0.01 <= min(times) < 1.4
    assert 2.7 < max(times) <= 2.8 + 0.01
