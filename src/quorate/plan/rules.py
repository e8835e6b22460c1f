"""The hard rules, as data: words, where they were written, and linear limits.

One list serves the solver, the search for conflicts and the explanations, so a
rule can never be enforced without words for it. (`verify` is written apart, on
purpose, and does not use it.)

Every limit reads Σ coefficient × variable ≤ bound. A variable is the number of
tasks of an item on a host (`COUNT`), or whether there is any (`PRESENT`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from quorate.fleet.model import Engine, Location, Service
from quorate.plan.problem import (
    CPU,
    DISK,
    MEMORY,
    RESERVED_CPU,
    RESERVED_MEMORY,
    RESOURCES,
    Counts,
    Problem,
)
from quorate.plan.words import count as number
from quorate.plan.words import listed, size, threads

COUNT, PRESENT = "count", "present"

Variable = tuple[str, int, int]
"""COUNT or PRESENT, item, host."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Σ coefficient × variable ≤ bound."""

    terms: tuple[tuple[int, Variable], ...]
    bound: int

    def holds(self, counts: Counts) -> bool:
        return sum(c * value(counts, v) for c, v in self.terms) <= self.bound


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A hard rule. `short` completes "not on X: …"; `words` stand alone."""

    kind: str
    words: str
    short: str
    where: tuple[Location, ...]
    limits: tuple[Limit, ...]


def value(counts: Counts, variable: Variable) -> int:
    """The value of a variable in an answer."""
    kind, item, host = variable
    return counts[item][host] if kind == COUNT else min(1, counts[item][host])


def all_rules(problem: Problem) -> tuple[Rule, ...]:
    """Every rule of the problem, the plainest first (explanations name the first broken)."""
    return (
        *_of_each_item(problem),
        *_near(problem),
        *_shared_volumes(problem),
        *_apart(problem),
        *_ports(problem),
        *_copies(problem),
        *_capacity(problem),
    )


def forbidden(problem: Problem, service: Service) -> Iterator[tuple[str, str, frozenset[int]]]:
    """What the service itself rules out: (kind, words, hosts ruled out)."""
    if service.pins:
        words = f"its owner pins it to {listed(service.pins)}"
        yield "pin", words, problem.unpinned(service.pins)
    for expression in service.constraints:
        out = problem.excluded(expression)
        if out:
            yield "constraint", f"its constraint {expression} excludes it", out


def allowed(problem: Problem, service: Service) -> frozenset[int]:
    """The hosts the service's own rules leave."""
    return problem.allowed(service.pins, service.constraints)


def _of_each_item(problem: Problem) -> Iterator[Rule]:
    for index in range(len(problem.items)):
        yield from own_rules(problem, index)


def own_rules(problem: Problem, index: int) -> Iterator[Rule]:
    """The pins and constraints of an item."""
    service = problem.items[index].service
    for kind, words, out in forbidden(problem, service):
        yield Rule(
            kind=kind,
            words=_unary_words(problem, service, kind, words, out),
            short=words,
            where=(service.location,),
            limits=tuple(_limit([(1, (COUNT, index, host))], 0) for host in sorted(out)),
        )


def _unary_words(
    problem: Problem, service: Service, kind: str, words: str, out: frozenset[int]
) -> str:
    if kind == "pin":
        return f"{service.id}: {words}"
    left = [h.server.name for i, h in enumerate(problem.hosts) if i not in out]
    expression = words.removeprefix("its constraint ").removesuffix(" excludes it")
    return f"{service.id}: constraint {expression} leaves {listed(left) or 'no server'}"


def _copies(problem: Problem) -> Iterator[Rule]:
    for index in range(len(problem.items)):
        for kind, text, most in copies_allowed(problem, index):
            yield copies_rule(problem, index, kind, text, most)


