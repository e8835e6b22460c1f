"""The model's possible outcomes against a second reading of the specification.

200 random small swarms, every loss of one node. `reading.py` shares no rule with the
model and goes through every order that Swarm leaves to chance.
"""

from __future__ import annotations

from collections import Counter

import pytest

from quorate.swarm.model import State
from quorate.swarm.outcomes import Certainty, Outcomes, outcomes
from quorate.swarm.schedule import schedule
from tests.unit.swarm.fleets import swarm
from tests.unit.swarm.reading import Answer, left, possible

SWARMS = 200


def placements(found: Outcomes) -> set[tuple[tuple[str, str, int], ...]]:
    return {
        tuple(
            (service, found.nodes[node], tasks)
            for service, places in result
            for node, tasks in places
        )
        for result in found.results
    }


def read(state: State) -> tuple[set[Answer], set[tuple[tuple[str, str, int], ...]]]:
    answers = possible(state)
    return answers, {answer.assigned for answer in answers}


@pytest.mark.parametrize("number", range(SWARMS))
def test_the_model_finds_exactly_what_is_possible(number: int) -> None:
    for lost, state in swarm(number).losses():
        found = outcomes(state)
        assert not found.sampled, lost
        answers, expected = read(state)
        assert placements(found) == expected, lost
        for service in found.groups:
            waiting = {left(answer, state)[service] for answer in answers}
            assert found.left(service) == (min(waiting), max(waiting)), (lost, service)


@pytest.mark.parametrize("number", range(0, SWARMS, 4))
def test_what_is_drawn_is_possible(number: int) -> None:
    """Where not every order can be gone through, what is drawn is still Swarm's."""
    for lost, state in swarm(number).losses():
        found = outcomes(state, limit=0, samples=8)
        _, expected = read(state)
        assert placements(found) <= expected, lost


@pytest.mark.parametrize("number", range(0, SWARMS, 4))
def test_one_seed_gives_one_of_the_possible_outcomes(number: int) -> None:
    """With the tasks of global services, which `outcomes` does not tell of."""
    for lost, state in swarm(number).losses():
        answers, _ = read(state)
        for seed in range(3):
            drawn = schedule(state, seed)
            ends: dict[bool, Counter[tuple[str, str]]] = {True: Counter(), False: Counter()}
            for task in state.tasks:
                node = drawn.get(task.id)
                if node is not None:
                    ends[task.node is None][task.service, node] += 1
            answer = Answer(assigned=told(ends[True]), confirmed=told(ends[False]))
            assert answer in answers, (lost, seed)


def told(counts: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    return tuple(sorted((service, node, number) for (service, node), number in counts.items()))


def test_the_swarms_are_worth_comparing() -> None:
    """They reach what the comparison is for: chance, scarcity, spreads, several services."""
    seen: Counter[str] = Counter()
    for number in range(SWARMS):
        for _, state in swarm(number).losses():
            found = outcomes(state)
            services = {service.id: service for service in state.services}
            certainty = {name: found.pending(name) for name in found.groups}
            seen["losses"] += 1
            seen["several outcomes"] += len(found.results) > 1
            seen["several services at once"] += len(found.groups) > 1
            seen["placed by preference"] += any(
                places and services[name].preferences
                for result in found.results
                for name, places in result
            )
            seen["all placed"] += all(c is Certainty.NEVER for c in certainty.values())
            seen["pending for sure"] += Certainty.ALWAYS in certainty.values()
            seen["pending by chance"] += Certainty.SOMETIMES in certainty.values()
            seen["of global services"] += any(t.waits and t.node for t in state.tasks)
            seen["with failures that count"] += any(
                failures >= 5 and service in found.groups
                for (service, _), failures in state.failures.items()
            )
    assert seen["losses"] >= 600
    for kind in set(seen) - {"losses", "pending by chance"}:
        assert seen[kind] >= 40, (kind, seen)
    assert seen["pending by chance"] >= 10, seen
