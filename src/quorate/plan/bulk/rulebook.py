"""The hard rules on arrays: where one more task may go, and which rules a placement breaks.

The same rules as `rules`, in the same order; a rule's own object is made only where
it is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

import numpy as np

from quorate.fleet.model import Location, Service
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.table import Beside, Flags, Whole
from quorate.plan.problem import RESOURCES
from quorate.plan.rules import (
    CAPACITY_SHORT,
    Rule,
    apart_rule,
    capacity_rules,
    copies_allowed,
    copies_rule,
    figure,
    forbidden,
    host_port_rules,
    ingress_port_rules,
    own_rules,
    published_ports,
    together_rules,
)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A rule in the way of a task: its kind, where it was written, its words.

    `brief` for any host, `words` for one.
    """

    kind: str
    where: tuple[Location, ...]
    brief: str
    words: Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """By host: 0 where one more task is allowed, else the number of the first reason, from 1."""

    codes: Whole
    reasons: tuple[Reason, ...]

    @property
    def free(self) -> Flags:
        """Where no rule is in the way."""
        free: Flags = self.codes == 0
        return free

    def reason(self, host: int) -> Reason:
        """What is in the way on a host that is not free."""
        return self.reasons[int(self.codes[host]) - 1]


def blocked(ledger: Ledger, item: int, *, waiting: Set[str] = frozenset()) -> Blocked:
    """Where one more task of an item would break a rule.

    `waiting` are services still to be placed: nobody has to be beside them yet.
    """
    found = _Found(ledger)
    service = ledger.problem.items[item].service
    for kind, words, out in forbidden(ledger.problem, service):
        flags = np.zeros(ledger.table.hosts, dtype=np.bool_)
        flags[list(out)] = True
        found.add(kind, service, words, flags)
    for relation in ledger.table.relations_of.get(service.id, ()):
        if isinstance(relation, Beside):
            if relation.inner.id in waiting or relation.outer.id in waiting:
                continue
            _beside(found, relation, service)
        elif isinstance(relation[0], str):
            _port(found, relation, service)
        else:
            _apart(found, relation, service)
    for kind, text, most in copies_allowed(ledger.problem, item):
        found.add(kind, service, text, ledger.counts[item] >= most)
    _capacity(found, item)
    return Blocked(codes=found.codes, reasons=tuple(found.reasons))


