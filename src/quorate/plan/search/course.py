"""How an annealing goes from start to end: its temperatures, and what going too far costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quorate.plan.search.arrays import Floats, Instance
from quorate.plan.search.state import State

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How an annealing goes, as (part done, value) points; between them by the logarithm.

    `heat`: temperatures, in the mean cost of a random change for the worse. `fines`: as much
    for what a task takes on average, beyond a capacity; empty where nothing may be beyond.
    `haunted`: temperatures that a moved task costs on top, on average, for what it goes on
    holding at its origin: heat alone would scatter the tasks, and leave no room to move in.
    """

    heat: Points
    fines: Points = ()
    haunted: float
    stretches: int = 1


STRICT = Course(heat=((0.0, 0.5), (0.9, 0.0005), (1.0, 0.00005)), haunted=30.0)
"""From near where the tasks are, never beyond a capacity."""

LENIENT = Course(
    heat=((0.0, 2.0), (0.9, 0.05), (1.0, 0.0005)),
    fines=((0.0, 3.0), (0.9, 10.0), (1.0, 1e6)),
    haunted=1.0,
    stretches=1_700,
)
"""From hotter, beyond capacities at a price that is low at first: where what is held at origins is
scarce, a dear one freezes early what has moved. Nearly all order forms between 2 and 0.05."""

PROMPT = replace(LENIENT, stretches=4_200)
"""Fines that follow sooner: which of the two ends better differs between problems, and runs."""

STARTS, STARTING, CHOSEN = 8, 0.4, 0.3
"""How often a chain that may go beyond capacities begins, each time from where the tasks are; the
share of its rounds for that; and the part of the course after which only the cheapest start goes
on. What a course ends at is all but settled there, where the large tasks have found their places,
and varies by several percent."""

DEARER, CHEAPER, DEAREST = 1.02, 0.998, 1e6
"""What fines for a machine's resource are multiplied with when it is beyond its capacity and when
it is not, and the most they come to. A price that rises where it must leaves all else room to
move; one that rises everywhere ends in worse placements."""


def scheduled(points: Points, part: float) -> float:
    """The value of a course at a part of the way."""
    at, values = zip(*points, strict=True)
    return float(np.exp(np.interp(part, at, np.log(values))))


def adapted(factors: Floats, of: Instance, state: State) -> Floats:
    """Factors [M, D] of the fines, by what is beyond its capacity now."""
    dearer = np.minimum(DEAREST, factors * DEARER)
    return np.where(state.held > of.capacity, dearer, np.maximum(1.0, factors * CHEAPER))
