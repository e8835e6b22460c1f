"""Why a service is where it is, and what speaks against every other server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate.fleet.model import Engine, Service
from quorate.plan.cost import TERMS, Costs, evaluate, stateful
from quorate.plan.pool import Pool, homes
from quorate.plan.problem import MEMORY, RESERVED_MEMORY, Counts, Problem
from quorate.plan.rules import Limit, Rule, capacity_of, figure, forbidden, value
from quorate.plan.use import residents
from quorate.plan.words import count, listed, size, threads


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One task on another server, in thought.

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
class Explanation:
    """Reasons, the one that decided first; `rejected` by the name of every other server."""

    reasons: tuple[str, ...]
    rejected: dict[str, str]


class Explainer:
    """Explains one answer: moves each service in thought and looks what happens."""

    def __init__(
        self, problem: Problem, counts: Counts, rules: tuple[Rule, ...], costs: Costs
    ) -> None:
        self.problem = problem
        self.counts = counts
        self.costs = costs
        self.price = evaluate(costs, counts)
        self._limits: dict[tuple[int, int], list[tuple[Rule, Limit]]] = {}
        for rule in rules:
            for limit in rule.limits:
                for place in {(item, host) for _, (_, item, host) in limit.terms}:
                    self._limits.setdefault(place, []).append((rule, limit))

    def explain(self, service: Service, pool: Pool) -> Explanation:
        """The reasons of a service's homes."""
        index = self.problem.item_of.get(service.id)
        if index is None:
            return Explanation(
                reasons=self._given(service, pool), rejected=self._unreached(service)
            )
        here = homes(self.problem, self.counts, service)
        found = list(self.alternatives(service))
        rejected = {one.server: one.words for one in found}
        extra = [one.points for one in found if one.rule is None]
        reasons = list(self._reasons(service, index, here, extra, rejected))
        return Explanation(reasons=(*reasons, f"pool: {pool.why}"), rejected=rejected)

    def alternatives(self, service: Service) -> Iterator[Alternative]:
        """Every other server, for a service that has a home chosen by the planner."""
        index = self.problem.item_of[service.id]
        here = homes(self.problem, self.counts, service)
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
                yield Alternative(server=name, rule=None, words=_priced(points), points=points)

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

    def _reasons(
        self,
        service: Service,
        index: int,
        here: tuple[int, ...],
        extra: Sequence[Mapping[str, int]],
        rejected: Mapping[str, str],
    ) -> Iterator[str]:
        said = dict(self._facts(service, index, here))
        if not extra and rejected:
            yield _only(self.problem, service, rejected)
        elif extra:
            nearest = min(extra, key=lambda terms: (sum(terms.values()), sorted(terms.items())))
            deciding = sorted(nearest.items(), key=lambda pair: -pair[1])
            order = [term for term, points in deciding if points > 0]
            for term in order:
                if term in said:
                    yield said.pop(term)
        yield from said.values()

    def _facts(
        self, service: Service, index: int, here: tuple[int, ...]
    ) -> Iterator[tuple[str, str]]:
        """What is good about the homes, by the term of the price it saves."""
        ask = self.problem.items[index].ask
        names = [self.problem.hosts[host].server.name for host in dict.fromkeys(here)]
        yield from self._away(service, index, here)
        if stateful(service):
            yield from self._stable(here[0])
        with_it = self._neighbours(service, here)
        if with_it:
            yield "needs", f"with {listed(with_it)} that it needs"
        mates = self._mates(service, here, "stack")
        if mates:
            yield "stack", f"with {count(mates, 'other service')} of stack {service.stack}"
        mates = self._mates(service, here, "workload_class")
        if mates:
            yield "class", f"with {count(mates, 'other')} of class {service.workload_class}"
        now = self.problem.current.get(service.id)
        if now and set(here) <= set(now):
            yield "move", "stays where it runs now"
        free = [self._free(index, host) for host in dict.fromkeys(here)]
        reserved = ask.resources[RESERVED_MEMORY]
        takes = (
            f"{size(reserved)} reserved" if reserved else f"{size(ask.resources[MEMORY])} needed"
        )
        yield "balance memory", f"{takes} of {size(min(free))} free on {listed(names)}"

    def _away(
        self, service: Service, index: int, here: tuple[int, ...]
    ) -> Iterator[tuple[str, str]]:
        burst = self.problem.items[index].ask.burst
        for isolation in self.problem.fleet.policy.isolation:
            if service.workload_class != isolation.spiky or not service.load.spiky:
                continue
            away = [
                other
                for other in self.problem.fleet.services
                if other.workload_class == isolation.away_from
                and not set(here) & set(homes(self.problem, self.counts, other))
            ]
            use = sum(other.load.cpu * other.replicas for other in away)
            if away:
                yield (
                    "starve",
                    f"away from {count(len(away), isolation.away_from + ' service')} "
                    f"({threads(use * 1000)} in use) that its bursts of {threads(burst)} "
                    "could starve",
                )

    def _stable(self, home: int) -> Iterator[tuple[str, str]]:
        server = self.problem.hosts[home].server
        parts = []
        if server.uptime_days is not None:
            parts.append(f"{server.uptime_days:g} days of uptime")
        if server.reliability is not None:
            parts.append(f"up {server.reliability:.1%} of the time")
        if parts:
            yield "stability", f"{', '.join(parts)} for its data"

    def _neighbours(self, service: Service, here: tuple[int, ...]) -> list[str]:
        found = []
        for name in service.needs:
            other = self.problem.find(service, name)
            if other is not None and set(here) & set(homes(self.problem, self.counts, other)):
                found.append(other.id)
        return found

    def _mates(self, service: Service, here: tuple[int, ...], attribute: str) -> int:
        return sum(
            1
            for other in self.problem.fleet.services
            if other.id != service.id
            and getattr(other, attribute) == getattr(service, attribute)
            and other.id in self.problem.item_of
            and set(here) & set(homes(self.problem, self.counts, other))
        )

    def _free(self, index: int, host: int) -> int:
        """Memory left at baseline on a host without this item, in MiB."""
        target = self.problem.hosts[host]
        used = sum(
            tasks * ask.resources[MEMORY]
            for _, _, ask, _, tasks in residents(self.problem, self.counts, host)
        )
        mine = self.counts[index][host] * self.problem.items[index].ask.resources[MEMORY]
        return target.total[MEMORY] - target.beside[MEMORY] - used + mine

    def _given(self, service: Service, pool: Pool) -> tuple[str, ...]:
        return (pool.why,)

    def _unreached(self, service: Service) -> dict[str, str]:
        out: dict[str, str] = {}
        fixed = self.problem.fixed_of.get(service.id)
        if fixed is not None and service.engine is Engine.COMPOSE:
            servers = enumerate(self.problem.hosts)
            words = "its stack runs by docker compose elsewhere"
            return {
                target.server.name: words for host, target in servers if host not in fixed.hosts
            }
        for _, words, hosts in forbidden(self.problem, service):
            for host in hosts:
                out.setdefault(self.problem.hosts[host].server.name, words)
        return out


def _only(problem: Problem, service: Service, rejected: Mapping[str, str]) -> str:
    if service.pins:
        return f"pinned by its owner to {listed(service.pins)}"
    constraints = [words for kind, words, _ in forbidden(problem, service) if kind == "constraint"]
    if constraints and set(rejected.values()) <= set(constraints):
        given = [words.removesuffix(" excludes it") for words in constraints]
        return f"{listed(given)} leaves nowhere else"
    causes = Counter(rejected.values()).most_common()
    return f"nowhere else: {listed([words for words, _ in causes], most=2)}"


def _priced(extra: Counter[str]) -> str:
    """The cost a move would add, term by term, the heaviest first."""
    more = sorted(((points, term) for term, points in extra.items() if points > 0), reverse=True)
    less = sum(points for points in extra.values() if points < 0)
    if not more:
        return "as good: the difference is nothing"
    text = ", ".join(f"{TERMS[term]} +{points}" for points, term in more[:4])
    rest = sum(points for points, _ in more[4:])
    text += f", others +{rest}" if rest else ""
    text += f", gains {less}" if less else ""
    return f"costs {extra.total()} points more: {text}"
