"""The soft goals: what a placement costs, in points.

One point is one hundredth of a percent of a server used above a quarter full.
Every weight is below, with its reason. The same `Costs` make the solver's
objective (`solve`), the price of every alternative (`explain`) and the check of
a plan (`verify`): whole numbers everywhere, so that they agree exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from quorate.fleet.model import Engine, Isolation, Server, Service
from quorate.plan.problem import CPU, MEMORY, Ask, Counts, Problem

FULL = 10_000
"""A whole server, in hundredths of a percent."""

BALANCE_STEPS = ((2_500, 1), (5_000, 1), (7_500, 4))
"""(fill, slope): each further percent of a server costs more the fuller it is: one
point per hundredth of a percent from a quarter, two from a half, six from three
quarters, where page cache and bursts begin to suffer."""

COINCIDENCE_MEMORY = 50
COINCIDENCE_CPU = 25
"""Percent of the services' peaks (above their baselines) that are taken to meet in a
busy hour. All at once would call every consolidated server overloaded; none would
ignore peaks. Memory, once taken, is given back slowly, so more of it meets."""

OVERLOAD_MEMORY = 4
"""Per hundredth of a percent of a busy hour's memory above the server's: memory that
is not there kills a process."""

OVERLOAD_CPU = 2
"""The same for CPU, which only slows down."""

STARVE = 3_000
"""For each thread that services to be protected use on a server, for a burst of that
server's whole CPU: a build of four threads beside services that use two costs 1500
on sixteen threads, 3000 on eight. By use, not by number: twenty idle helpers lose
less than one busy gateway."""

UNSTABLE = 900
"""For a service that keeps data on a server that is known to be unreliable (0 on a
perfect one). About nine percent of a server: enough to prefer 61 days of uptime
to 8, not enough to overfill the stable one. Services of one `group` share it: their
data is one, and lost or back as one."""

PRODUCTION_DATA = 2
"""Data of production classes counts twice."""

ROOM_DIVISOR = 2
"""A service that keeps data pays its peak memory, as hundredths of a percent of the
server's, divided by this: page cache makes databases fast, so more memory is better."""

CLASS_SPLIT = 3_000
"""For each further server a workload class is on. Worth 30 % of a server's fill: a
class stays together (one place to look at, one to isolate) until that is crowded."""

STACK_SPLIT = 600
"""For each further server a stack is on: its services share a network and talk."""

NEED = 400
"""For each task on another server than a service it needs: each call crosses the
wire, and either loss takes it down."""

NEED_PER_MEGABYTE = 100
"""Added to `NEED` for each MB/s of its baseline network load: traffic that stays home."""

MOVE = 200
"""For a task that does not run where it is now: a restart, and an image to pull."""

MOVE_DATA = 6_000
"""For one that keeps data: somebody has to copy it, and it stands still meanwhile."""

UPTIME_HALF_DAYS = 30.0
"""Days of uptime after which a server counts as half as risky."""

WORST_UNAVAILABILITY = 0.05
"""A server down 5 % of the time or more is as bad as it gets."""

UNKNOWN_RISK = 0.5
"""A server nobody gave a figure for: between both ends."""

TERMS = {
    "starve": "bursts beside production services",
    "stability": "data on a less stable server",
    "room": "less memory to spare for data",
    "class": "splitting its workload class",
    "stack": "splitting its stack",
    "needs": "away from what it needs",
    "balance memory": "a fuller memory",
    "balance CPU": "a busier CPU",
    "peak memory": "more memory in a busy hour than there is",
    "peak CPU": "more CPU in a busy hour than there is",
    "move": "moving from where it runs now",
}
"""Every term and what it stands for."""


@dataclass(frozen=True, kw_only=True)
class Together:
    """Points for each server beyond the first that has any of these items."""

    term: str
    name: str
    items: tuple[int, ...]
    fixed: frozenset[int]
    points: int


@dataclass(frozen=True, kw_only=True)
class Link:
    """Points for each task of `item` on a host without `target` (an item, or fixed hosts)."""

    item: int
    target: int | None
    hosts: frozenset[int]
    points: int


@dataclass(frozen=True, kw_only=True)
class Burst:
    """A spiky service among services to be protected.

    `item` is None where the spiky service is fixed; then `hosts` are its own.
    `points[host][victim]` are for each task of that victim there, `present[host]`
    for the victims that are fixed.
    """

    item: int | None
    hosts: frozenset[int]
    victims: tuple[int, ...]
    points: tuple[tuple[int, ...], ...]
    present: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A convex price on how full a host is: Σ slope × max(0, load − threshold).

    `shares` is what one task of each item adds, in hundredths of a percent.
    """

    term: str
    host: int
    shares: tuple[int, ...]
    start: int
    steps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Every soft goal of a problem. `single[item][host]`: points by term, per task."""

    single: tuple[tuple[dict[str, int], ...], ...]
    together: tuple[Together, ...]
    links: tuple[Link, ...]
    bursts: tuple[Burst, ...]
    fills: tuple[Fill, ...]