class _Found:
    """The first reason by host, while they are gone through."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.codes: Whole = np.zeros(ledger.table.hosts, dtype=np.int64)
        self.reasons: list[Reason] = []

    def add(
        self,
        kind: str,
        service: Service,
        brief: str,
        flags: Flags,
        words: Callable[[int], str] | None = None,
    ) -> None:
        reason = Reason(
            kind=kind,
            where=(service.location,),
            brief=brief,
            words=words or (lambda host: brief),
        )
        self.reasons.append(reason)
        self.codes[(self.codes == 0) & flags] = len(self.reasons)


def _here(ledger: Ledger, service: Service) -> Flags | None:
    """Where a service is; None when it is nowhere in the problem (scaled to 0)."""
    fixed = ledger.problem.fixed_of.get(service.id)
    if fixed is not None:
        flags = np.zeros(ledger.table.hosts, dtype=np.bool_)
        flags[list(fixed.hosts)] = True
        return flags
    if service.id not in ledger.problem.item_of:
        return None
    here: Flags = ledger.counts[ledger.problem.item_of[service.id]] > 0
    return here


def _needs_it(ledger: Ledger, inner: Service, outer: Service) -> Flags | None:
    """Hosts where `inner` may not be, as `outer` is not there; None: no such rule."""
    if inner.id not in ledger.problem.item_of:
        return None
    there = _here(ledger, outer)
    return None if there is None else ~there


def _beside(found: _Found, relation: Beside, service: Service) -> None:
    inner, outer = relation.inner, relation.outer
    short = f"{inner.id} must be on the same server as {outer.id}"
    out = np.zeros(found.ledger.table.hosts, dtype=np.bool_)
    ways = [(inner, outer), (outer, inner)] if relation.both else [(inner, outer)]
    for one, other in ways:
        missing = _needs_it(found.ledger, one, other)
        if missing is not None and one.id == service.id:
            out |= missing
    found.add(relation.pair.kind, relation.pair.first, short, out)


def _apart(found: _Found, relation: tuple[Service, Service], service: Service) -> None:
    first, second = relation
    ledger = found.ledger
    if first.id == second.id:
        out: Flags = ledger.counts[ledger.problem.item_of[first.id]] > 0
        others = "its own replicas"
    else:
        other = second if service.id == first.id else first
        there = _here(ledger, other)
        out = np.zeros(ledger.table.hosts, dtype=np.bool_) if there is None else there
        others = second.id
    words = f"{first.id} must be apart from {others}, which is there"
    found.add("apart", first, words, out)


def _port(found: _Found, relation: tuple[str, list[Service]], service: Service) -> None:
    name, users = relation
    found.add(
        "host-port", service, f"host port {name} is taken there", _port_use(found.ledger, users) > 0
    )


def _port_use(ledger: Ledger, users: list[Service]) -> Whole:
    """Tasks by host that publish a port; given services count once together."""
    tasks = np.zeros(ledger.table.hosts, dtype=np.int64)
    given = np.zeros(ledger.table.hosts, dtype=np.bool_)
    for user in users:
        fixed = ledger.problem.fixed_of.get(user.id)
        if fixed is not None:
            given[list(fixed.hosts)] = True
        elif user.id in ledger.problem.item_of:
            tasks += ledger.counts[ledger.problem.item_of[user.id]]
    return tasks + given


def _capacity(found: _Found, item: int) -> None:
    ledger = found.ledger
    table = ledger.table
    for resource in range(len(RESOURCES)):
        asked = int(table.ask[item, resource])
        if not asked:
            continue
        free = table.bound[:, resource] - ledger.used[:, resource]

        def words(host: int, resource: int = resource, asked: int = asked) -> str:
            left = max(0, int(table.bound[host, resource] - ledger.used[host, resource]))
            takes, free = figure(resource, asked), figure(resource, left)
            return f"{_no(resource)}: it takes {takes}, {free} is free"

        service = ledger.problem.items[item].service
        flags: Flags = (asked > free) & ~table.out(resource)
        found.add(f"capacity:{RESOURCES[resource]}", service, _no(resource), flags, words)


def _no(resource: int) -> str:
    return f"no {CAPACITY_SHORT[resource]} left there"


def _staying(relation: Beside) -> Reason:
    short = f"{relation.inner.id} must be on the same server as {relation.outer.id}"
    where = (relation.pair.first.location,)
    return Reason(kind=relation.pair.kind, where=where, brief=short, words=lambda host: short)


def left_alone(ledger: Ledger, item: int, home: int) -> Reason | None:
    """What keeps an item on a host that it has just left: one that must be beside it there."""
    service = ledger.problem.items[item].service
    if ledger.counts[item, home]:
        return None
    for relation in ledger.table.relations_of.get(service.id, ()):
        if not isinstance(relation, Beside):
            continue
        ways = [(relation.inner, relation.outer)]
        if relation.both:
            ways.append((relation.outer, relation.inner))
        for one, other in ways:
            here = _here(ledger, one) if one.id in ledger.problem.item_of else None
            if other.id == service.id and here is not None and here[home]:
                return _staying(relation)
    return None


def broken_rules(ledger: Ledger) -> Iterator[Rule]:
    """The rules a placement breaks, in their order."""
    yield from _broken_own(ledger)
    for relation in ledger.table.beside:
        if _split(ledger, relation):
            yield from together_rules(ledger.problem, relation.pair)
    for first, second in ledger.table.apart:
        if _meet(ledger, first, second):
            yield apart_rule(ledger.problem, first, second)
    yield from _broken_ports(ledger)
    for index in range(ledger.table.items):
        most_there = int(ledger.counts[index].max(initial=0))
        for kind, text, most in copies_allowed(ledger.problem, index):
            if most_there > most:
                yield copies_rule(ledger.problem, index, kind, text, most)
    full = ledger.used > ledger.table.bound
    for host, resource in zip(*np.nonzero(full), strict=True):
        yield from capacity_rules(ledger.problem, int(host), int(resource))


def _broken_own(ledger: Ledger) -> Iterator[Rule]:
    problem = ledger.problem
    for index, item in enumerate(problem.items):
        service = item.service
        if not service.pins and not service.constraints:
            continue
        here = np.nonzero(ledger.counts[index])[0].tolist()
        if not problem.allowed(service.pins, service.constraints).issuperset(here):
            yield from (rule for rule in own_rules(problem, index) if not _holds_own(rule, here))


def _broken_ports(ledger: Ledger) -> Iterator[Rule]:
    problem = ledger.problem
    direct, ingress = published_ports(problem)
    for name, users in direct.items():
        movable = any(user.id in problem.item_of for user in users)
        if movable and bool((_port_use(ledger, users) > 1).any()):
            yield from host_port_rules(problem, name, users)
    for name, users in ingress.items():
        yield from ingress_port_rules(name, users)


def _holds_own(rule: Rule, here: list[int]) -> bool:
    out = {host for limit in rule.limits for _, (_, _, host) in limit.terms}
    return out.isdisjoint(here)


def _split(ledger: Ledger, relation: Beside) -> bool:
    ways = [(relation.inner, relation.outer)]
    if relation.both:
        ways.append((relation.outer, relation.inner))
    for one, other in ways:
        missing = _needs_it(ledger, one, other)
        if missing is None:
            continue
        here = _here(ledger, one)
        if here is not None and bool((here & missing).any()):
            return True
    return False


def _meet(ledger: Ledger, first: Service, second: Service) -> bool:
    if first.id == second.id:
        index = ledger.problem.item_of.get(first.id)
        return index is not None and int(ledger.counts[index].max(initial=0)) > 1
    mine, theirs = _here(ledger, first), _here(ledger, second)
    movable = first.id in ledger.problem.item_of or second.id in ledger.problem.item_of
    return movable and mine is not None and theirs is not None and bool((mine & theirs).any())
