"""What simple schedulers do on the same fleet: first-fit, best-fit, and Swarm's own spread.

Each keeps every hard rule (a task goes only where all of them allow it); what finds no
room is counted, not hidden.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quorate.plan.bulk.fit import Choose, place
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.table import Whole
from quorate.plan.problem import RESERVED_CPU, RESERVED_MEMORY, Counts, Problem


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A placement. `left`: tasks without a server; `seconds` it took."""

    name: str
    counts: Counts
    left: int
    seconds: float


def all_of(problem: Problem) -> list[Baseline]:
    """Every baseline on a problem."""
    given = list(range(len(problem.items)))
    falling = sorted(given, key=lambda i: (-max(problem.items[i].ask.resources[:2]), i))
    return [
        _run("first-fit", problem, given, _first),
        _run("first-fit, largest first", problem, falling, _first),
        _run("best-fit", problem, given, _tightest),
        _run("best-fit, largest first", problem, falling, _tightest),
        _run("Swarm's spread", problem, given, _emptiest),
    ]


def _run(name: str, problem: Problem, order: Sequence[int], choose: Choose) -> Baseline:
    started = time.perf_counter()
    ledger, left = place(problem, order, choose)
    return Baseline(
        name=name,
        counts=ledger.counts.tolist(),
        left=sum(left.values()),
        seconds=time.perf_counter() - started,
    )


def _first(ledger: Ledger, item: int, free: Whole) -> int:
    return int(free[0])


def _tightest(ledger: Ledger, item: int, free: Whole) -> int:
    """The host that is left with the least, memory and CPU weighed as shares of its own."""
    left = np.zeros(len(free))
    for resource in (RESERVED_MEMORY, RESERVED_CPU):
        whole = np.maximum(1, ledger.table.total[free, resource])
        left += (ledger.table.bound[free, resource] - ledger.used[free, resource]) / whole
    return int(free[int(np.argmin(left))])


def _emptiest(ledger: Ledger, item: int, free: Whole) -> int:
    """As Swarm ranks nodes: fewest tasks of the service, then fewest tasks, then any."""
    mine = ledger.counts[item, free]
    return int(free[int(np.lexsort((free, ledger.tasks[free], mine))[0])])
