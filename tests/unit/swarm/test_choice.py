"""Every choice once, and the same seed the same choices."""

from __future__ import annotations

from itertools import permutations

import pytest

from quorate.swarm.choice import Chooser, Dice, draw, every


@pytest.mark.parametrize("number", range(5))
def test_every_order_is_drawn_once(number: int) -> None:
    drawn = [tuple(order) for order in every(lambda c: draw(c, range(4), number))]
    assert sorted(drawn) == sorted(permutations(range(4), number))


def test_choices_that_depend_on_earlier_ones() -> None:
    def run(chooser: Chooser) -> tuple[int, ...]:
        first = chooser.pick(3)
        return (first, *(chooser.pick(2) for _ in range(first)))

    assert sorted(every(run)) == sorted(
        [(0,), (1, 0), (1, 1), (2, 0, 0), (2, 0, 1), (2, 1, 0), (2, 1, 1)]
    )


def test_nothing_to_choose_is_one_run() -> None:
    assert list(every(lambda chooser: chooser.pick(1))) == [0]


def test_a_seed_is_a_sequence() -> None:
    def throw(seed: int) -> list[int]:
        dice = Dice(seed)
        return [dice.pick(6) for _ in range(20)]

    assert throw(1) == throw(1)
    assert throw(1) != throw(2)
    assert set(throw(3)) <= set(range(6))


def test_no_more_is_drawn_than_there_is() -> None:
    assert sorted(draw(Dice(0), "abc", 9)) == ["a", "b", "c"]
