"""One task on another server, in thought: which rule forbids it, or what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from quorate.fleet.model import Service
from quorate.plan.cost import TERMS, Costs, evaluate
from quorate.plan.occupancy import Occupancy
from quorate.plan.rules import Limit, Rule, capacity_of, figure, value


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One task on another server.

    `rule` is the first hard rule that forbids it, None when none does; then `points` is
    what it would add to the price, term by term.
    """

    server: str
    rule: Rule | None
    words: str
    points: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.points.values())


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What speaks against the other servers.

    `told` are those named one by one; of the others, `more` says how many there are for
    each reason. `best`: what the cheapest allowed one would add, by term; None: none is.
    """

    told: tuple[Alternative, ...]
    more: Mapping[str, int] = field(default_factory=dict)
    best: Mapping[str, int] | None = None

    @property
    def causes(self) -> Counter[str]:
        """Every reason and how many servers it is one for."""
        return Counter([one.words for one in self.told]) + Counter(dict(self.more))


class Moves(Protocol):
    """Looks at every other server for a service that has a home chosen by the planner."""

    def alternatives(self, service: Service) -> Iterator[Alternative]: ...

    def survey(self, service: Service) -> Survey: ...


class ExactMoves:
    """By the list of rules and prices: every server, one by one."""

    def __init__(self, there: Occupancy, rules: Iterable[Rule], costs: Costs) -> None:
        self.there = there
        self.problem = there.problem
        self.counts = there.counts
        self.costs = costs
        self.price = evaluate(costs, self.counts)
        self._limits: dict[tuple[int, int], list[tuple[Rule, Limit]]] = {}
        for rule in rules:
            for limit in rule.limits:
                for place in {(item, host) for _, (_, item, host) in limit.terms}:
                    self._limits.setdefault(place, []).append((rule, limit))

    def survey(self, service: Service) -> Survey:
        return survey_of(self.alternatives(service))

    def alternatives(self, service: Service) -> Iterator[Alternative]:
        """Every other server."""
        index = self.problem.item_of[service.id]
        here = self.there.homes(service)
        for host, target in enumerate(self.problem.hosts):
            if host in here or not here:
                continue
            name = target.server.name
            broken = self._broken(index, here[-1], host)
            if broken is not None:
                rule, words = broken
                yield Alternative(server=name, rule=rule, words=words, points={})
            else:
                points = self._difference(index, here[-1], host)
                yield Alternative(server=name, rule=None, words=priced(points), points=points)

    def _broken(self, item: int, home: int, host: int) -> tuple[Rule, str] | None:
        """The first hard rule that moving one task breaks, and its words."""
        row = self.counts[item]
        row[home] -= 1
        row[host] += 1
        try:
            for rule, limit in [
                *self._limits.get((item, host), ()),
                *self._limits.get((item, home), ()),
            ]:
                if not limit.holds(self.counts):
                    return rule, self._words(rule, limit, item, host)
            return None
        finally:
            row[home] += 1
            row[host] -= 1

    def _words(self, rule: Rule, limit: Limit, item: int, host: int) -> str:
        resource = capacity_of(rule)
        if resource is None:
            return rule.short
        asked = self.problem.items[item].ask.resources[resource]
        used = sum(c * value(self.counts, v) for c, v in limit.terms)
        free = limit.bound - used + asked
        takes, left = figure(resource, asked), figure(resource, max(0, free))
        return f"{rule.short}: it takes {takes}, {left} is free"

    def _difference(self, item: int, home: int, host: int) -> Counter[str]:
        row = self.counts[item]
        row[home] -= 1
        row[host] += 1
        price = evaluate(self.costs, self.counts)
        row[home] += 1
        row[host] -= 1
        price.subtract(self.price)
        return price


def survey_of(alternatives: Iterable[Alternative]) -> Survey:
    """Every alternative told."""
    told = tuple(alternatives)
    extra = [one.points for one in told if one.rule is None]
    best = min(extra, key=lambda terms: (sum(terms.values()), sorted(terms.items())), default=None)
    return Survey(told=told, best=best)


def priced(extra: Mapping[str, int]) -> str:
    """The cost a move would add, term by term, the heaviest first."""
    more = sorted(((points, term) for term, points in extra.items() if points > 0), reverse=True)
    less = sum(points for points in extra.values() if points < 0)
    if not more:
        return "as good: the difference is nothing"
    text = ", ".join(f"{TERMS[term]} +{points}" for points, term in more[:4])
    rest = sum(points for points, _ in more[4:])
    text += f", others +{rest}" if rest else ""
    text += f", gains {less}" if less else ""
    return f"costs {sum(extra.values())} points more: {text}"
