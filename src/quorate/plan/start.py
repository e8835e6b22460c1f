"""A first placement to start the search from: largest first, where it fits and costs least.

Not proven to be anything; it spares the solver the search for a first answer on
large fleets. It may break `near` and shared volumes: the solver repairs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from quorate.plan.cost import Costs
from quorate.plan.problem import Counts, Problem
from quorate.plan.rules import PRESENT, Rule


class _Room:
    """How much of every limit is used so far."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._left: list[int] = []
        self._at: dict[tuple[int, int], list[tuple[int, int, bool]]] = defaultdict(list)
        for rule in rules:
            for limit in rule.limits:
                if all(coefficient > 0 for coefficient, _ in limit.terms):
                    self._left.append(limit.bound)
                    for coefficient, (kind, item, host) in limit.terms:
                        use = (len(self._left) - 1, coefficient, kind == PRESENT)
                        self._at[item, host].append(use)

    def fits(self, item: int, host: int, *, again: bool) -> bool:
        """Whether one more task does; `again` when the host already has one."""
        return all(
            coefficient <= self._left[limit]
            for limit, coefficient, once in self._at[item, host]
            if not (once and again)
        )

    def take(self, item: int, host: int, *, again: bool) -> None:
        for limit, coefficient, once in self._at[item, host]:
            if not (once and again):
                self._left[limit] -= coefficient


class _Builder:
    """Places one task after another."""

    def __init__(self, problem: Problem, rules: Sequence[Rule], costs: Costs) -> None:
        self.counts: Counts = [[0] * len(problem.hosts) for _ in problem.items]
        self._costs = costs
        self._room = _Room(rules)
        self._fills = [
            [fill for fill in costs.fills if fill.host == host]
            for host in range(len(problem.hosts))
        ]
        self._load = {(fill.term, fill.host): fill.start for fill in costs.fills}
        self._groups: dict[int, list[int]] = defaultdict(list)
        for index, group in enumerate(costs.together):
            for item in group.items:
                self._groups[item].append(index)
        self._used = [set(group.fixed) for group in costs.together]
        self._links: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for link in costs.links:
            if link.target is not None:
                self._links[link.item].append((link.target, link.points))
                self._links[link.target].append((link.item, link.points))

    def fits(self, item: int, host: int) -> bool:
        return self._room.fits(item, host, again=self.counts[item][host] > 0)

    def put(self, item: int, host: int) -> None:
        self._room.take(item, host, again=self.counts[item][host] > 0)
        self.counts[item][host] += 1
        for index in self._groups[item]:
            self._used[index].add(host)
        for fill in self._fills[host]:
            self._load[fill.term, host] += fill.shares[item]

    def price(self, item: int, host: int) -> int:
        """About what one more task there costs, and how full it makes the host."""
        points = sum(self._costs.single[item][host].values())
        for index in self._groups[item]:
            if self._used[index] and host not in self._used[index]:
                points += self._costs.together[index].points
        for other, each in self._links[item]:
            if any(self.counts[other]) and not self.counts[other][host]:
                points += each
        fullest = [self._load[f.term, host] + f.shares[item] for f in self._fills[host]]
        return points + max(fullest)


def start(
    problem: Problem, rules: Sequence[Rule], costs: Costs, highest: Sequence[Sequence[int]]
) -> Counts:
    """A placement, possibly with tasks left out or rules broken."""
    builder = _Builder(problem, rules, costs)

    def order(item: int) -> tuple[int, int, int]:
        widest = max(fill.shares[item] for fill in costs.fills)
        return sum(1 for most in highest[item] if most), -widest, item

    for item in sorted(range(len(problem.items)), key=order):
        for _ in range(problem.items[item].count):
            fitting = [
                host
                for host, most in enumerate(highest[item])
                if builder.counts[item][host] < most and builder.fits(item, host)
            ]
            if not fitting:
                break
            builder.put(item, min(fitting, key=lambda host: (builder.price(item, host), host)))
    return builder.counts
