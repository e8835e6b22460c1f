"""The problem as a CP-SAT model: counts by item and host, rules, and the price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from quorate.plan.cost import Burst, Costs, Fill, Link, Together
from quorate.plan.cpsat import Model, Term
from quorate.plan.problem import Counts, Problem
from quorate.plan.rules import COUNT, Limit, Rule, Variable


class Encoding:
    """A model and the meaning of its variables."""

    def __init__(self, problem: Problem, highest: Sequence[Sequence[int]]) -> None:
        """`highest[item][host]`: the most tasks of an item a host may get."""
        self.model = Model()
        self.problem = problem
        self._highest = highest
        self._hosts = range(len(problem.hosts))
        self._counts = [[self.model.integer(0, most) for most in row] for row in highest]
        self._present: dict[tuple[int, int], int] = {}
        self._derived: list[tuple[int, Callable[[Counts], int]]] = []
        for item, row in zip(problem.items, self._counts, strict=True):
            self.model.equal(((1, variable) for variable in row), item.count)

    def variable(self, variable: Variable) -> int:
        kind, item, host = variable
        return self._counts[item][host] if kind == COUNT else self._presence(item, host)

    def add(self, limit: Limit, *, when: int | None = None) -> None:
        """Enforce a limit (only while the boolean `when` holds)."""
        terms = [(coefficient, self.variable(v)) for coefficient, v in limit.terms]
        self.model.at_most(terms, limit.bound, when=when)

    def price(self, costs: Costs) -> None:
        """Minimise the costs."""
        for row, prices in zip(self._counts, costs.single, strict=True):
            self.model.minimise(
                (sum(price.values()), v) for v, price in zip(row, prices, strict=True) if price
            )
        for group in costs.together:
            self._together(group)
        for link in costs.links:
            self._link(link)
        for burst in costs.bursts:
            self._burst(burst)
        for host in self._hosts:
            fills = [fill for fill in costs.fills if fill.host == host]
            for fill in fills:
                self._fill(fill)

    def read(self, values: Sequence[int]) -> Counts:
        return [[values[variable] for variable in row] for row in self._counts]

    def hint(self, counts: Counts) -> None:
        """Start from this answer, whatever follows from it included."""
        values = {
            variable: tasks
            for row, hint in zip(self._counts, counts, strict=True)
            for variable, tasks in zip(row, hint, strict=True)
        }
        values.update((variable, of(counts)) for variable, of in self._derived)
        self.model.hint(values)

    def _derive(self, highest: int, of: Callable[[Counts], int]) -> int:
        """A variable that follows from the counts; `of` computes it for hints."""
        variable = self.model.integer(0, highest)
        self._derived.append((variable, of))
        return variable

    def _presence(self, item: int, host: int) -> int:
        if self._highest[item][host] <= 1:
            return self._counts[item][host]
        known = self._present.get((item, host))
        if known is None:
            known = self._derive(1, lambda counts: min(1, counts[item][host]))
            self._present[item, host] = known
            count = self._counts[item][host]
            self.model.at_most([(1, count), (-self._highest[item][host], known)], 0)
            self.model.at_most([(1, known), (-1, count)], 0)
        return known

    def _together(self, group: Together) -> None:
        used = []
        for host in self._hosts:
            possible = [item for item in group.items if self._highest[item][host]]
            if host in group.fixed or not possible:
                continue
            flag = self._derive(1, _any(possible, host))
            for item in possible:
                self.model.at_most([(1, self._presence(item, host)), (-1, flag)], 0)
            used.append(flag)
        if used:
            self.model.minimise(
                ((group.points, flag) for flag in used),
                constant=group.points * (len(group.fixed) - 1),
            )
            if not group.fixed:
                self.model.at_most(((-1, flag) for flag in used), -1)
        else:
            self._constant(group.points * max(0, len(group.fixed) - 1))

    def _link(self, link: Link) -> None:
        for host in self._hosts:
            most = self._highest[link.item][host]
            if not most:
                continue
            count = self._counts[link.item][host]
            if link.target is None:
                if host not in link.hosts:
                    self.model.minimise([(link.points, count)])
            elif not self._highest[link.target][host]:
                self.model.minimise([(link.points, count)])
            else:
                away = self._derive(most, _away(link.item, link.target, host))
                there = self._presence(link.target, host)
                self.model.at_most([(1, count), (-most, there), (-1, away)], 0)
                self.model.minimise([(link.points, away)])

    def _burst(self, burst: Burst) -> None:
        for host in self._hosts:
            prices = zip(burst.points[host], burst.victims, strict=True)
            victims = [(each, victim) for each, victim in prices if self._highest[victim][host]]
            terms: list[Term] = [(each, self._counts[victim][host]) for each, victim in victims]
            if burst.item is None:
                if host in burst.hosts:
                    self.model.minimise(terms, burst.present[host])
                continue
            if not self._highest[burst.item][host]:
                continue
            here = self._presence(burst.item, host)
            self.model.minimise([(burst.present[host], here)])
            most = sum(each * self._highest[victim][host] for each, victim in victims)
            if most:
                suffering = self._derive(most, _suffering(burst.item, victims, host))
                self.model.at_most([*terms, (most, here), (-1, suffering)], most)
                self.model.minimise([(1, suffering)])

    def _fill(self, fill: Fill) -> None:
        terms = [
            (share, self._counts[item][fill.host])
            for item, share in enumerate(fill.shares)
            if share and self._highest[item][fill.host]
        ]
        most = fill.start + sum(
            share * self._highest[item][fill.host] for item, share in enumerate(fill.shares)
        )
        for threshold, slope in fill.steps:
            if most <= threshold:
                continue
            if fill.start >= threshold:
                self.model.minimise(
                    ((slope * share, v) for share, v in terms), slope * (fill.start - threshold)
                )
                continue
            above = self._derive(most - threshold, _above(fill, threshold))
            self.model.at_most([*terms, (-1, above)], threshold - fill.start)
            self.model.minimise([(slope, above)])

    def _constant(self, points: int) -> None:
        self.model.minimise((), points)


def _any(items: Sequence[int], host: int) -> Callable[[Counts], int]:
    return lambda counts: int(any(counts[item][host] for item in items))


def _away(item: int, target: int, host: int) -> Callable[[Counts], int]:
    return lambda counts: 0 if counts[target][host] else counts[item][host]


def _suffering(item: int, victims: Sequence[tuple[int, int]], host: int) -> Callable[[Counts], int]:
    return lambda counts: (
        sum(each * counts[victim][host] for each, victim in victims) if counts[item][host] else 0
    )


def _above(fill: Fill, threshold: int) -> Callable[[Counts], int]:
    def above(counts: Counts) -> int:
        shares = zip(fill.shares, counts, strict=True)
        return max(0, fill.start + sum(s * row[fill.host] for s, row in shares) - threshold)

    return above


def highest(problem: Problem, rules: Iterable[Rule]) -> list[list[int]]:
    """The most tasks of each item on each host, from the rules that name one count alone."""
    most = [[item.count] * len(problem.hosts) for item in problem.items]
    for rule in rules:
        for limit in rule.limits:
            for coefficient, (kind, item, host) in limit.terms:
                # All coefficients of capacity rules are positive, so each term
                # alone bounds its count; others bound theirs when they stand alone.
                alone = len(limit.terms) == 1 or all(c > 0 for c, _ in limit.terms)
                if alone and coefficient > 0 and (kind == COUNT or limit.bound < 1):
                    bound = max(0, limit.bound // coefficient)
                    most[item][host] = min(most[item][host], bound)
    return most