def copies_allowed(problem: Problem, index: int) -> Iterator[tuple[str, str, int]]:
    """At most ceil(replicas / servers allowed) per server, and at most what the user says.

    By kind of rule: its words, and how many.
    """
    item = problem.items[index]
    service = item.service
    if len(item.services) > 1:
        return
    if service.max_replicas_per_node:
        most = service.max_replicas_per_node
        yield "max-replicas", f"max_replicas_per_node is {most}", most
    left = len(allowed(problem, service))
    if service.replicas > 1 and left:
        most = -(-service.replicas // left)
        replicas = number(service.replicas, "replica")
        yield "spread", f"its {replicas} are spread, at most {most} on a server", most


def copies_rule(problem: Problem, index: int, kind: str, text: str, most: int) -> Rule:
    """One of `copies_allowed` for every host."""
    service = problem.items[index].service
    hosts = range(len(problem.hosts))
    return Rule(
        kind=kind,
        words=f"{service.id}: {text}",
        short=text,
        where=(service.location,),
        limits=tuple(_limit([(1, (COUNT, index, host))], most) for host in hosts),
    )


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two services that must share a server, and why; the rule is made of it."""

    kind: str
    words: str
    first: Service
    second: Service
    where: tuple[Location, ...]


def _near(problem: Problem) -> Iterator[Rule]:
    for pair in near_pairs(problem):
        yield from together_rules(problem, pair)


def near_pairs(problem: Problem) -> Iterator[Pair]:
    """`near`: every server that runs the one with fewer tasks also runs the other."""
    seen: set[frozenset[str]] = set()
    for first, second in _pairs(problem, "near"):
        pair = frozenset((first.id, second.id))
        if first.id != second.id and pair not in seen:
            seen.add(pair)
            words = f"{first.id}: near {second.id} (on the same server)"
            where = (first.location,)
            yield Pair(kind="near", words=words, first=first, second=second, where=where)


def _shared_volumes(problem: Problem) -> Iterator[Rule]:
    for pair in volume_pairs(problem):
        yield from together_rules(problem, pair)


def volume_pairs(problem: Problem) -> Iterator[Pair]:
    """Services that share a local named volume must share a server, or each gets its own."""
    for volume, services in sharing(problem).items():
        names = [service.id for service in services]
        where = tuple(service.location for service in services)
        words = f"{listed(names)} share the local volume {volume}, so they need one server"
        for first, second in pairwise(services):
            yield Pair(kind="volume", words=words, first=first, second=second, where=where)


def sharing(problem: Problem) -> dict[str, list[Service]]:
    """Local named volumes that several Swarm services use, at least one of them writing.

    Named as the engine names them: `stack_volume`, or the volume's own `name`.
    """
    files = {files.stack: files for files in problem.fleet.files}
    users: dict[str, dict[str, Service]] = defaultdict(dict)
    written: set[str] = set()
    for service in problem.fleet.swarm_services():
        for use in service.volumes:
            if use.kind != "volume" or use.source is None:
                continue
            volumes = files[service.stack].volumes if service.stack in files else {}
            section = volumes.get(use.source) or {}
            default = use.source if section.get("external") else f"{service.stack}_{use.source}"
            name = str(section.get("name") or default)
            users[name][service.id] = service
            if not use.read_only:
                written.add(name)
    return {
        name: list(services.values())
        for name, services in users.items()
        if len(services) > 1 and name in written
    }


def together_rules(problem: Problem, pair: Pair) -> Iterator[Rule]:
    """The smaller of two services lives only where the larger does; alike ones both ways."""
    small, large, both = ordered(problem, pair)
    limits = list(_within(problem, small, large))
    if both:
        limits += _within(problem, large, small)
    if limits:
        yield Rule(
            kind=pair.kind,
            words=pair.words,
            short=f"{small.id} must be on the same server as {large.id}",
            where=pair.where,
            limits=tuple(limits),
        )


def ordered(problem: Problem, pair: Pair) -> tuple[Service, Service, bool]:
    """The one with fewer tasks, the other, and whether they have equally many."""
    tasks = {s.id: _tasks(problem, s) for s in (pair.first, pair.second)}
    small, large = sorted((pair.first, pair.second), key=lambda s: tasks[s.id])
    return small, large, tasks[small.id] == tasks[large.id]


def _tasks(problem: Problem, service: Service) -> int:
    fixed = problem.fixed_of.get(service.id)
    return service.replicas if fixed is None else len(fixed.hosts)


def _within(problem: Problem, inner: Service, outer: Service) -> Iterator[Limit]:
    if inner.id not in problem.item_of:
        return
    for host in range(len(problem.hosts)):
        mine = (1, (PRESENT, problem.item_of[inner.id], host))
        fixed = problem.fixed_of.get(outer.id)
        if fixed is not None:
            yield _limit([mine], 1 if host in fixed.hosts else 0)
        elif outer.id in problem.item_of:
            yield _limit([mine, (-1, (PRESENT, problem.item_of[outer.id], host))], 0)


def _apart(problem: Problem) -> Iterator[Rule]:
    for first, second in apart_pairs(problem):
        yield apart_rule(problem, first, second)


def apart_pairs(problem: Problem) -> Iterator[tuple[Service, Service]]:
    """The services that must not share a server; one and the same: its own replicas."""
    seen: set[frozenset[str]] = set()
    for first, second in _pairs(problem, "apart"):
        pair = frozenset((first.id, second.id))
        if pair not in seen:
            seen.add(pair)
            yield first, second


def apart_rule(problem: Problem, first: Service, second: Service) -> Rule:
    """The rule that two services never share a server."""
    limits = []
    for host in range(len(problem.hosts)):
        if first.id == second.id:
            terms, bound = _tally(problem, [first], host, COUNT), 1
        else:
            terms, bound = _tally(problem, [first, second], host, PRESENT), 1
        bound -= sum(
            min(1, problem.fixed_of[s.id].hosts.count(host))
            for s in {first.id: first, second.id: second}.values()
            if s.id in problem.fixed_of
        )
        if terms:
            limits.append(_limit(terms, bound))
    others = "its own replicas" if first.id == second.id else second.id
    return Rule(
        kind="apart",
        words=f"{first.id}: apart from {others} (never on the same server)",
        short=f"{first.id} must be apart from {others}, which is there",
        where=(first.location,),
        limits=tuple(limits),
    )


def _ports(problem: Problem) -> Iterator[Rule]:
    """A host-mode port once per server; an ingress port once in the fleet."""
    direct, ingress = published_ports(problem)
    for name, users in direct.items():
        yield from host_port_rules(problem, name, users)
    for name, users in ingress.items():
        yield from ingress_port_rules(name, users)


def published_ports(
    problem: Problem,
) -> tuple[dict[str, list[Service]], dict[str, list[Service]]]:
    """Who publishes each port on its server; and who in the routing mesh."""
    host_mode: dict[tuple[str, int], dict[str, Service]] = defaultdict(dict)
    ingress: dict[tuple[str, int], dict[str, Service]] = defaultdict(dict)
    for service in problem.fleet.services:
        for port in service.ports:
            if port.published == 0:
                continue
            # Compose publishes on the server itself, whatever the mode says.
            direct = port.mode == "host" or service.engine is Engine.COMPOSE
            table = host_mode if direct else ingress
            table[port.protocol, port.published][service.id] = service
    named = [
        {f"{port}/{kind}": list(users.values()) for (kind, port), users in sorted(table.items())}
        for table in (host_mode, ingress)
    ]
    return named[0], named[1]


def ingress_port_rules(name: str, users: list[Service]) -> Iterator[Rule]:
    """A port of the routing mesh that several services publish: never allowed."""
    if len(users) > 1:
        text = f"{listed([s.id for s in users])} all publish port {name}"
        yield Rule(
            kind="ingress-port",
            words=f"{text}, which Swarm gives to one service only",
            short=text,
            where=tuple(service.location for service in users),
            limits=(_limit([], -1),),
        )


def host_port_rules(problem: Problem, name: str, users: list[Service]) -> Iterator[Rule]:
    """A port that each server has once."""
    limits = []
    for host in range(len(problem.hosts)):
        terms = _tally(problem, users, host, COUNT)
        taken = sum(1 for s in users if s.id in problem.fixed_of and _on(problem, s, host))
        if terms and (len(terms) > 1 or taken or problem.items[terms[0][1][1]].count > 1):
            limits.append(_limit(terms, 1 - min(1, taken)))
    if limits:
        yield Rule(
            kind="host-port",
            words=f"one task per server may publish host port {name}: "
            f"{listed([s.id for s in users])}",
            short=f"host port {name} is taken there",
            where=tuple(service.location for service in users),
            limits=tuple(limits),
        )


def _on(problem: Problem, service: Service, host: int) -> bool:
    return host in problem.fixed_of[service.id].hosts


def _tally(
    problem: Problem, services: Iterable[Service], host: int, kind: str
) -> list[tuple[int, Variable]]:
    return [
        (1, (kind, problem.item_of[service.id], host))
        for service in services
        if service.id in problem.item_of
    ]


def _capacity(problem: Problem) -> Iterator[Rule]:
    for index in range(len(problem.hosts)):
        for resource in range(len(RESOURCES)):
            yield from capacity_rules(problem, index, resource)


def capacity_rules(problem: Problem, index: int, resource: int) -> Iterator[Rule]:
    """What all items together may take of a resource of a host."""
    host = problem.hosts[index]
    if resource == DISK and not host.disk_known:
        return
    terms = [
        (item.ask.resources[resource], (COUNT, i, index))
        for i, item in enumerate(problem.items)
        if item.ask.resources[resource]
    ]
    bound = host.usable(resource) - problem.taken(index, resource)
    if terms or bound < 0:
        yield Rule(
            kind=f"capacity:{RESOURCES[resource]}",
            words=_capacity_words(problem, index, resource),
            short=f"no {CAPACITY_SHORT[resource]} left there",
            where=(host.server.location,),
            limits=(_limit(terms, bound),),
        )


CAPACITY_SHORT = {
    RESERVED_MEMORY: "memory to reserve",
    MEMORY: "memory",
    RESERVED_CPU: "CPU to reserve",
    CPU: "CPU",
    DISK: "disk",
}
"""What is missing, in the words of an explanation."""

CAPACITY_WHAT = {
    RESERVED_MEMORY: "memory for reservations",
    MEMORY: "memory for baseline loads",
    RESERVED_CPU: "CPU for reservations",
    CPU: "CPU for baseline loads",
    DISK: "disk for data",
}


def figure(resource: int, amount: float) -> str:
    """An amount of a resource in words."""
    return threads(amount) if resource in (CPU, RESERVED_CPU) else size(amount)


def capacity_of(rule: Rule) -> int | None:
    """The resource a capacity rule is about; None for other rules."""
    kind, _, name = rule.kind.partition(":")
    return RESOURCES.index(name) if kind == "capacity" else None


def _capacity_words(problem: Problem, index: int, resource: int) -> str:
    host = problem.hosts[index]
    left = host.usable(resource) - problem.taken(index, resource)
    parts = [
        (host.outside[resource], "used outside Swarm"),
        (host.headroom[resource], "headroom"),
        (problem.taken(index, resource), "global services"),
    ]
    less = [f"{figure(resource, amount)} {what}" for amount, what in parts if amount]
    text = f"{host.server.name} has {figure(resource, left)} of {CAPACITY_WHAT[resource]}"
    if less:
        text += f" ({figure(resource, host.total[resource])} less {', '.join(less)})"
    return text


def _pairs(problem: Problem, attribute: str) -> Iterator[tuple[Service, Service]]:
    """The pairs a service's `near` or `apart` names; names nobody has are left out."""
    for service in problem.fleet.services:
        for name in getattr(service, attribute):
            other = problem.find(service, name)
            if other is not None:
                yield service, other


def _limit(terms: Iterable[tuple[int, Variable]], bound: int) -> Limit:
    return Limit(terms=tuple(terms), bound=bound)
