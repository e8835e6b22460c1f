"""Why a service is where it is, and what speaks against every other server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from quorate.fleet.model import Engine, Service
from quorate.plan.cost import stateful
from quorate.plan.moves import Moves, Survey
from quorate.plan.occupancy import Occupancy
from quorate.plan.pool import Pool
from quorate.plan.problem import MEMORY, RESERVED_MEMORY, Problem
from quorate.plan.rules import forbidden
from quorate.plan.words import count, listed, size, threads


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Reasons, the one that decided first; `rejected` by the name of other servers.

    `rejected_more`: of the servers that are not named, how many for each reason.
    """

    reasons: tuple[str, ...]
    rejected: dict[str, str]
    rejected_more: dict[str, int] = field(default_factory=dict)


class Explainer:
    """Explains one answer: moves each service in thought and looks what happens."""

    def __init__(self, there: Occupancy, moves: Moves, *, brief: bool = False) -> None:
        """`brief`: servers that a service does not reach are counted, not named."""
        self.problem = there.problem
        self.there = there
        self.moves = moves
        self.brief = brief

    def explain(self, service: Service, pool: Pool) -> Explanation:
        """The reasons of a service's homes."""
        index = self.problem.item_of.get(service.id)
        if index is None:
            out = self._unreached(service)
            return Explanation(
                reasons=(pool.why,),
                rejected={} if self.brief else out,
                rejected_more=dict(Counter(out.values())) if self.brief else {},
            )
        here = self.there.homes(service)
        survey = self.moves.survey(service)
        reasons = list(self._reasons(service, index, here, survey))
        return Explanation(
            reasons=(*reasons, f"pool: {pool.why}"),
            rejected={one.server: one.words for one in survey.told},
            rejected_more=dict(survey.more),
        )

    def _reasons(
        self, service: Service, index: int, here: tuple[int, ...], survey: Survey
    ) -> Iterator[str]:
        said = dict(self._facts(service, index, here))
        if survey.best is None:
            if survey.causes:
                yield _only(self.problem, service, survey.causes)
        else:
            deciding = sorted(survey.best.items(), key=lambda pair: -pair[1])
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
            met = [
                other for other in self._met(here) if other.workload_class == isolation.away_from
            ]
            number, use = self._in_class[isolation.away_from]
            away = number - len(met)
            use -= sum(other.load.cpu * other.replicas for other in met)
            if away:
                yield (
                    "starve",
                    f"away from {count(away, isolation.away_from + ' service')} "
                    f"({threads(use * 1000)} in use) that its bursts of {threads(burst)} "
                    "could starve",
                )

    def _met(self, hosts: tuple[int, ...]) -> list[Service]:
        """The services with a task on one of the hosts."""
        placed = {index for host in set(hosts) for index in self.there.items_at[host]}
        given = {
            fixed.service.id: fixed.service
            for host in set(hosts)
            for fixed in self.problem.fixed_at[host]
        }
        return [*(self.problem.items[index].service for index in placed), *given.values()]

    @cached_property
    def _in_class(self) -> dict[str, tuple[int, float]]:
        """Class → its services, and the threads they use in ordinary times."""
        found: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        for service in self.problem.fleet.services:
            number, use = found[service.workload_class]
            found[service.workload_class] = number + 1, use + service.load.cpu * service.replicas
        return found

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
            if other is not None and self.there.meets(other, frozenset(here)):
                found.append(other.id)
        return found

    def _mates(self, service: Service, here: tuple[int, ...], attribute: str) -> int:
        """How many other placed services on the homes are alike in an attribute."""
        items = self.problem.items
        found = {index for host in set(here) for index in self.there.items_at[host]}
        wanted = getattr(service, attribute)
        return sum(
            items[index].service.id != service.id
            and getattr(items[index].service, attribute) == wanted
            for index in found
        )

    def _free(self, index: int, host: int) -> int:
        """Memory left at baseline on a host without this item, in MiB."""
        target = self.problem.hosts[host]
        used = self.there.memory[host]
        mine = self.there.counts[index][host] * self.problem.items[index].ask.resources[MEMORY]
        return target.total[MEMORY] - target.beside[MEMORY] - used + mine

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


def _only(problem: Problem, service: Service, causes: Counter[str]) -> str:
    if service.pins:
        return f"pinned by its owner to {listed(service.pins)}"
    constraints = [words for kind, words, _ in forbidden(problem, service) if kind == "constraint"]
    if constraints and set(causes) <= set(constraints):
        given = [words.removesuffix(" excludes it") for words in constraints]
        return f"{listed(given)} leaves nowhere else"
    return f"nowhere else: {listed([words for words, _ in causes.most_common()], most=2)}"
