"""What a solver answers."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.plan.problem import Counts


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The solver's answer. `objective` and `bound` in points.

    `status`: `optimal` (proven) or `feasible`. `stopped`: ended by request before its time.
    """

    status: str
    counts: Counts
    objective: float
    bound: float
    seconds: float
    stopped: bool = False
