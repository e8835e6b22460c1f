"""The solver's answer against every placement there is, on small random fleets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.errors import InfeasibleError
from quorate.fleet.model import (
    Engine,
    Fleet,
    Isolation,
    Mode,
    Port,
    Role,
    Server,
    Service,
    Stack,
    State,
    VolumeUse,
)
from quorate.plan.assemble import assemble
from quorate.plan.cost import costs, evaluate
from quorate.plan.occupancy import Occupancy
from quorate.plan.pool import pools
from quorate.plan.problem import Counts, Problem, build
from quorate.plan.solve import Solution, make_plan, solve
from quorate.plan.verify import violations
from tests.unit.plan.builders import GIB, fleet, server, service

NAMES = ("one", "two", "three", "four")
CLASSES = ("production", "ci", "data")


@st.composite
def servers(draw: st.DrawFn) -> list[Server]:
    number = draw(st.integers(2, 3))
    return [
        server(
            f"server-{index}",
            memory=draw(st.integers(3, 9)),
            cpus=draw(st.sampled_from((2, 4))),
            speed=draw(st.sampled_from((0.8, 1.0, 1.3))),
            role=draw(st.sampled_from((Role.MANAGER, Role.WORKER))),
            labels=draw(st.sampled_from(({}, {"disk": "ssd"}))),
            uptime_days=draw(st.sampled_from((None, 2.0, 60.0))),
        )
        for index in range(number)
    ]


@st.composite
def services(draw: st.DrawFn, names: list[str]) -> list[Service]:
    number = draw(st.integers(1, len(NAMES)))
    made = []
    for name in NAMES[:number]:
        others = [other for other in NAMES[:number] if other != name]
        one_other: Any = st.lists(st.sampled_from(others), max_size=1) if others else st.just([])
        mode = draw(st.sampled_from((Mode.REPLICATED,) * 5 + (Mode.GLOBAL,)))
        state = draw(st.sampled_from((State.NONE, State.POSTGRES)))
        volume = VolumeUse(
            kind="volume", source=draw(st.sampled_from(("a", "a", name))), target="/d"
        )
        memory = draw(st.integers(1, 3))
        cpu = draw(st.sampled_from((0.2, 0.5, 1.5)))
        made.append(
            service(
                name,
                memory=memory,
                cpu=cpu,
                stack=draw(st.sampled_from(("app", "other"))),
                mode=mode,
                replicas=draw(st.sampled_from((1, 1, 1, 2, 3))) if mode is Mode.REPLICATED else 1,
                max_replicas_per_node=draw(st.sampled_from((0, 0, 1))),
                workload_class=draw(st.sampled_from(CLASSES)),
                state=state,
                volumes=(volume,) if state.keeps_data else (),
                load={
                    "memory_peak": memory * GIB * 2,
                    "cpu_peak": cpu * 3,
                    "spiky": draw(st.booleans()),
                },
                ports=draw(
                    st.sampled_from(((),) * 4 + ((Port(target=80, published=80, mode="host"),),))
                ),
                near=tuple(draw(one_other)) if draw(st.integers(0, 2)) == 0 else (),
                apart=tuple(draw(one_other)) if draw(st.integers(0, 4)) == 0 else (),
                needs=tuple(draw(one_other)),
                pins=tuple(draw(st.sampled_from(((),) * 5 + ((names[0],), tuple(names[:2]))))),
                constraints=tuple(
                    draw(
                        st.sampled_from(
                            ((),) * 5 + (("node.role == manager",), ("node.labels.disk != ssd",))
                        )
                    )
                ),
            )
        )
    return made


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, dict[str, tuple[str, ...]]]:
    machines = draw(servers())
    names = [machine.name for machine in machines]
    wanted = draw(services(names))
    mail = service("mail", memory=1, stack="mail", engine=Engine.COMPOSE)
    stacks = [Stack(name="mail", files=(), engine=Engine.COMPOSE, server=names[-1])]
    with_mail = draw(st.booleans())
    current: dict[str, tuple[str, ...]] = {
        one.id: (draw(st.sampled_from(names)),) for one in wanted if draw(st.integers(0, 3)) == 0
    }
    made = fleet(
        machines,
        [*wanted, mail] if with_mail else wanted,
        stacks=stacks if with_mail else [],
        headroom_memory=draw(st.sampled_from((0.0, 0.2))),
        isolation=(Isolation(spiky="ci", away_from="production"),),
    )
    return made, current


def every_answer(problem: Problem) -> list[Counts]:
    """All ways to put every item's tasks on the servers."""

    def ways(tasks: int, hosts: int) -> list[list[int]]:
        return [list(row) for row in product(range(tasks + 1), repeat=hosts) if sum(row) == tasks]

    per_item = [ways(item.count, len(problem.hosts)) for item in problem.items]
    return [[list(row) for row in rows] for rows in product(*per_item)]


