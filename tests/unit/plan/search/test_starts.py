"""An annealing that may go beyond capacities begins several times: which start goes on, and how."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

from quorate.plan.search.course import CHOSEN, LENIENT, STARTING, STARTS, STRICT, Course
from quorate.plan.search.run import Search, Start


class Walker:
    """Stands for a chain: notes what it is asked for; its starts cost what is given."""

    def __init__(self, costs: list[float]) -> None:
        self.costs = costs
        self.parts: list[tuple[float, float]] = []
        self.begun: list[int] = []
        self.resumed: list[float] = []

    def begin(self, place: Any) -> None:
        """A new start, after so many parts of a course."""
        self.begun.append(len(self.parts))

    def follow(self, course: Course, steps: int, worse: float, part: float, end: float) -> None:
        """A part of a course."""
        self.parts.append((part, end))

    def start(self, fine: float) -> Start:
        """The next of the given costs."""
        cost = self.costs[len(self.begun)]
        return Start(place=np.zeros(1, np.int32), factors=np.ones((1, 1)), cost=cost)

    def resume(self, start: Start) -> None:
        """Which start goes on."""
        self.resumed.append(start.cost)


class Alone(Search):
    """A search with one chain that is given, and all the time there is."""

    def __init__(self, chain: Any, course: Course, rounds: int, time_limit: float = 1e9) -> None:
        self.chains, self.courses, self.place = [chain], (course, course), np.zeros(1, np.int32)
        self.annealing, self.worse, self.steps = rounds, 1.0, 1
        self.started, self.time_limit, self._stop = time.perf_counter(), time_limit, None


def test_the_cheapest_start_goes_on_where_the_starts_end() -> None:
    costs = [float(cost) for cost in (7, 5, 9, 3, 8, 4, 6, 5)]
    assert len(costs) == STARTS
    chain = Walker(costs)
    done = Alone(chain, LENIENT, 10 * STARTS).anneal(0)
    each = round(10 * STARTING)
    assert chain.resumed == [3.0]
    assert chain.begun == [each * nth for nth in range(1, STARTS)]
    assert done == len(chain.parts) == 10 * STARTS
    hot, cold = chain.parts[: each * STARTS], chain.parts[each * STARTS :]
    for nth in range(STARTS):
        one = hot[each * nth : each * (nth + 1)]
        assert one[0][0] == 0.0 and one[-1][1] == pytest.approx(CHOSEN)
    assert (cold[0][0], cold[-1][1]) == pytest.approx((CHOSEN, 1.0))
    assert all(before[1] == after[0] for before, after in itertools.pairwise(cold))


@pytest.mark.parametrize(("rounds", "starts"), [(1, 1), (4, 1), (8, 3), (400, STARTS)])
def test_few_rounds_have_few_starts_and_still_go_through_the_whole_course(
    rounds: int, starts: int
) -> None:
    chain = Walker([1.0] * STARTS)
    Alone(chain, LENIENT, rounds).anneal(0)
    assert len(chain.begun) == starts - 1
    assert chain.parts[-1][1] == pytest.approx(1.0)


def test_what_keeps_to_capacities_begins_once() -> None:
    chain = Walker([])
    assert Alone(chain, STRICT, 5).anneal(0) == 5
    assert chain.begun == chain.resumed == []
    assert (chain.parts[0][0], chain.parts[-1][1]) == (0.0, 1.0)


def test_without_time_nothing_is_followed() -> None:
    chain = Walker([1.0] * STARTS)
    assert Alone(chain, LENIENT, 100, time_limit=0.0).anneal(0) == 0
    assert chain.parts == []
