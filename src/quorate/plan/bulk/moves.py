"""One task on every other server at once; the few nearest are told, the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quorate.fleet.model import Service
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.rulebook import Blocked, Reason, blocked, left_alone
from quorate.plan.bulk.table import Whole
from quorate.plan.moves import Alternative, Survey, priced, survey_of
from quorate.plan.occupancy import Occupancy
from quorate.plan.rules import Rule

TOLD = 5
"""Servers named one by one for each service of a large fleet: those it would cost least on."""

DEARER = "costs more than the servers named"


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What one task of an item meets elsewhere. `points` are by term and host."""

    blocked: Blocked
    stays: Reason | None
    others: Whole
    points: dict[str, Whole]

    def terms(self, host: int) -> dict[str, int]:
        found = {term: int(each[host]) for term, each in self.points.items()}
        return {term: points for term, points in found.items() if points}

    def reason(self, host: int) -> Reason | None:
        """What forbids a host; None when nothing does."""
        return self.stays if self.blocked.codes[host] == 0 else self.blocked.reason(host)


class BulkMoves:
    """`moves.Moves` on arrays. A placement that keeps the rules is taken for granted."""

    def __init__(self, there: Occupancy, *, told: int | None = TOLD) -> None:
        """`told`: how many servers are named for each service; None: every one."""
        self.there = there
        self.told = told
        self.problem = there.problem
        self.ledger = Ledger(there.problem, there.counts)

    def alternatives(self, service: Service) -> Iterator[Alternative]:
        """Every other server."""
        look = self._look(service)
        if look is not None:
            for host in look.others.tolist():
                yield self._alternative(look, host)

    def survey(self, service: Service) -> Survey:
        if self.told is None:
            return survey_of(self.alternatives(service))
        look = self._look(service)
        if look is None:
            return Survey(told=())
        free = look.others[look.blocked.codes[look.others] == 0]
        if look.stays is not None:
            free = free[:0]
        total = np.zeros(self.ledger.table.hosts, dtype=np.int64)
        for each in look.points.values():
            total += each
        nearest = free[np.lexsort((free, total[free]))][: self.told].tolist()
        told = tuple(self._alternative(look, host) for host in nearest)
        more: Counter[str] = Counter()
        codes, hosts, numbers = np.unique(
            look.blocked.codes[look.others], return_index=True, return_counts=True
        )
        for code, place, number in zip(codes, hosts, numbers, strict=True):
            reason = look.reason(int(look.others[place]))
            if reason is not None:
                more[reason.brief] += int(number)
            elif code == 0 and number > len(nearest):
                more[DEARER] += int(number) - len(nearest)
        return Survey(told=told, more=dict(more), best=told[0].points if told else None)

    def _look(self, service: Service) -> _Look | None:
        here = self.there.homes(service)
        if not here:
            return None
        index, home = self.problem.item_of[service.id], here[-1]
        others = np.ones(self.ledger.table.hosts, dtype=np.bool_)
        others[list(here)] = False
        self.ledger.take(index, home)
        adding = self.ledger.adding(index)
        look = _Look(
            blocked=blocked(self.ledger, index),
            stays=left_alone(self.ledger, index, home),
            others=np.nonzero(others)[0],
            points={term: each - each[home] for term, each in adding.items()},
        )
        self.ledger.put(index, home)
        return look

    def _alternative(self, look: _Look, host: int) -> Alternative:
        name = self.problem.hosts[host].server.name
        reason = look.reason(host)
        if reason is None:
            terms = look.terms(host)
            return Alternative(server=name, rule=None, words=priced(terms), points=terms)
        words = reason.words(host)
        rule = Rule(kind=reason.kind, words=words, short=words, where=reason.where, limits=())
        return Alternative(server=name, rule=rule, words=words, points={})
