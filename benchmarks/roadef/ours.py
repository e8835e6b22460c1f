"""The solver that is measured: the planner's, with more planned than fits the time.

A plan of a fleet ends when what was planned is done, so that a seed gives the same answer again.
Here all of the time counts: it ends by the clock.
"""

from __future__ import annotations

from typing import Any

from quorate.plan.search.arrays import Instance, Smalls
from quorate.plan.search.run import ROUND_SECONDS, Result
from quorate.plan.search.run import improve as planner

MORE = 1.3
"""Rounds planned, for each that fits by its planned length; a machine may be that much quicker."""


def improve(of: Instance, place: Smalls, *, time_limit: float, **how: Any) -> Result:
    """As `quorate.plan.search.run.improve`."""
    planned = max(4, round(MORE * time_limit / ROUND_SECONDS))
    return planner(of, place, time_limit=time_limit, planned=planned, **how)
