"""A problem's figures as arrays: one row per item, one column per host.

For fleets where an object for each pair of a service and a server would be too many.
The rules and prices are those of `rules` and `cost`, in whole numbers, exactly.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quorate.fleet.model import Service
from quorate.plan.cost import (
    BALANCE_STEPS,
    FULL,
    MOVE,
    MOVE_DATA,
    OVERLOAD_CPU,
    OVERLOAD_MEMORY,
    PRODUCTION_DATA,
    ROOM_DIVISOR,
    STARVE,
    UNSTABLE,
    Link,
    Together,
    baseline_of,
    bursting,
    busy_hour,
    groups,
    links,
    of_one,
    risk,
    stateful,
)
from quorate.plan.problem import CPU, DISK, MEMORY, RESOURCES, Ask, Problem
from quorate.plan.rules import (
    Pair,
    apart_pairs,
    near_pairs,
    ordered,
    published_ports,
    volume_pairs,
)

Whole = NDArray[np.int64]
"""Whole numbers; what they are by is said where they are used."""

Flags = NDArray[np.bool_]

FILLS = (
    ("balance memory", MEMORY, BALANCE_STEPS),
    ("balance CPU", CPU, BALANCE_STEPS),
    ("peak memory", MEMORY, ((FULL, OVERLOAD_MEMORY),)),
    ("peak CPU", CPU, ((FULL, OVERLOAD_CPU),)),
)
"""Term, resource, steps: as `cost` has them for each host."""


@dataclass(frozen=True, kw_only=True)
class Spiky:
    """A service whose bursts hurt the class `away_from`: an item, or given `hosts`."""

    item: int | None
    hosts: frozenset[int]
    away_from: str
    burst: int


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A pair that shares a server: `inner` only where `outer` is; `both` ways when alike."""

    pair: Pair
    inner: Service
    outer: Service
    both: bool


