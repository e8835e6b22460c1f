"""The other side's placement: exactly what is asked, and as little else as possible.

Everything stays. New tasks go where they cost least. Only where that breaks a
hard rule the solver looks for the placement that keeps them all and moves the
fewest other tasks; where there is none, the rules stay broken and are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from quorate.errors import QuorateError, UsageError
from quorate.plan.cost import Costs, evaluate
from quorate.plan.encode import Encoding, highest
from quorate.plan.problem import Counts, Problem
from quorate.plan.rules import COUNT, Limit, Rule, capacity_of
from quorate.plan.whatif.side import Side

STAY = 1_000_000
"""Points for a task that moves unasked: more than all goals of a fleet together."""

LARGEST = 60_000
"""Items × hosts up to which the solver is asked to mend broken rules."""

TIME_LIMIT = 10.0

MOST_WEIGHED = 12
"""Hosts whose whole price is looked at for a task that needs one."""


def settle(
    side: Side,
    forced: Mapping[str, tuple[int, ...]],
    *,
    mend: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Side:
    """The side after a change.

    Args:
        side: where the tasks are, moves not yet made; may hold too few or too many.
        forced: service id → the host of each of its tasks.
        mend: whether other tasks may move where that keeps the rules.
        time_limit: seconds to look for the fewest of them.
    """
    problem = side.problem
    counts = _force(problem, side.counts, forced)
    if mend:
        _shrink(problem, counts)
    if side.large:
        from quorate.plan.bulk.settle import settle_large

        return settle_large(side, counts, forced, mend=mend)
    if mend:
        _allow(problem, side.rules, counts, forced)
    _grow(problem, side.rules, side.costs, counts)
    plain = side.moved_to(counts)
    if not mend or _kept(plain):
        return plain
    held = frozenset(problem.item_of[name] for name in forced)
    first = relieve(plain, held)
    if len(problem.items) * len(problem.hosts) <= LARGEST:
        found = optimum(side, forced, stay=True, start=first.counts, time_limit=time_limit)
        if found is not None:
            return found
    return first if _kept(first) else plain


def _kept(side: Side) -> bool:
    """Whether every task has a host and every rule is kept."""
    pairs = zip(side.counts, side.problem.items, strict=True)
    return all(sum(row) == item.count for row, item in pairs) and not side.broken_rules


def optimum(
    side: Side,
    forced: Mapping[str, tuple[int, ...]],
    *,
    stay: bool = False,
    start: Counts | None = None,
    time_limit: float = TIME_LIMIT,
) -> Side | None:
    """The cheapest placement that keeps every rule and what is forced; None when none is found.

    With `stay`, leaving the side's placement costs more than anything else. `start` is one
    to begin the search with.
    """
    problem = side.problem
    if side.large:
        raise UsageError(
            "--replan is not for a fleet of this size",
            cause=f"{len(problem.items)} services on {len(problem.hosts)} servers would be "
            "planned anew by the exact solver",
            todo="leave out --replan: what is asked is compared with everything else staying",
        )
    encoding = Encoding(problem, highest(problem, side.rules))
    for rule in side.rules:
        for limit in rule.limits:
            encoding.add(limit)
    for name, hosts in forced.items():
        item = problem.item_of[name]
        for host in range(len(problem.hosts)):
            number = hosts.count(host)
            encoding.add(Limit(terms=((1, (COUNT, item, host)),), bound=number))
            encoding.add(Limit(terms=((-1, (COUNT, item, host)),), bound=-number))
    encoding.price(_staying(side, forced) if stay else side.costs)
    if start is not None:
        encoding.hint(start)
    answer = encoding.model.solve(time_limit=time_limit)
    if answer.status == "infeasible":
        return None
    if answer.status not in ("optimal", "feasible"):
        if stay:
            return None
        raise QuorateError(
            f"no placement was found within {time_limit:g} s",
            cause="the fleet is large or its rules are very tight",
            todo="leave out --replan, or give it longer with --time-limit",
        )
    return side.moved_to(encoding.read(answer.values))


def _staying(side: Side, forced: Mapping[str, tuple[int, ...]]) -> Costs:
    free = {side.problem.item_of[name] for name in forced}
    single = tuple(
        tuple(
            price if item in free or side.counts[item][host] else {**price, "move": STAY}
            for host, price in enumerate(row)
        )
        for item, row in enumerate(side.costs.single)
    )
    return replace(side.costs, single=single)


def relieve(side: Side, held: frozenset[int]) -> Side:
    """A first try at mending: hosts that are too full give tasks up, the largest first."""
    counts = [list(row) for row in side.counts]
    for rule in side.rules:
        if capacity_of(rule) is None:
            continue
        for limit in rule.limits:
            here = [(c, item, host) for c, (_, item, host) in limit.terms if counts[item][host]]
            for _, item, host in sorted(here, reverse=True):
                movable = item not in held and side.problem.items[item].service.movable
                while movable and counts[item][host] and not limit.holds(counts):
                    counts[item][host] -= 1
    _grow(side.problem, side.rules, side.costs, counts)
    return side.moved_to(counts)


def _force(problem: Problem, present: Counts, forced: Mapping[str, tuple[int, ...]]) -> Counts:
    counts = [list(row) for row in present]
    for name, hosts in forced.items():
        row = [0] * len(problem.hosts)
        for host in hosts:
            row[host] += 1
        counts[problem.item_of[name]] = row
    return counts


def _shrink(problem: Problem, counts: Counts) -> None:
    """Tasks too many go from the hosts with the most of them, as Swarm scales down."""
    for row, item in zip(counts, problem.items, strict=True):
        while sum(row) > item.count:
            fullest = max(range(len(row)), key=lambda host: (row[host], host))
            row[fullest] -= 1


def _allow(
    problem: Problem,
    rules: tuple[Rule, ...],
    counts: Counts,
    forced: Mapping[str, tuple[int, ...]],
) -> None:
    """Take tasks off hosts that a rule of their own (a pin, a constraint) forbids."""
    held = {problem.item_of[name] for name in forced}
    for rule in rules:
        for limit in rule.limits:
            if len(limit.terms) == 1 and limit.bound == 0:
                ((coefficient, (_, item, host)),) = limit.terms
                if coefficient > 0 and item not in held:
                    counts[item][host] = 0


def _grow(problem: Problem, rules: tuple[Rule, ...], prices: Costs, counts: Counts) -> None:
    """Missing tasks go, one after another, where they break no rule and cost least."""
    missing = [
        (index, item) for index, item in enumerate(problem.items) if sum(counts[index]) < item.count
    ]
    at: dict[tuple[int, int], list[Limit]] = {}
    wanted = {index for index, _ in missing}
    for rule in rules:
        for limit in rule.limits:
            for place in {(item, host) for _, (_, item, host) in limit.terms if item in wanted}:
                at.setdefault(place, []).append(limit)
    for index, item in missing:
        row = counts[index]
        while sum(row) < item.count:
            best: tuple[int, int] | None = None
            for host in _fitting(problem, at, prices, counts, index)[:MOST_WEIGHED]:
                row[host] += 1
                price = evaluate(prices, counts).total()
                row[host] -= 1
                best = min(best or (price, host), (price, host))
            if best is None:
                break
            row[best[1]] += 1


def _fitting(
    problem: Problem,
    at: Mapping[tuple[int, int], list[Limit]],
    prices: Costs,
    counts: Counts,
    index: int,
) -> list[int]:
    """Hosts where one more task breaks no rule, the least full and cheapest by themselves first."""
    row = counts[index]
    found = []
    for host in range(len(problem.hosts)):
        row[host] += 1
        if all(limit.holds(counts) for limit in at.get((index, host), ())):
            found.append(host)
        row[host] -= 1
    if len(found) <= MOST_WEIGHED:
        return found
    full = {
        fill.host: fill.start
        + sum(s * r[fill.host] for s, r in zip(fill.shares, counts, strict=True))
        for fill in prices.fills
        if fill.term == "balance memory"
    }
    return sorted(found, key=lambda h: (sum(prices.single[index][h].values()) + full[h], h))
