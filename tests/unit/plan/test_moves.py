"""Alternatives on arrays are those found one by one, for plans of random small fleets."""

from __future__ import annotations

from hypothesis import given, settings

from quorate.errors import InfeasibleError
from quorate.plan.bulk.moves import DEARER, TOLD, BulkMoves
from quorate.plan.cost import costs
from quorate.plan.moves import ExactMoves
from quorate.plan.occupancy import Occupancy
from quorate.plan.problem import build
from quorate.plan.rules import all_rules
from quorate.plan.solve import solve
from tests.unit.plan.builders import fleet, server, service
from tests.unit.plan.test_brute_force import fleets
from tests.unit.plan.test_bulk import Given


@settings(max_examples=60, deadline=None)
@given(fleets())
def test_alternatives_are_the_same(given: Given) -> None:
    problem = build(given[0], current=given[1])
    try:
        there = Occupancy(problem, solve(problem).counts)
    except InfeasibleError:
        return
    exact = ExactMoves(there, all_rules(problem), costs(problem))
    bulk = BulkMoves(there)
    for item in problem.items:
        plain = list(exact.alternatives(item.service))
        found = list(bulk.alternatives(item.service))
        assert [one.server for one in found] == [one.server for one in plain]
        for mine, theirs in zip(found, plain, strict=True):
            kinds = [one.rule.kind if one.rule else None for one in (mine, theirs)]
            assert kinds[0] == kinds[1]
            assert mine.words == theirs.words
            assert mine.total == theirs.total


def test_the_nearest_are_told_and_the_others_counted() -> None:
    machines = [
        server(f"s{i:02}", memory=64 if i % 2 else 1, labels={"disk": "ssd"} if i < 9 else {})
        for i in range(12)
    ]
    parts = [service("a", memory=4, constraints=("node.labels.disk == ssd",)), service("b")]
    problem = build(fleet(machines, parts))
    counts = [[int(host == 1) for host in range(12)], [int(host == 1) for host in range(12)]]
    survey = BulkMoves(Occupancy(problem, counts)).survey(parts[0])
    assert [one.server for one in survey.told] == ["s03", "s05", "s07"]
    assert survey.best is not None
    assert survey.more == {
        "its constraint node.labels.disk == ssd excludes it": 3,
        "no memory to reserve left there": 5,
    }
    free = BulkMoves(Occupancy(problem, counts)).survey(parts[1])
    assert len(free.told) == TOLD
    assert free.more == {DEARER: 11 - TOLD}
