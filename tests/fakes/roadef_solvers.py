"""Solvers that stay, lie, break rules, crash or wait, for the command that measures solvers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from quorate.plan.search.arrays import Instance, Smalls
from tests.fakes.plain_cost import plain_cost

MARKER = "WAITING_MARKER"
"""The environment variable with the file that `waits` makes once it does."""


class Answer(NamedTuple):
    place: Any
    cost: int
    bound: int = 0


def made_up(of: Instance) -> bool:
    """Whether it is the instance that is solved before the measured ones."""
    return len(of.kind) == 60


def stays(of: Instance, place: Smalls, **_: object) -> Answer:
    return Answer(place, plain_cost(of, place.tolist()))


def lies(of: Instance, place: Smalls, **_: object) -> Answer:
    cost = plain_cost(of, place.tolist())
    return Answer(place, cost if made_up(of) else cost - 1)


def claims(of: Instance, place: Smalls, **_: object) -> Answer:
    cost = plain_cost(of, place.tolist())
    return Answer(place, cost, 0 if made_up(of) else cost + 1)


def breaks(of: Instance, place: Smalls, **_: object) -> Answer:
    there = place if made_up(of) else place * 0
    return Answer(there, plain_cost(of, there.tolist()))


def forgets(of: Instance, place: Smalls, **_: object) -> Answer:
    return Answer(place if made_up(of) else place[:-1], plain_cost(of, place.tolist()))


def crashes(of: Instance, place: Smalls, **_: object) -> Answer:
    if made_up(of):
        return stays(of, place)
    raise ValueError("no idea")


def waits(
    of: Instance, place: Smalls, *, stop: Callable[[], bool], time_limit: float, **_: object
) -> Answer:
    if not made_up(of):
        Path(os.environ[MARKER]).touch()
        until = time.monotonic() + time_limit
        while not stop() and time.monotonic() < until:
            time.sleep(0.02)
    return stays(of, place)
