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
from quorate.plan.rules import COUNT, Limit, Rule, all_rules

STAY = 1_000_000
"""Points for a task that moves unasked: more than all goals of a fleet together."""

LARGEST = 60_000
"""Items × hosts up to which the solver is asked to mend broken rules."""

TIME_LIMIT = 10.0


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
    _shrink(problem, counts)
    _allow(problem, rules, counts, forced)
    plain = [list(row) for row in counts]
    _grow(problem, rules, prices, plain)
    whole = all(sum(r) == item.count for r, item in zip(plain, problem.items, strict=True))
    small = len(problem.items) * len(problem.hosts) <= LARGEST
    if not mend or not small or (whole and not broken(rules, plain)):
        return plain
    return optimum(problem, forced, stay=present, time_limit=time_limit) or plain


def broken(rules: tuple[Rule, ...], counts: Counts) -> bool:
    """Whether any hard rule is."""
    return not all(limit.holds(counts) for rule in rules for limit in rule.limits)


def optimum(
    problem: Problem,
    forced: Mapping[str, tuple[int, ...]],
    *,
    stay: Counts | None = None,
    time_limit: float = TIME_LIMIT,
) -> Counts | None:
    """The cheapest placement that keeps every rule and what is forced; None when there is none.

    With `stay`, leaving that placement costs more than anything else.
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
    if stay is not None:
        encoding.hint(_force(problem, stay, forced))
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
    at: dict[tuple[int, int], list[Limit]] = {}
    for rule in rules:
        for limit in rule.limits:
            for place in {(item, host) for _, (_, item, host) in limit.terms}:
                at.setdefault(place, []).append(limit)
    for index, item in enumerate(problem.items):
        row = counts[index]
        while sum(row) < item.count:
            best: tuple[int, int] | None = None
            for host in range(len(problem.hosts)):
                row[host] += 1
                if all(limit.holds(counts) for limit in at.get((index, host), ())):
                    price = evaluate(prices, counts).total()
                    best = min(best or (price, host), (price, host))
                row[host] -= 1
            if best is None:
                break
            row[best[1]] += 1
