"""The bound against every placement there is, and against bounds worked out by hand."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.plan.search import bound
from quorate.plan.search.arrays import PLENTY, Instance, instance, lists
from quorate.plan.search.bound import lower_bound
from tests.fakes.plain_cost import plain_cost, row


def made(use: list[list[int]], capacity: list[list[int]], **more: Any) -> Instance:
    """Each task a kind and a service of its own, unless said otherwise."""
    tasks = np.arange(len(use), dtype=np.int32)
    given: dict[str, Any] = {
        "kind": tasks,
        "service": tasks,
        "use": np.array(use, np.int64),
        "capacity": np.array(capacity, np.int64),
        **more,
    }
    return instance(**given)


def load(wholes: list[int], at: list[list[int]], slopes: list[int], start: list[int]) -> Any:
    """One load on resource 0: wholes and starts by machine, `at` by machine and step."""
    return {
        "load_resource": np.zeros(1, np.int32),
        "load_whole": np.array(wholes, np.int64)[:, None],
        "load_start": np.array(start, np.int64)[:, None],
        "step_start": np.array([0, len(slopes)], np.int32),
        "step_slope": np.array(slopes, np.int64),
        "step_at": np.array(at, np.int64),
    }


def test_nothing_said_costs_nothing() -> None:
    assert lower_bound(made([[1]], [[9]])) == 0
    nothing = instance(
        kind=np.zeros(0, np.int32),
        service=np.zeros(0, np.int32),
        use=np.zeros((0, 1), np.int64),
        capacity=np.array([[9]], np.int64),
    )
    assert lower_bound(nothing) == 0


def test_the_cheapest_machine_that_is_allowed_and_large_enough() -> None:
    price = np.array([[5, 3, 1], [7, 2, 1]], np.int64)
    allowed = np.array([[True, True, True], [True, False, True]])
    of = made([[4], [1]], [[9], [9], [2]], price=price, allowed=allowed)
    # Task 0 does not fit machine 2; task 1 may not be on machine 1.
    assert lower_bound(of) == 3 + 1


def test_a_plain_load_above_all_room() -> None:
    # 10 and 7 to place, room for 5 and 4: 8 too many, at 3 points each; machine 1 has 2 already.
    steps = load([0, 0], [[5], [6]], [3], [0, 2])
    assert lower_bound(made([[10], [7]], [[20], [20]], **steps)) == 3 * (17 - 5 - 4)


def test_what_is_too_much_already_and_room_that_capacity_forbids() -> None:
    # Machine 0 is 3 above before any task. Machine 1 has room for 50, but a capacity of 6.
    steps = load([0, 0], [[5], [50]], [2], [8, 0])
    assert lower_bound(made([[9]], [[9], [6]], **steps)) == 2 * (3 + 9)
    assert lower_bound(made([[6], [4]], [[9], [6]], **steps)) == 2 * (3 + 4)


def test_shares_of_machines_of_different_size() -> None:
    # 100 tasks of 1 on machines of 100 and 300: a quarter of both; up to a fifth is free.
    steps = load([100, 300], [[2000], [2000]], [1], [0, 0])
    one = made([[1]], [[PLENTY], [PLENTY]], kind=np.zeros(100, np.int32), **steps)
    # A task adds 100 on the small one and, rounded, 33 on the large one, which weighs three times.
    assert lower_bound(one) == -(-(300 * 33 * 100 - 2000 * 400) // 300)


def test_each_step_of_a_load_counts() -> None:
    steps = load([0], [[2, 5]], [1, 10], [0])
    assert lower_bound(made([[9]], [[9]], **steps)) == (9 - 2) + 10 * (9 - 5)


def test_balance_of_all_machines_together() -> None:
    balance = np.array([[0, 1, 2, 3]], np.int64)
    # Free: 12 of resource 0, 4 of resource 1.
    of = made([[4, 5], [0, 1]], [[8, 5], [8, 5]], balance=balance)
    assert lower_bound(of) == 3 * (2 * 12 - 4)


def test_a_machine_that_stays_empty_lacks_by_itself() -> None:
    balance = np.array([[0, 1, 1, 1]], np.int64)
    allowed = np.array([[True, False]])
    # Machine 0: 9 - 1 free of resource 0, 20 of resource 1. Machine 1 is empty: 7 - 2.
    of = made([[1, 0]], [[9, 20], [7, 2]], balance=balance, allowed=allowed)
    assert lower_bound(of) == 5


@pytest.mark.parametrize(
    ("more", "span"),
    [
        ({}, 2),  # 12 do not fit one machine of 10, nor of 4
        ({"group_fixed": np.array([[True, True, True]])}, 3),
        ({"most": np.ones(1, np.int64)}, 3),
        ({"locations": np.array([3], np.int32)}, 3),
        ({"exclusive": lists([[0]]), "exclusive_count": 1}, 3),
    ],
)
def test_machines_that_a_group_needs(more: dict[str, Any], span: int) -> None:
    of = made(
        [[4]],
        [[10], [10], [4]],
        kind=np.zeros(3, np.int32),
        groups=lists([[0]]),
        group_points=np.array([7], np.int64),
        **{"group_fixed": np.zeros((1, 3), np.bool_), **more},
    )
    assert lower_bound(of) == 7 * (span - 1)


def test_the_parts_of_a_large_table_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    steps = load([50, 70, 90], [[100]] * 3, [2], [0, 0, 0])
    of = made(
        random.integers(1, 9, (20, 1)).tolist(),
        [[40]] * 3,
        price=random.integers(0, 9, (20, 3)),
        **steps,
    )
    whole = lower_bound(of)
    monkeypatch.setattr(bound, "AT_ONCE", 7)
    assert lower_bound(of) == whole > 0


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Random instances with every kind of term, small enough to try all placements.

    At least one placement keeps the rules: one is drawn, and the rules leave room for it.
    """
    machines, kinds = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    services, loads = draw(st.integers(1, kinds)), draw(st.integers(0, 2))
    tasks = draw(st.lists(st.integers(0, kinds - 1), min_size=1, max_size=5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = np.concatenate([[0], np.cumsum(random.integers(0, 3, loads))]).astype(np.int32)
    wholes = random.choice([-1, 0, 7, 50], (machines, loads))
    if draw(st.booleans()):
        wholes = random.integers(1, 60, (machines, loads))
    scale = np.where((wholes == 0).all(axis=0), 30, 12_000) if loads else np.zeros(0)
    of_step = np.repeat(scale, np.diff(steps)) if loads else np.zeros(0)
    groups = draw(st.integers(0, 2))
    service = np.concatenate([np.arange(services), random.integers(0, services, kinds - services)])
    use, home = random.integers(0, 12, (kinds, 2)), random.integers(0, machines, len(tasks))
    allowed = random.random((kinds, machines)) < 0.8
    allowed[tasks, home] = True
    capacity = random.integers(0, 12, (machines, 2))
    np.add.at(capacity, home, use[tasks])
    location = random.integers(0, 2, machines).astype(np.int32)
    most, found = np.zeros(services, np.int64), [set[int]() for _ in range(services)]
    for (mine, where), count in Counter(zip(service[tasks], home, strict=True)).items():
        most[mine] = max(most[mine], count)
        found[mine].add(int(location[where]))
    pairs: list[list[int]] = [
        [int(random.integers(services)), int(random.integers(5))] * int(random.integers(2))
        for _ in range(services)
    ]
    return instance(
        kind=np.array(tasks, np.int32),
        origin=random.integers(-1, machines, len(tasks)).astype(np.int32),
        service=service.astype(np.int32),
        use=use,
        price=random.integers(-3, 20, (kinds, machines)),
        allowed=allowed,
        capacity=capacity,
        location=location,
        load_resource=random.integers(0, 2, loads).astype(np.int32),
        load_whole=wholes,
        load_start=random.integers(0, 20, (machines, loads)),
        step_start=steps,
        step_slope=random.integers(0, 4, int(steps[-1])),
        step_at=(random.random((machines, int(steps[-1]))) * of_step).astype(np.int64),
        balance=random.integers(0, [2, 2, 4, 3], (int(random.integers(3)), 4)),
        most=np.where(random.random(services) < 0.5, most, PLENTY),
        locations=np.array([random.integers(len(some) + 1) for some in found], np.int32),
        exclusive=lists([[0] if most[mine] == 1 and mine == 0 else [] for mine in range(services)]),
        exclusive_count=1,
        moved_weight=int(random.integers(3)),
        groups=lists(
            [np.flatnonzero(random.random(groups) < 0.7).tolist() for _ in range(services)]
        ),
        group_points=random.integers(0, 50, groups),
        group_fixed=random.random((groups, machines)) < 0.2,
        links=lists(pairs),
    )


def feasible(of: Instance, place: tuple[int, ...]) -> bool:
    """The rules that these instances have."""
    used = np.zeros_like(of.capacity)
    together: Counter[tuple[int, int]] = Counter()
    single: Counter[tuple[int, int]] = Counter()
    locations: dict[int, set[int]] = {}
    for task, machine in enumerate(place):
        kind = int(of.kind[task])
        service = int(of.service[kind])
        if not of.allowed[kind, machine]:
            return False
        used[machine] += of.use[kind]
        together[service, machine] += 1
        locations.setdefault(service, set()).add(int(of.location[machine]))
        for item in row(of.exclusive, service):
            single[item, machine] += 1
    return (
        bool((used <= of.capacity).all())
        and all(count <= of.most[service] for (service, _), count in together.items())
        and all(count <= 1 for count in single.values())
        and all(len(found) >= of.locations[service] for service, found in locations.items())
    )


@settings(max_examples=150)
@given(instances())
def test_no_placement_that_keeps_the_rules_is_cheaper(of: Instance) -> None:
    places = product(range(len(of.capacity)), repeat=len(of.kind))
    costs = [plain_cost(of, place) for place in places if feasible(of, place)]
    assert min(costs) >= lower_bound(of)
