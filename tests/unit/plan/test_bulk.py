"""Prices and rules on arrays are those of the plain definitions, on random small fleets."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.fleet.model import Fleet
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.rulebook import blocked, broken_rules
from quorate.plan.cost import costs, evaluate
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.rules import Rule, all_rules
from tests.unit.plan.test_brute_force import fleets

Given = tuple[Fleet, dict[str, tuple[str, ...]]]


def scattered(problem: Problem, seed: int) -> Counts:
    """Every task somewhere, whatever the rules say."""
    dice = Random(seed)
    counts = [[0] * len(problem.hosts) for _ in problem.items]
    for row, item in zip(counts, problem.items, strict=True):
        for _ in range(item.count):
            row[dice.randrange(len(row))] += 1
    return counts


@settings(max_examples=80, deadline=None)
@given(fleets(), st.integers(0, 1000))
def test_the_price_is_that_of_the_plain_evaluation(given: Given, seed: int) -> None:
    problem = build(given[0], current=given[1])
    counts = scattered(problem, seed)
    assert Ledger(problem, counts).price() == evaluate(costs(problem), counts)


@settings(max_examples=80, deadline=None)
@given(fleets(), st.integers(0, 1000))
def test_one_more_task_costs_the_difference_of_prices(given: Given, seed: int) -> None:
    problem = build(given[0], current=given[1])
    counts = scattered(problem, seed)
    prices = costs(problem)
    before = evaluate(prices, counts)
    ledger = Ledger(problem, counts)
    for item in range(len(problem.items)):
        adding = ledger.adding(item)
        for host in range(len(problem.hosts)):
            counts[item][host] += 1
            after = evaluate(prices, counts)
            counts[item][host] -= 1
            terms = set(adding) | set(after) | set(before)
            found = {t: int(adding[t][host]) if t in adding else 0 for t in terms}
            assert found == {t: after[t] - before[t] for t in terms}


@settings(max_examples=40, deadline=None)
@given(fleets(), st.integers(0, 1000))
def test_moving_tasks_keeps_every_sum_right(given: Given, seed: int) -> None:
    problem = build(given[0], current=given[1])
    counts = scattered(problem, seed)
    ledger = Ledger(problem, counts)
    ledger.price()
    dice = Random(seed)
    for _ in range(6):
        item = dice.randrange(max(1, len(problem.items)))
        for row in counts[item : item + 1]:
            home = next(host for host, tasks in enumerate(row) if tasks)
            host = dice.randrange(len(row))
            row[home] -= 1
            row[host] += 1
            ledger.take(item, home)
            ledger.put(item, host)
    assert ledger.price() == evaluate(costs(problem), counts)
    assert (Ledger(problem, counts).used == ledger.used).all()


def named(rules: list[Rule]) -> list[tuple[str, str]]:
    return [(rule.kind, rule.words) for rule in rules]


@settings(max_examples=80, deadline=None)
@given(fleets(), st.integers(0, 1000))
def test_the_rules_broken_are_those_of_the_list(given: Given, seed: int) -> None:
    problem = build(given[0], current=given[1])
    counts = scattered(problem, seed)
    plain = [r for r in all_rules(problem) if not all(x.holds(counts) for x in r.limits)]
    found = list(broken_rules(Ledger(problem, counts)))
    assert named(found) == named(plain)
    assert [rule.limits for rule in found] == [rule.limits for rule in plain]


def first_broken(rules: tuple[Rule, ...], counts: Counts, item: int, host: int) -> Rule | None:
    for rule in rules:
        for limit in rule.limits:
            named = any((i, h) == (item, host) for _, (_, i, h) in limit.terms)
            if named and not limit.holds(counts):
                return rule
    return None


@settings(max_examples=80, deadline=None)
@given(fleets(), st.integers(0, 1000))
def test_what_is_in_the_way_is_the_first_rule_that_breaks(given: Given, seed: int) -> None:
    problem = build(given[0], current=given[1])
    counts = scattered(problem, seed)
    rules = all_rules(problem)
    ledger = Ledger(problem, counts)
    for item, row in enumerate(counts):
        home = next(host for host, tasks in enumerate(row) if tasks)
        row[home] -= 1
        ledger.take(item, home)
        found = blocked(ledger, item)
        for host in range(len(problem.hosts)):
            counts[item][host] += 1
            plain = first_broken(rules, counts, item, host)
            counts[item][host] -= 1
            assert (plain is None) == bool(found.free[host])
            if plain is not None:
                reason = found.reason(host)
                assert reason.kind == plain.kind
                assert reason.words(host).startswith(plain.short)
        row[home] += 1
        ledger.put(item, home)