def costs(problem: Problem) -> Costs:
    """The soft goals of a problem."""
    return Costs(
        single=tuple(
            tuple(_single(problem, index, host) for host in range(len(problem.hosts)))
            for index in range(len(problem.items))
        ),
        together=tuple(groups(problem)),
        links=tuple(links(problem)),
        bursts=tuple(_bursts(problem)),
        fills=tuple(_fills(problem)),
    )


def evaluate(costs: Costs, counts: Counts) -> Counter[str]:
    """The price of an answer, term by term."""
    points: Counter[str] = Counter()
    for row, prices in zip(counts, costs.single, strict=True):
        for tasks, price in zip(row, prices, strict=True):
            if tasks:
                for term, each in price.items():
                    points[term] += tasks * each
    for group in costs.together:
        used = set(group.fixed)
        for item in group.items:
            used.update(host for host, tasks in enumerate(counts[item]) if tasks)
        points[group.term] += group.points * max(0, len(used) - 1)
    for link in costs.links:
        near = link.hosts if link.target is None else _present(counts[link.target])
        away = sum(tasks for host, tasks in enumerate(counts[link.item]) if host not in near)
        points["needs"] += link.points * away
    for burst in costs.bursts:
        for host in burst.hosts if burst.item is None else _present(counts[burst.item]):
            victims = zip(burst.points[host], burst.victims, strict=True)
            points["starve"] += burst.present[host]
            points["starve"] += sum(each * counts[victim][host] for each, victim in victims)
    for fill in costs.fills:
        load = fill.start + sum(
            share * row[fill.host] for share, row in zip(fill.shares, counts, strict=True)
        )
        points[fill.term] += sum(slope * max(0, load - at) for at, slope in fill.steps)
    return points


def risk(server: Server) -> float:
    """How likely a server is to go away: 0 (never) to 1, from its uptime and reliability."""
    figures = []
    if server.uptime_days is not None:
        figures.append(UPTIME_HALF_DAYS / (UPTIME_HALF_DAYS + server.uptime_days))
    if server.reliability is not None:
        figures.append(min(1.0, (1.0 - server.reliability) / WORST_UNAVAILABILITY))
    return sum(figures) / len(figures) if figures else UNKNOWN_RISK


def stateful(service: Service) -> bool:
    """Whether it keeps data that matters on the server it runs on."""
    return service.state.keeps_data


def need_points(service: Service) -> int:
    """What one task pays for being away from one service it needs."""
    return NEED + round(NEED_PER_MEGABYTE * service.load.network / 1e6)


def _single(problem: Problem, index: int, host: int) -> dict[str, int]:
    item, target = problem.items[index], problem.hosts[host]
    service = item.service
    price: dict[str, int] = {}
    if stateful(service):
        production = service.workload_class in problem.fleet.policy.production_classes
        weight = UNSTABLE * (PRODUCTION_DATA if production else 1)
        price["stability"] = round(weight * risk(target.server) / of_one(problem, service))
        price["room"] = share_of(item.ask.memory_peak, target.total[MEMORY]) // ROOM_DIVISOR
    now = problem.current.get(service.id)
    if now and host not in now:
        price["move"] = MOVE_DATA if stateful(service) else MOVE
    return price


def of_one(problem: Problem, service: Service) -> int:
    """How many services keep parts of the same data as this one."""
    if service.group is None:
        return 1
    return problem.data_groups[service.stack, service.group]


def groups(problem: Problem) -> Iterator[Together]:
    """The classes and stacks that are dearer the more servers they are on."""
    by_class: dict[str, list[int]] = defaultdict(list)
    by_stack: dict[str, list[int]] = defaultdict(list)
    given: dict[str, set[int]] = defaultdict(set)
    for index, item in enumerate(problem.items):
        by_class[item.service.workload_class].append(index)
        by_stack[item.service.stack].append(index)
    for fixed in problem.fixed:
        if fixed.service.engine is Engine.COMPOSE:
            given[fixed.service.workload_class].update(fixed.hosts)
    for name, members in by_class.items():
        place = frozenset(given[name])
        yield Together(
            term="class", name=name, items=tuple(members), fixed=place, points=CLASS_SPLIT
        )
    for name, members in by_stack.items():
        if sum(problem.items[index].count for index in members) > 1:
            yield Together(
                term="stack",
                name=name,
                items=tuple(members),
                fixed=frozenset(),
                points=STACK_SPLIT,
            )


