"""Where Swarm's outcome depends on the order of a Go map, something chooses.

`Dice` chooses at random from a seed. `Script` follows a list of choices and
notes how many there were, so that `every` can go through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Protocol, TypeVar

T = TypeVar("T")


class Chooser(Protocol):
    """Answers with a number from 0 up to, not including, `options`."""

    def pick(self, options: int) -> int: ...


class Dice:
    """Random choices; the same seed, the same choices."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def pick(self, options: int) -> int:
        return int(self._random.random() * options) if options > 1 else 0


class Script:
    """The choices of `steps`, then always the first; `widths` is how many options each had."""

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps = steps
        self.widths: list[int] = []

    def pick(self, options: int) -> int:
        if options < 2:
            return 0
        place = len(self.widths)
        self.widths.append(options)
        return self._steps[place] if place < len(self._steps) else 0


def every(run: Callable[[Chooser], T]) -> Iterator[T]:
    """What `run` answers for each possible sequence of choices, one after the other."""
    steps: list[int] = []
    while True:
        script = Script(steps)
        yield run(script)
        steps += [0] * (len(script.widths) - len(steps))
        while steps and steps[-1] + 1 >= script.widths[len(steps) - 1]:
            steps.pop()
        if not steps:
            return
        steps[-1] += 1


def draw(chooser: Chooser, items: Sequence[T], number: int) -> list[T]:
    """`number` of the items (all, when there are fewer), in an order that is chosen."""
    left = list(items)
    drawn = []
    for _ in range(min(number, len(left))):
        place = chooser.pick(len(left))
        left[place], left[-1] = left[-1], left[place]
        drawn.append(left.pop())
    return drawn
