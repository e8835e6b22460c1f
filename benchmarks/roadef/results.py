"""Published results of the challenge's instances, and what is aimed at.

Figures only, as they were collected for this project; none was checked against its
original publication here. `LOWER`: a published lower bound, and for some a larger one
by a mixed-integer program. `S41`: the results of team S41 after 300 s with one seed.
`BEST`: the official best value, quoted from memory, unchecked; for one instance also that of
a mixed-integer program after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = (
    "collected figures, not checked against their publications: a published lower bound (and by a "
    "mixed-integer program, MIP), team S41 after 300 s with one seed, the official best value "
    "(from memory; a1_2 also by a MIP in 1 h)"
)

LOWER = "lower bound"
MIP_LOWER = "lower bound, MIP"
S41 = "S41"
BEST = "best"
MIP = "MIP, 1 h"

PUBLISHED: dict[str, dict[str, int]] = {
    "a1_1": {LOWER: 44306390, S41: 44306501, BEST: 44306501},
    "a1_2": {LOWER: 777530730, S41: 777912030, BEST: 777532896, MIP: 777531842},
    "a1_3": {LOWER: 583005700, S41: 583006422, BEST: 583005717},
    "a1_4": {LOWER: 242387530, S41: 262125116, BEST: 252728589},
    "a1_5": {LOWER: 727578290, S41: 727578310, BEST: 727578309},
    "a2_1": {LOWER: 0, S41: 329, BEST: 198},
    "a2_2": {LOWER: 13590090, MIP_LOWER: 551527124, S41: 746097632, BEST: 816523983},
    "a2_3": {LOWER: 521441700, MIP_LOWER: 1038526333, S41: 1210644572, BEST: 1306868761},
    "b_1": {LOWER: 3290754940, S41: 3353533859, BEST: 3339186879},
}

TARGETS = {"a1_": 0.01, "a2_": 0.5, "b_": 0.5}
"""Percent of the original cost above the best known value, by how an instance's name begins."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A cost beside what is published; `score` is in percent of the original cost.

    `best`, `score` and `target` are None where nothing is published for the instance.
    """

    best: int | None
    score: float | None
    target: float | None

    @property
    def met(self) -> bool | None:
        """Whether the score is within the target; None without one."""
        if self.score is None or self.target is None:
            return None
        return self.score <= self.target


def best_known(name: str) -> int | None:
    """The lowest published cost, None when there is none."""
    known = PUBLISHED.get(name, {})
    costs = [known[key] for key in (S41, BEST, MIP) if key in known]
    return min(costs, default=None)


def standing(name: str, original: int, cost: int) -> Standing:
    """How a cost compares: (cost - best known) / original cost, as the challenge scored."""
    best = best_known(name)
    if best is None:
        return Standing(best=None, score=None, target=None)
    score = 100 * (cost - best) / original if original else 0.0
    target = next((value for start, value in TARGETS.items() if name.startswith(start)), None)
    return Standing(best=best, score=score, target=target)


def against(name: str, original: int, cost: int, column: str) -> float | None:
    """A cost above one published value, in percent of the original cost; None without one."""
    known = PUBLISHED.get(name, {}).get(column)
    return 100 * (cost - known) / original if known is not None and original else None