def links(problem: Problem) -> Iterator[Link]:
    """Who pays for being away from whom."""
    for index, item in enumerate(problem.items):
        service = item.service
        needed = [problem.find(service, name) for name in service.needs]
        for other in {other.id: other for other in needed if other is not None}.values():
            if other.id == service.id:
                continue
            points = need_points(service)
            fixed = problem.fixed_of.get(other.id)
            if fixed is not None:
                yield Link(item=index, target=None, hosts=frozenset(fixed.hosts), points=points)
            elif other.id in problem.item_of:
                target = problem.item_of[other.id]
                yield Link(item=index, target=target, hosts=frozenset(), points=points)
    yield from _links_of_compose(problem)


def _links_of_compose(problem: Problem) -> Iterator[Link]:
    """A compose stack cannot move, so what it needs pays for being away from it."""
    for fixed in problem.fixed:
        if fixed.service.engine is not Engine.COMPOSE or not fixed.hosts:
            continue
        for name in fixed.service.needs:
            other = problem.find(fixed.service, name)
            if other is not None and other.id in problem.item_of:
                yield Link(
                    item=problem.item_of[other.id],
                    target=None,
                    hosts=frozenset(fixed.hosts),
                    points=need_points(fixed.service),
                )


def _bursts(problem: Problem) -> Iterator[Burst]:
    for isolation, index, hosts, ask in bursting(problem):
        yield _burst(problem, isolation, index, hosts, ask)


def bursting(problem: Problem) -> Iterator[tuple[Isolation, int | None, frozenset[int], Ask]]:
    """The spiky services the policy names: by item, or by the hosts they are given."""
    for isolation in problem.fleet.policy.isolation:
        for index, item in enumerate(problem.items):
            if _bursts_of(item.service, item.ask, isolation):
                yield isolation, index, frozenset(), item.ask
        for fixed in problem.fixed:
            if _bursts_of(fixed.service, fixed.ask, isolation) and fixed.hosts:
                yield isolation, None, frozenset(fixed.hosts), fixed.ask


def _bursts_of(service: Service, ask: Ask, isolation: Isolation) -> bool:
    spiky = service.load.spiky and service.workload_class == isolation.spiky
    return spiky and ask.burst > 0


def _burst(
    problem: Problem, isolation: Isolation, index: int | None, hosts: frozenset[int], ask: Ask
) -> Burst:
    victims = tuple(
        victim
        for victim, item in enumerate(problem.items)
        if item.service.workload_class == isolation.away_from and victim != index
    )
    used = [problem.items[victim].ask.resources[CPU] for victim in victims]
    there = [f for f in problem.fixed if f.service.workload_class == isolation.away_from]
    shares = [min(1.0, ask.burst / host.total[CPU]) for host in problem.hosts]
    return Burst(
        item=index,
        hosts=hosts,
        victims=victims,
        points=tuple(tuple(_starved(share, cpu) for cpu in used) for share in shares),
        present=tuple(
            sum(_starved(share, f.ask.resources[CPU]) * f.hosts.count(host) for f in there)
            for host, share in enumerate(shares)
        ),
    )


def _starved(share: float, cpu: int) -> int:
    return round(STARVE * share * cpu / 1000)


def _fills(problem: Problem) -> Iterator[Fill]:
    for host in range(len(problem.hosts)):
        yield _fill(problem, host, "balance memory", MEMORY, BALANCE_STEPS)
        yield _fill(problem, host, "balance CPU", CPU, BALANCE_STEPS)
        yield _fill(problem, host, "peak memory", MEMORY, ((FULL, OVERLOAD_MEMORY),))
        yield _fill(problem, host, "peak CPU", CPU, ((FULL, OVERLOAD_CPU),))


def _fill(
    problem: Problem, host: int, term: str, resource: int, steps: tuple[tuple[int, int], ...]
) -> Fill:
    target = problem.hosts[host]
    whole = target.total[resource]
    amount = busy_hour if term.startswith("peak") else baseline_of
    fixed = sum(amount(f.ask, resource) * f.hosts.count(host) for f in problem.fixed)
    return Fill(
        term=term,
        host=host,
        shares=tuple(share_of(amount(item.ask, resource), whole) for item in problem.items),
        start=share_of(target.beside[resource] + fixed, whole),
        steps=steps,
    )


def baseline_of(ask: Ask, resource: int) -> int:
    return ask.resources[resource]


def busy_hour(ask: Ask, resource: int) -> int:
    """What a task is taken to use in a busy hour."""
    peak, meet = (
        (ask.memory_peak, COINCIDENCE_MEMORY)
        if resource == MEMORY
        else (ask.cpu_peak, COINCIDENCE_CPU)
    )
    baseline = ask.resources[resource]
    return baseline + (peak - baseline) * meet // 100


def share_of(amount: int, whole: int) -> int:
    """Hundredths of a percent, rounded to the nearest; a server without any is full."""
    return (FULL * amount + whole // 2) // whole if whole > 0 else FULL * min(1, amount)


def _present(row: list[int]) -> frozenset[int]:
    return frozenset(host for host, tasks in enumerate(row) if tasks)