class Verified:
    """The independent verifier, of plans that differ in nothing but where things run."""

    def __init__(self, problem: Problem, counts: Counts) -> None:
        self.problem = problem
        self.names = [host.server.name for host in problem.hosts]
        answer = Solution(status="optimal", counts=counts, objective=0, bound=0, seconds=0)
        self.plan = assemble(problem, answer)

    def keeps_all_rules(self, counts: Counts) -> bool:
        there = Occupancy(self.problem, counts)
        chosen = pools(there)
        services = {}
        for one in self.problem.fleet.services:
            if one.id in self.plan.services:
                homes = self._named(there.homes(one))
                pool = self._named(chosen[one.id].hosts)
                update = {
                    "home": homes[0] if homes else self.names[chosen[one.id].hosts[0]],
                    "homes": homes,
                    "pool": pool,
                    "movable": chosen[one.id].movable,
                }
                services[one.id] = self.plan.services[one.id].model_copy(update=update)
        plan = self.plan.model_copy(update={"services": services})
        return not violations(self.problem.fleet, plan)

    def _named(self, hosts: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self.names[host] for host in hosts))


def cheapest(problem: Problem) -> int | None:
    """The least price over all placements that keep the rules; None when there is none."""
    prices = costs(problem)
    priced = sorted(
        ((evaluate(prices, counts).total(), counts) for counts in every_answer(problem)),
        key=lambda pair: pair[0],
    )
    verified = Verified(problem, priced[0][1])
    for price, counts in priced:
        if verified.keeps_all_rules(counts):
            assert not violations(problem.fleet, Verified(problem, counts).plan)
            return price
    return None


@pytest.mark.slow
@settings(max_examples=120)
@given(fleets())
def test_the_solver_equals_brute_force(case: tuple[Fleet, dict[str, tuple[str, ...]]]) -> None:
    made, current = case
    problem = build(made, current=current)
    best = cheapest(problem)
    if best is None:
        with pytest.raises(InfeasibleError) as caught:
            solve(problem)
        assert caught.value.conflict
        return
    answer = solve(problem)
    assert answer.status == "optimal"
    assert answer.objective == best
    assert evaluate(costs(problem), answer.counts).total() == best


@settings(max_examples=60)
@given(fleets())
def test_every_plan_keeps_the_rules_and_says_why(
    case: tuple[Fleet, dict[str, tuple[str, ...]]],
) -> None:
    made, current = case
    try:
        plan = make_plan(made, current=current)
    except InfeasibleError:
        return
    assert violations(made, plan) == ()
    assert plan.status == "optimal"
    names = {machine.name for machine in made.servers}
    for placement in plan.services.values():
        assert placement.reasons
        assert set(placement.rejected) == names - set(placement.homes), placement.id
        assert set(placement.homes) <= set(placement.pool)


@settings(max_examples=40)
@given(fleets())
def test_names_of_servers_do_not_matter(case: tuple[Fleet, dict[str, tuple[str, ...]]]) -> None:
    made, _ = case
    other = {machine.name: f"renamed-{i}" for i, machine in enumerate(reversed(made.servers))}
    renamed = made.model_copy(
        update={
            "servers": tuple(
                machine.model_copy(update={"name": other[machine.name]})
                for machine in reversed(made.servers)
            ),
            "services": tuple(
                one.model_copy(update={"pins": tuple(other[pin] for pin in one.pins)})
                for one in made.services
            ),
            "stacks": tuple(
                stack.model_copy(update={"server": other[stack.server] if stack.server else None})
                for stack in made.stacks
            ),
        }
    )
    assert _objective(made) == _objective(renamed)


@settings(max_examples=40)
@given(fleets(), st.integers(0, 2), st.integers(1, 8))
def test_more_memory_never_makes_it_infeasible(
    case: tuple[Fleet, dict[str, tuple[str, ...]]], which: int, more: int
) -> None:
    made, _ = case
    if _objective(made) is None:
        return
    machines = list(made.servers)
    which %= len(machines)
    machines[which] = machines[which].model_copy(
        update={"memory": machines[which].memory + more * GIB}
    )
    assert _objective(made.model_copy(update={"servers": tuple(machines)})) is not None


def _objective(made: Fleet) -> float | None:
    try:
        return solve(build(made)).objective
    except InfeasibleError:
        return None
