"""The other side of a what-if on a large fleet: what is missing or too much goes elsewhere.

As `whatif.settle` does, on arrays; the solver is not asked for the fewest moves.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quorate.plan.bulk.fit import cheapest, joined
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.rulebook import blocked
from quorate.plan.problem import Counts
from quorate.plan.whatif.side import Side


def settle_large(
    side: Side, counts: Counts, forced: Mapping[str, tuple[int, ...]], *, mend: bool
) -> Side:
    """The side with these counts, missing tasks placed and, with `mend`, broken rules mended."""
    problem = side.problem
    held = frozenset(problem.item_of[name] for name in forced)
    ledger = Ledger(problem, counts)
    if mend:
        _allow(ledger, held)
    _grow(ledger)
    plain = side.moved_to(ledger.counts.tolist())
    if not mend or _kept(plain):
        return plain
    _follow(ledger, held)
    _relieve(ledger, held)
    _grow(ledger)
    mended = side.moved_to(ledger.counts.tolist())
    return mended if _kept(mended) else plain


def _kept(side: Side) -> bool:
    placed = side.ledger.counts.sum(axis=1)
    return bool((placed == side.ledger.table.count).all()) and not side.broken_rules


def _allow(ledger: Ledger, held: frozenset[int]) -> None:
    """Take tasks off hosts that a rule of their own (a pin, a constraint) forbids."""
    for index, item in enumerate(ledger.problem.items):
        service = item.service
        if index in held or not (service.pins or service.constraints):
            continue
        allowed = ledger.problem.allowed(service.pins, service.constraints)
        for host in np.nonzero(ledger.counts[index])[0].tolist():
            if host not in allowed:
                ledger.put(index, host, -int(ledger.counts[index, host]))


def _grow(ledger: Ledger) -> None:
    """Missing tasks go, one after another, where they break no rule and cost least."""
    missing = ledger.table.count - ledger.counts.sum(axis=1)
    for index in np.nonzero(missing > 0)[0].tolist():
        for _ in range(int(missing[index])):
            free = np.nonzero(blocked(ledger, index).free)[0]
            if not len(free):
                break
            ledger.put(index, cheapest(ledger, index, free))


def _follow(ledger: Ledger, held: frozenset[int]) -> None:
    """Who must be beside what was moved comes along, where it has as many tasks."""
    mates = joined(ledger)
    for index in sorted(held):
        for mate in mates.get(index, ()):
            if mate in held or ledger.table.count[mate] != ledger.table.count[index]:
                continue
            for host in np.nonzero(ledger.counts[mate] != ledger.counts[index])[0].tolist():
                ledger.put(mate, host, int(ledger.counts[index, host] - ledger.counts[mate, host]))


def _relieve(ledger: Ledger, held: frozenset[int]) -> None:
    """Hosts that are too full give tasks up, the largest first."""
    table, items = ledger.table, ledger.problem.items
    full = ledger.used > table.bound
    for host, resource in np.argwhere(full).tolist():
        if table.out(resource)[host]:
            continue
        there = np.nonzero(ledger.counts[:, host])[0]
        for index in there[np.argsort(-table.ask[there, resource], kind="stable")].tolist():
            movable = index not in held and items[index].service.movable
            while (
                movable
                and ledger.counts[index, host]
                and ledger.used[host, resource] > table.bound[host, resource]
            ):
                ledger.take(index, host)
