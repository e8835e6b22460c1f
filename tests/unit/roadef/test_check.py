"""The checker against costs worked out by hand, and against a slow reading of the definitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.roadef.check import Cost, cost, violations
from benchmarks.roadef.problem import Problem
from tests.unit.roadef.builders import placed, three_machines


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        # Used: (10, 6), (3, 3), (0, 0). Load 10 × 5. Balance 3 × (0 + 7 + 20).
        ([0, 1, 0], Cost(load=50, balance=81, process_moves=0, service_moves=0, machine_moves=0)),
        # Used: (4, 4), (9, 5), (0, 0). Load 10 × 4. Balance 3 × (6 + 0 + 20). Moved: process 2.
        (
            [0, 1, 1],
            Cost(load=40, balance=78, process_moves=6, service_moves=11, machine_moves=13),
        ),
        # Used: (0, 0), (4, 4), (9, 5). Load 10 × 4. Balance 3 × (10 + 6 + 7). All moved: process
        # moves 2 × 15, two of service 0, machines 13 × (1 + 3 + 2).
        (
            [1, 2, 2],
            Cost(load=40, balance=69, process_moves=30, service_moves=22, machine_moves=78),
        ),
    ],
)
def test_costs_worked_out_by_hand(place: list[int], expected: Cost) -> None:
    found = cost(three_machines(), place)
    assert found == expected
    assert found.as_json() == {"total": found.total, **vars(expected)}


def test_the_total_is_the_sum_of_the_parts() -> None:
    assert cost(three_machines(), [0, 1, 1]).total == 40 + 78 + 6 + 11 + 13


def test_each_weight_counts_once() -> None:
    problem = replace(
        three_machines(),
        load_weight=np.array([0, 0]),
        balances=(),
        process_move_weight=0,
        service_move_weight=0,
        machine_move_weight=0,
    )
    assert cost(problem, [1, 2, 2]).total == 0
    # Resource 1: 9 used on machine 1 of 2 that are safe there.
    loaded = replace(
        problem, load_weight=np.array([0, 4]), safety=np.array([[9, 9], [9, 2], [9, 9]])
    )
    assert cost(loaded, [1, 1, 1]).total == 4 * 7


def test_a_move_to_the_same_machine_costs_what_the_table_says() -> None:
    table = np.array([[5, 0, 0], [0, 0, 0], [0, 0, 0]])
    problem = replace(three_machines(), machine_move=table)
    assert cost(problem, [0, 1, 0]).machine_moves == 13 * (5 + 5)


def test_numbers_beyond_64_bits_are_exact() -> None:
    problem = replace(three_machines(), load_weight=np.array([2**62, 0]))
    assert cost(problem, [0, 1, 0]).load == 5 * 2**62


@pytest.mark.parametrize("place", [[0, 1, 0], [0, 1, 1]])
def test_what_is_allowed(place: list[int]) -> None:
    assert violations(three_machines(), place) == []


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ([0, 1], ["2 processes are placed, there are 3"]),
        ([0, 1, 3], ["process 2 is on machine 3, machines go from 0 to 2"]),
        ([0, 1, -1], ["process 2 is on machine -1, machines go from 0 to 2"]),
        (
            [1, 1, 0],
            [
                "conflict: 2 processes of service 0 on machine 1",
                "spread: service 0 is in 1 locations of 2",
            ],
        ),
        ([2, 1, 0], ["spread: service 0 is in 1 locations of 2"]),
        (
            [0, 1, 2],
            [
                "dependency: service 1 is in neighbourhood 1, service 0, which it needs, is not",
            ],
        ),
    ],
)
def test_rules_that_are_broken(place: list[int], expected: list[str]) -> None:
    assert violations(three_machines(), place) == expected


def test_a_resource_that_runs_out() -> None:
    problem = replace(three_machines(), capacity=np.array([[10, 10], [8, 10], [20, 20]]))
    assert violations(problem, [0, 1, 1]) == ["capacity: machine 1, resource 0: 9 used, 8 there"]


def test_a_transient_resource_counts_where_a_process_leaves() -> None:
    tight = np.array([[10, 5], [10, 10], [20, 20]])
    problem = replace(three_machines(), capacity=tight)
    assert violations(problem, [0, 1, 1]) == [
        "capacity: machine 0, resource 1: 4 used and 2 by processes that leave, 5 there"
    ]
    lasting = replace(problem, transient=np.array([False, False]))
    assert violations(lasting, [0, 1, 1]) == []


def test_a_process_that_stays_counts_once() -> None:
    full = np.array([[10, 6], [10, 10], [20, 20]])
    assert violations(replace(three_machines(), capacity=full), [0, 1, 0]) == []


def allowed(problem: Problem, place: list[int]) -> bool:
    """The rules, each as its definition says, pair by pair."""
    tasks = range(problem.processes)
    for machine, resource in product(range(problem.machines), range(problem.resources)):
        there = [
            p
            for p in tasks
            if place[p] == machine
            or (problem.transient[resource] and problem.original[p] == machine)
        ]
        if (
            sum(problem.requirement[p, resource] for p in there)
            > problem.capacity[machine][resource]
        ):
            return False
    spots = [(int(problem.service[p]), place[p]) for p in tasks]
    if any(spots[one] == spots[other] for one, other in product(tasks, tasks) if one < other):
        return False
    for service in range(problem.services):
        mine = [p for p in tasks if problem.service[p] == service]
        if len({int(problem.location[place[p]]) for p in mine}) < problem.spread[service]:
            return False
        for target, p in product(problem.needs[service], mine):
            hood = problem.neighbourhood[place[p]]
            if not any(
                problem.service[q] == target and problem.neighbourhood[place[q]] == hood
                for q in tasks
            ):
                return False
    return True


def objective(problem: Problem, place: list[int]) -> int:
    """The objective as one formula after another."""
    tasks, machines = range(problem.processes), range(problem.machines)

    def used(machine: int, resource: int) -> int:
        return sum(int(problem.requirement[p, resource]) for p in tasks if place[p] == machine)

    def free(machine: int, resource: int) -> int:
        return int(problem.capacity[machine, resource]) - used(machine, resource)

    total = 0
    for m, r in product(machines, range(problem.resources)):
        total += int(problem.load_weight[r]) * max(0, used(m, r) - int(problem.safety[m, r]))
    for m, b in product(machines, problem.balances):
        total += b.weight * max(0, b.target * free(m, b.first) - free(m, b.second))
    moved = [p for p in tasks if place[p] != problem.original[p]]
    total += problem.process_move_weight * sum(int(problem.process_move[p]) for p in moved)
    total += problem.service_move_weight * max(
        sum(problem.service[p] == s for p in moved) for s in range(problem.services)
    )
    for p in tasks:
        step = problem.machine_move[problem.original[p], place[p]]
        total += problem.machine_move_weight * int(step)
    return int(total)


@settings(max_examples=150)
@given(placed())
def test_as_the_definitions_say(given: tuple[Problem, list[int]]) -> None:
    problem, place = given
    assert cost(problem, place).total == objective(problem, place)
    assert (not violations(problem, place)) == allowed(problem, place)


@settings(max_examples=60)
@given(placed(), st.randoms())
def test_the_names_of_machines_do_not_matter(
    given: tuple[Problem, list[int]], random: st.DataObject
) -> None:
    problem, place = given
    order = list(range(problem.machines))
    random.shuffle(order)  # type: ignore[attr-defined]
    new = np.argsort(order)
    renamed = replace(
        problem,
        neighbourhood=problem.neighbourhood[order],
        location=problem.location[order],
        capacity=problem.capacity[order],
        safety=problem.safety[order],
        machine_move=problem.machine_move[np.ix_(order, order)],
        original=new[problem.original],
    )
    again = [int(new[machine]) for machine in place]
    assert cost(renamed, again) == cost(problem, place)
    assert len(violations(renamed, again)) == len(violations(problem, place))


@settings(max_examples=60)
@given(placed())
def test_who_stays_pays_for_no_move(given: tuple[Problem, list[int]]) -> None:
    problem, _ = given
    found = cost(problem, problem.original.tolist())
    assert (found.process_moves, found.service_moves) == (0, 0)
