"""Place one task after another where every rule allows it; a strategy chooses among the hosts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.rulebook import blocked
from quorate.plan.bulk.table import Flags, Whole
from quorate.plan.problem import RESERVED_CPU, RESERVED_MEMORY, Problem

Choose = Callable[[Ledger, int, Whole], int]
"""Of the hosts where an item may have one more task, the one to take."""


def place(
    problem: Problem,
    order: Iterable[int],
    choose: Choose,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Ledger, dict[int, int]]:
    """A placement, and by item the tasks that found no room.

    Services that must share servers are placed one right after another, the one with
    the most tasks first, and only where there is room for all of them.

    Args:
        order: every item once.
        stop: asked before each item; what is left then finds no room.
    """
    ledger = Ledger(problem, np.zeros((len(problem.items), len(problem.hosts)), dtype=np.int32))
    waiting = {item.service.id for item in problem.items}
    mates = joined(ledger)
    left: dict[int, int] = {}
    for first in order:
        group = sorted(mates.get(first, [first]), key=lambda i: (-problem.items[i].count, i))
        if problem.items[first].service.id not in waiting:
            continue
        for item in group:
            rest = [other for other in group if problem.items[other].service.id in waiting]
            waiting.discard(problem.items[item].service.id)
            rest.remove(item)
            missing = problem.items[item].count
            while missing and not stop():
                free = _room(ledger, item, rest, waiting)
                if not len(free):
                    break
                ledger.put(item, choose(ledger, item, free))
                missing -= 1
            if missing:
                left[item] = missing
    return ledger, left


def joined(ledger: Ledger) -> dict[int, list[int]]:
    """By item: all items that must share its servers, directly or through others."""
    problem = ledger.problem
    near: dict[int, set[int]] = defaultdict(set)
    for relation in ledger.table.beside:
        pair = [problem.item_of.get(s.id) for s in (relation.inner, relation.outer)]
        if pair[0] is not None and pair[1] is not None:
            near[pair[0]].add(pair[1])
            near[pair[1]].add(pair[0])
    found: dict[int, list[int]] = {}
    for first in near:
        if first in found:
            continue
        group, ahead = {first}, [first]
        while ahead:
            for other in near[ahead.pop()] - group:
                group.add(other)
                ahead.append(other)
        for item in group:
            found[item] = sorted(group)
    return found


def _room(ledger: Ledger, item: int, rest: Sequence[int], waiting: set[str]) -> Whole:
    """Hosts for one more task of an item, and for as many of the rest that come there too."""
    free: Flags = blocked(ledger, item, waiting=waiting).free
    if rest:
        table = ledger.table
        for other in rest:
            free = free & blocked(ledger, other, waiting=waiting).free
        asked = table.ask[[item, *rest]].sum(axis=0)
        fits = (ledger.used + asked <= table.bound) | (asked == 0)
        fits[:, -1] |= ~table.counts_disk
        free = free & fits.all(axis=1)
    found: Whole = np.nonzero(free)[0]
    return found


def cheapest(ledger: Ledger, item: int, free: Whole) -> int:
    """Where one more task costs least, then the first."""
    points = np.zeros(ledger.table.hosts, dtype=np.int64)
    for each in ledger.adding(item).values():
        points += each
    return int(free[int(np.argmin(points[free]))])


def roomiest(ledger: Ledger, item: int, free: Whole) -> int:
    """Where the smallest share of memory or CPU is reserved: what packs worst but fits most."""
    whole = np.maximum(1, ledger.table.total[free])
    shares = ledger.used[free] / whole
    fullest = np.maximum(shares[:, RESERVED_MEMORY], shares[:, RESERVED_CPU])
    return int(free[int(np.argmin(fullest))])


def tightest_first(problem: Problem) -> list[int]:
    """Items in the order that leaves most room: few servers first, then the largest."""

    def key(item: int) -> tuple[int, int, int]:
        service = problem.items[item].service
        hosts = len(problem.allowed(service.pins, service.constraints))
        # Rules of a few servers matter; above that size does.
        return min(hosts, 8), -max(problem.items[item].ask.resources[:2]), item

    return sorted(range(len(problem.items)), key=key)
