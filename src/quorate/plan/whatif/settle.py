"""The other side's placement: exactly what is asked, and as little else as possible.

Everything stays. New tasks go where they cost least. Only where that breaks a
hard rule the solver looks for the placement that keeps them all and moves the
fewest other tasks; where there is none, the rules stay broken and are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from quorate.errors import QuorateError
from quorate.plan.cost import Costs, costs, evaluate
from quorate.plan.encode import Encoding, highest
from quorate.plan.problem import Counts, Problem
from quorate.plan.rules import COUNT, Limit, Rule, all_rules, capacity_of

STAY = 1_000_000
"""Points for a task that moves unasked: more than all goals of a fleet together."""

LARGEST = 60_000
"""Items × hosts up to which the solver is asked to mend broken rules."""

TIME_LIMIT = 10.0

MOST_WEIGHED = 12
"""Hosts whose whole price is looked at for a task that needs one."""


def settle(
    problem: Problem,
    present: Counts,
    forced: Mapping[str, tuple[int, ...]],
    *,
    mend: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Counts:
    """The placement after a change.

    Args:
        present: where the tasks are, moves not yet made; may hold too few or too many.
        forced: service id → the host of each of its tasks.
        mend: whether other tasks may move where that keeps the rules.
        time_limit: seconds to look for the fewest of them.
    """
    rules, prices = all_rules(problem), costs(problem)
    counts = _force(problem, present, forced)
    if mend:
        _shrink(problem, counts)
        _allow(problem, rules, counts, forced)
    plain = [list(row) for row in counts]
    _grow(problem, rules, prices, plain)
    if not mend or _kept(problem, rules, plain):
        return plain
    held = frozenset(problem.item_of[name] for name in forced)
    first = relieve(problem, rules, prices, [list(row) for row in plain], held)
    if len(problem.items) * len(problem.hosts) <= LARGEST:
        found = optimum(problem, forced, stay=present, start=first, time_limit=time_limit)
        if found is not None:
            return found
    return first if _kept(problem, rules, first) else plain


def _kept(problem: Problem, rules: tuple[Rule, ...], counts: Counts) -> bool:
    """Whether every task has a host and every rule is kept."""
    whole = all(sum(row) == item.count for row, item in zip(counts, problem.items, strict=True))
    return whole and not broken(rules, counts)


def broken(rules: tuple[Rule, ...], counts: Counts) -> bool:
    """Whether any hard rule is."""
    return not all(limit.holds(counts) for rule in rules for limit in rule.limits)


def optimum(
    problem: Problem,
    forced: Mapping[str, tuple[int, ...]],
    *,
    stay: Counts | None = None,
    start: Counts | None = None,
    time_limit: float = TIME_LIMIT,
) -> Counts | None:
    """The cheapest placement that keeps every rule and what is forced; None when none is found.

    With `stay`, leaving that placement costs more than anything else. `start` is one to
    begin the search with.
    """
    rules, prices = all_rules(problem), costs(problem)
    encoding = Encoding(problem, highest(problem, rules))
    for rule in rules:
        for limit in rule.limits:
            encoding.add(limit)
    for name, hosts in forced.items():
        item = problem.item_of[name]
        for host in range(len(problem.hosts)):
            number = hosts.count(host)
            encoding.add(Limit(terms=((1, (COUNT, item, host)),), bound=number))
            encoding.add(Limit(terms=((-1, (COUNT, item, host)),), bound=-number))
    encoding.price(prices if stay is None else _staying(prices, stay, problem, forced))
    if start is not None:
        encoding.hint(start)
    answer = encoding.model.solve(time_limit=time_limit)
    if answer.status == "infeasible":
        return None
    if answer.status not in ("optimal", "feasible"):
        if stay is not None:
            return None
        raise QuorateError(
            f"no placement was found within {time_limit:g} s",
            cause="the fleet is large or its rules are very tight",
            todo="leave out --replan",
        )
    return encoding.read(answer.values)


def _staying(
    prices: Costs, stay: Counts, problem: Problem, forced: Mapping[str, tuple[int, ...]]
) -> Costs:
    free = {problem.item_of[name] for name in forced}
    single = tuple(
        tuple(
            price if item in free or stay[item][host] else {**price, "move": STAY}
            for host, price in enumerate(row)
        )
        for item, row in enumerate(prices.single)
    )
    return replace(prices, single=single)


def relieve(
    problem: Problem, rules: tuple[Rule, ...], prices: Costs, counts: Counts, held: frozenset[int]
) -> Counts:
    """A first try at mending: hosts that are too full give tasks up, the largest first."""
    for rule in rules:
        resource = capacity_of(rule)
        if resource is None:
            continue
        for limit in rule.limits:
            here = [(c, item, host) for c, (_, item, host) in limit.terms if counts[item][host]]
            for _, item, host in sorted(here, reverse=True):
                service = problem.items[item].service
                while (
                    not limit.holds(counts)
                    and counts[item][host]
                    and item not in held
                    and service.movable
                ):
                    counts[item][host] -= 1
    _grow(problem, rules, prices, counts)
    return counts


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