class Table:
    """What does not depend on the placement."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.items, self.hosts = len(problem.items), len(problem.hosts)
        asks = [item.ask for item in problem.items]
        self.ask: Whole = _table([ask.resources for ask in asks], len(RESOURCES))
        self.count: Whole = np.array([item.count for item in problem.items], dtype=np.int64)
        self.total: Whole = _table([host.total for host in problem.hosts], len(RESOURCES))
        bounds = [
            [host.usable(r) - problem.taken(index, r) for r in range(len(RESOURCES))]
            for index, host in enumerate(problem.hosts)
        ]
        self.bound: Whole = _table(bounds, len(RESOURCES))
        known = [host.disk_known for host in problem.hosts]
        self.counts_disk: Flags = np.array(known, dtype=np.bool_)
        self.amounts: list[Whole] = [
            np.array([_amount(term, ask, r) for ask in asks], dtype=np.int64)
            for term, r, _ in FILLS
        ]
        self.start: list[Whole] = [self._start(term, r) for term, r, _ in FILLS]

    def _start(self, term: str, resource: int) -> Whole:
        amount = np.array([host.beside[resource] for host in self.problem.hosts], dtype=np.int64)
        for fixed in self.problem.fixed:
            for host in fixed.hosts:
                amount[host] += _amount(term, fixed.ask, resource)
        return shares(amount, self.total[:, resource])

    def out(self, resource: int) -> Flags:
        """The hosts where a resource is not counted."""
        return ~self.counts_disk if resource == DISK else np.zeros(self.hosts, dtype=np.bool_)

    @cached_property
    def together(self) -> tuple[Together, ...]:
        return tuple(groups(self.problem))

    @cached_property
    def groups_of(self) -> list[list[int]]:
        """By item: its groups in `together`."""
        found: list[list[int]] = [[] for _ in range(self.items)]
        for index, group in enumerate(self.together):
            for item in group.items:
                found[item].append(index)
        return found

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return tuple(links(self.problem))

    @cached_property
    def links_of(self) -> list[list[Link]]:
        """By item: the links that pay for its tasks."""
        found: list[list[Link]] = [[] for _ in range(self.items)]
        for link in self.links:
            found[link.item].append(link)
        return found

    @cached_property
    def links_to(self) -> list[list[Link]]:
        """By item: the links of others that want to be near it."""
        found: list[list[Link]] = [[] for _ in range(self.items)]
        for link in self.links:
            if link.target is not None:
                found[link.target].append(link)
        return found

    @cached_property
    def spiky(self) -> tuple[Spiky, ...]:
        return tuple(
            Spiky(item=index, hosts=hosts, away_from=isolation.away_from, burst=ask.burst)
            for isolation, index, hosts, ask in bursting(self.problem)
        )

    @cached_property
    def spiky_of(self) -> dict[int, list[Spiky]]:
        """By item: its own bursts."""
        found: dict[int, list[Spiky]] = defaultdict(list)
        for one in self.spiky:
            if one.item is not None:
                found[one.item].append(one)
        return found

    @cached_property
    def of_class(self) -> dict[str, Whole]:
        """The items of each workload class."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(self.problem.items):
            found[item.service.workload_class].append(index)
        return {name: np.array(items, dtype=np.int64) for name, items in found.items()}

    def reach(self, burst: int) -> NDArray[np.float64]:
        """By host: the share of it that a burst takes."""
        return np.minimum(1.0, burst / self.total[:, CPU])

    def given_starved(self, one: Spiky) -> Whole:
        """By host: what given services there suffer from a burst."""
        key = (one.burst, one.away_from)
        if key not in self._given_starved:
            points = np.zeros(self.hosts, dtype=np.int64)
            for fixed in self.problem.fixed:
                if fixed.service.workload_class == one.away_from:
                    each = starved(self.reach(one.burst), fixed.ask.resources[CPU])
                    np.add.at(points, list(fixed.hosts), each[list(fixed.hosts)])
            self._given_starved[key] = points
        return self._given_starved[key]

    @cached_property
    def _given_starved(self) -> dict[tuple[int, str], Whole]:
        return {}

    @cached_property
    def _risk(self) -> NDArray[np.float64]:
        return np.array([risk(host.server) for host in self.problem.hosts], dtype=np.float64)

    def single(self, item: int) -> dict[str, Whole]:
        """By term and host: what one task pays by itself."""
        service = self.problem.items[item].service
        price: dict[str, Whole] = {}
        if stateful(service):
            production = service.workload_class in self.problem.fleet.policy.production_classes
            weight = UNSTABLE * (PRODUCTION_DATA if production else 1)
            stable = np.rint(weight * self._risk / of_one(self.problem, service))
            price["stability"] = stable.astype(np.int64)
            peak = self.problem.items[item].ask.memory_peak
            price["room"] = shares(peak, self.total[:, MEMORY]) // ROOM_DIVISOR
        now = self.problem.current.get(service.id)
        if now:
            price["move"] = np.full(self.hosts, MOVE_DATA if stateful(service) else MOVE)
            price["move"][list(now)] = 0
        return price

    @cached_property
    def beside(self) -> tuple[Beside, ...]:
        """Every pair that must share a server, in the order of the rules."""
        found = []
        for pair in (*near_pairs(self.problem), *volume_pairs(self.problem)):
            inner, outer, both = ordered(self.problem, pair)
            found.append(Beside(pair=pair, inner=inner, outer=outer, both=both))
        return tuple(found)

    @cached_property
    def apart(self) -> tuple[tuple[Service, Service], ...]:
        return tuple(apart_pairs(self.problem))

    @cached_property
    def ports(self) -> dict[str, list[Service]]:
        """Who publishes each port in host mode."""
        return published_ports(self.problem)[0]

    @cached_property
    def relations_of(self) -> dict[str, list[Any]]:
        """By service id: its pairs, those it is apart from, its ports; in the rules' order."""
        found: dict[str, list[Any]] = defaultdict(list)
        for beside in self.beside:
            for name in dict.fromkeys((beside.inner.id, beside.outer.id)):
                found[name].append(beside)
        for first, second in self.apart:
            for name in dict.fromkeys((first.id, second.id)):
                found[name].append((first, second))
        for port, users in self.ports.items():
            for user in users:
                found[user.id].append((port, users))
        return found


def shares(amount: Whole | int, whole: Whole) -> Whole:
    """Hundredths of a percent of a whole: `cost.share_of` for arrays."""
    plain = (FULL * amount + whole // 2) // np.maximum(1, whole)
    nothing: Whole = np.where(whole > 0, plain, FULL * np.minimum(1, amount))
    return nothing


def starved(reach: NDArray[np.float64], cpu: Whole | int) -> Whole:
    """What a burst costs a service that uses so much CPU: `cost` for arrays, rounded alike."""
    points: Whole = np.rint(STARVE * reach * cpu / 1000).astype(np.int64)
    return points


def _amount(term: str, ask: Ask, resource: int) -> int:
    return (busy_hour if term.startswith("peak") else baseline_of)(ask, resource)


def _table(rows: list[Any], width: int) -> Whole:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
