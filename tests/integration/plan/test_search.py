"""The search for large fleets, compiled: its sums against the definitions, its rules, its answers.

Compiling takes half a minute the first time on a machine; that is why this is no unit test.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks import estate
from quorate.errors import InfeasibleError, StoppedError
from quorate.fleet.model import Fleet
from quorate.plan import cost as definitions
from quorate.plan.bulk.ledger import Ledger
from quorate.plan.bulk.rulebook import broken_rules
from quorate.plan.bulk.table import Table
from quorate.plan.problem import Problem, build, is_large
from quorate.plan.search import convert, kernels, run
from quorate.plan.search.arrays import Instance, instance, lists
from quorate.plan.search.bound import lower_bound
from quorate.plan.search.fleet import solve_large, tallied
from quorate.plan.search.run import Chain, improve, total
from quorate.plan.search.state import NOWHERE
from quorate.plan.solve import SEARCHED, never, solve, solve_exactly

SEEDS = (1, 2, 3)


def problem_of(seed: int, replicas: int = 90, servers: int = 8) -> Problem:
    return build(estate.make(replicas=replicas, servers=servers, seed=seed).fleet)


def placed(problem: Problem, seed: int) -> Chain:
    """A search that has its first placement."""
    of, _ = convert.build(problem, Table(problem))
    first = solve_large(problem, time_limit=5.0, seed=seed, on_progress=None, stop=never)
    place = np.concatenate(
        [np.repeat(np.arange(len(row)), row) for row in np.array(first.counts)]
    ).astype(np.int32)
    return Chain(of, place, seed)


@pytest.fixture(scope="module", params=SEEDS)
def chain(request: pytest.FixtureRequest) -> Iterator[tuple[Problem, Chain]]:
    problem = problem_of(request.param)
    yield problem, placed(problem, request.param)


def test_the_kernels_sums_are_the_defined_price(chain: tuple[Problem, Chain]) -> None:
    problem, search = chain
    _, offset = convert.build(problem, Table(problem))
    counts = tallied(search.of, search.state.place).tolist()
    price = definitions.evaluate(definitions.costs(problem), counts).total()
    assert total(search.of, search.state) + offset == price


def test_a_moves_cost_is_the_difference_it_makes_and_its_rules_are_the_fleets(
    chain: tuple[Problem, Chain],
) -> None:
    problem, search = chain
    of, state, dice = search.of, search.state, random.Random(7)
    tried = {True: 0, False: 0}
    for _ in range(400):
        task, to = dice.randrange(len(of.kind)), dice.randrange(len(of.capacity))
        here = int(state.place[task])
        if here == to:
            continue
        may = kernels.may_move(search.shared, search.inside, task, to)
        expected = kernels.move_cost(search.shared, search.inside, task, to)
        before = total(of, state)
        kernels.move(search.shared, search.inside, task, to)
        assert total(of, state) - before == expected
        broken = next(broken_rules(Ledger(problem, tallied(of, state.place))), None)
        assert may == (broken is None), broken
        tried[may] += 1
        if not may or dice.random() < 0.5:
            kernels.move(search.shared, search.inside, task, here)
            assert total(of, state) == before
    assert min(tried.values()) > 20, "both outcomes are tried"


@pytest.mark.parametrize("cycles", [0.0, 1.0])
def test_chains_and_cycles_keep_every_rule_and_are_priced_right(
    chain: tuple[Problem, Chain], cycles: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, search = chain
    monkeypatch.setattr(run, "SWAPS", 0.0)
    monkeypatch.setattr(run, "CYCLES", cycles)
    monkeypatch.setattr(run, "CHAINED", 1.0 - cycles)
    search.take(search.best, search.best_cost)
    before = search.state.place.copy()
    hot = search.heat()
    search.anneal(200_000, hot, hot / 10)
    moved = np.count_nonzero(search.state.place != before)
    assert moved >= 3, "some are made"
    assert search.cost == total(search.of, search.state)
    assert list(broken_rules(Ledger(problem, tallied(search.of, search.state.place)))) == []


def test_what_was_placed_before_its_companion_follows_it() -> None:
    """It stayed where it was when the companion found room elsewhere only."""
    of = instance(
        kind=np.array([0, 1], np.int32),
        service=np.array([0, 1], np.int32),
        use=np.ones((2, 1), np.int64),
        capacity=np.full((2, 1), 2, np.int64),
        allowed=np.array([[True, True], [False, True]]),
        price=np.array([[0, 5], [0, 0]], np.int64),
        near=lists([[1], []]),
    )
    search = Chain(of, np.full(2, NOWHERE, np.int32), 0)
    assert search.complete(np.array([0, 1], np.int32), float("inf"), never)
    assert search.state.place.tolist() == [1, 1]


def test_what_is_found_keeps_every_rule_and_is_priced_right(seed: int = 4) -> None:
    problem = problem_of(seed, replicas=300, servers=20)
    told: list[tuple[float, float]] = []
    found = solve_large(
        problem,
        time_limit=15.0,  # enough beside other work too
        seed=seed,
        on_progress=lambda cost, bound: told.append((cost, bound)),
        stop=never,
    )
    ledger = Ledger(problem, found.counts)
    assert list(broken_rules(ledger)) == []
    assert found.objective == ledger.price().total()
    costs = [cost for cost, _ in told]
    assert costs == sorted(costs, reverse=True) and costs[-1] == found.objective
    assert found.objective < costs[0], "better than the first placement"
    assert {bound for _, bound in told} == {found.bound} and found.bound <= found.objective


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bound_and_an_answer_enclose_the_exact_optimum(seed: int) -> None:
    problem = problem_of(seed, replicas=24, servers=4)
    exact = solve_exactly(problem, time_limit=60.0)
    found = solve_large(problem, time_limit=5.0, seed=seed, on_progress=None, stop=never)
    assert exact.status == "optimal"
    assert found.bound <= exact.objective <= found.objective
    assert found.objective <= exact.objective * 1.01


def test_the_same_seed_gives_the_same_answer() -> None:
    problem = problem_of(5)
    of, _ = convert.build(problem, Table(problem))
    start = placed(problem, 5).best

    def found() -> tuple[int, list[int]]:
        result = improve(of, start, time_limit=600.0, seed=3, planned=6)
        assert not result.clock and result.rounds == 6
        return result.cost, result.place.tolist()

    assert found() == found()


def test_the_exact_neighbourhoods_agree_with_the_kernels(chain: tuple[Problem, Chain]) -> None:
    problem, search = chain
    before = search.best_cost
    search.take(search.best, before)
    search.solve(3.0, until=float("inf"), fine=1.0)
    assert search.best_cost <= before
    assert search.cost == total(search.of, search.state)
    assert list(broken_rules(Ledger(problem, tallied(search.of, search.state.place)))) == []


def test_a_search_beyond_capacities_counts_what_is_and_never_calls_it_best(
    chain: tuple[Problem, Chain],
) -> None:
    problem, search = chain
    search.take(search.best, search.best_cost)
    hot = search.heat()
    for _ in range(50):  # a small fleet has room: it is not beyond at every moment
        search.anneal(5_000, hot * 20, hot * 10, fine=0.0)
        if search.beyond:
            break
    over = np.maximum(0, search.state.held - search.of.capacity).sum()
    assert search.beyond == over > 0
    assert search.cost == total(search.of, search.state)
    best = Ledger(problem, tallied(search.of, search.best))
    assert list(broken_rules(best)) == []
    search.solve(1.0, until=float("inf"), fine=search.heat())
    assert search.beyond == np.maximum(0, search.state.held - search.of.capacity).sum()
    assert search.cost == total(search.of, search.state)
    search.take(search.best, search.best_cost)
    assert search.beyond == 0 and search.cost == total(search.of, search.state)


def test_asked_to_stop_it_gives_what_it_has() -> None:
    asked = iter([False] * 3)
    found = solve_large(
        problem_of(6),
        time_limit=600.0,
        seed=0,
        on_progress=None,
        stop=lambda: next(asked, True),
    )
    assert found.stopped and found.status == "feasible"


def test_asked_to_stop_at_once_it_has_nothing() -> None:
    problem = problem_of(6)
    crowded = Problem(
        fleet=problem.fleet,
        hosts=problem.hosts[:5],
        items=problem.items,
        fixed=(),
        current={},
    )
    with pytest.raises((StoppedError, InfeasibleError)):
        solve_large(crowded, time_limit=600.0, seed=0, on_progress=None, stop=lambda: True)


def _without_room(fleet: Fleet) -> Fleet:
    servers = tuple(server.model_copy(update={"memory": 2**30}) for server in fleet.servers)
    return fleet.model_copy(update={"servers": servers})


def test_a_fleet_without_room_says_so_at_once() -> None:
    fleet = _without_room(estate.make(replicas=90, servers=8, seed=1).fleet)
    with pytest.raises(InfeasibleError) as caught:
        solve_large(build(fleet), time_limit=600.0, seed=0, on_progress=None, stop=never)
    assert caught.value.todo


def test_a_fleet_of_middle_size_is_searched_too() -> None:
    problem = problem_of(1, replicas=400, servers=20)
    assert len(problem.items) * len(problem.hosts) >= SEARCHED and not is_large(problem)
    found = solve(problem, time_limit=4.0)
    assert list(broken_rules(Ledger(problem, np.array(found.counts)))) == []
    assert 0 < found.bound <= found.objective


def test_why_a_fleet_of_middle_size_has_no_placement_is_found_exactly() -> None:
    problem = build(_without_room(estate.make(replicas=400, servers=20).fleet))
    assert len(problem.items) * len(problem.hosts) >= SEARCHED and not is_large(problem)
    with pytest.raises(InfeasibleError) as caught:
        solve(problem, time_limit=4.0)
    assert caught.value.conflict


def test_the_bound_is_below_any_placement(chain: tuple[Problem, Chain]) -> None:
    _, search = chain
    of: Instance = search.of
    assert 0 < lower_bound(of) <= search.best_cost
