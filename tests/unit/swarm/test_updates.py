"""Updates, slot by slot: what Swarm's rules make of parallelism, order and failures."""

from __future__ import annotations

from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quorate.swarm.board import Board
from quorate.swarm.model import Node, Service, State, Task
from quorate.swarm.rollout import Ending, OnFailure, Rollout, UpdateCourse, Version
from quorate.swarm.timing import Behaviour, Health
from quorate.swarm.updates import update

AT_ONCE = Version(stop=(0.0, 0.0))
SLOW = Version(stop=(4.0, 4.0))
BROKEN = Version(stop=(0.0, 0.0), fails=1.0)
ROLLBACK = OnFailure.ROLLBACK


def course(
    rollout: Rollout,
    *,
    slots: int = 3,
    nodes: int = 3,
    seed: int = 0,
    old: Version = AT_ONCE,
    new: Version = AT_ONCE,
    back: Rollout | None = None,
    **fields: Any,
) -> UpdateCourse:
    """An update of a service with so many tasks, spread over nodes of 4 units of memory."""
    machines = tuple(Node(id=f"n{i}", hostname=f"n{i}", cpu=4, memory=4) for i in range(nodes))
    homes = [slot % nodes for slot in range(slots)]
    tasks = tuple(
        Task(id=f"t{slot}", service="web", node=f"n{home}") for slot, home in enumerate(homes)
    )
    state = State(nodes=machines, services=(Service(id="web", **fields),), tasks=tasks)
    board = Board(state)
    found = update(board, "web", homes, rollout, random=Random(seed), old=old, new=new, back=back)
    assert found.fewest >= 0
    return found


def test_one_after_the_other_by_default() -> None:
    found = course(Rollout())
    assert (found.ending, found.updated, found.fewest) == (Ending.UPDATED, 3, 2)
    # Each takes 0.85 s: debounce, assignment, creation, start; then it is watched for 5 s.
    assert found.ended == pytest.approx(3 * 0.85 + 5.0)


@pytest.mark.parametrize(
    ("rollout", "fewest", "seconds"),
    [
        (Rollout(parallelism=2), 1, 2 * 0.85 + 5.0),
        (Rollout(parallelism=0), 0, 0.85 + 5.0),
        # The delay comes after each slot, the last one too.
        (Rollout(delay=10.0), 2, 3 * 10.85 + 5.0),
        (Rollout(start_first=True), 3, 3 * 0.85 + 5.0),
        (Rollout(monitor=60.0), 2, 3 * 0.85 + 60.0),
    ],
)
def test_parallelism_delay_order_and_monitor(rollout: Rollout, fewest: int, seconds: float) -> None:
    found = course(rollout)
    assert (found.ending, found.fewest) == (Ending.UPDATED, fewest)
    assert found.ended == pytest.approx(seconds)


def test_stop_first_waits_for_the_old_task_and_the_new_ones_health() -> None:
    probed = Health(interval=10.0, takes=(1.0, 1.0))
    health = Version(manner=Behaviour(health=probed))
    found = course(Rollout(), slots=1, old=SLOW, new=health)
    assert found.gap == pytest.approx(4.0 + 0.5 + 11.0)
    assert course(Rollout(start_first=True), slots=1, old=SLOW, new=health).gap == 0.0


def test_a_task_that_does_not_stop_is_waited_for_a_minute() -> None:
    stubborn = Version(stop=(1e6, 1e6))
    assert course(Rollout(), slots=1, old=stubborn).gap == pytest.approx(60.5)


def test_a_port_or_memory_is_held_until_the_old_task_has_stopped() -> None:
    """The new task is scheduled at once, beside it: it goes elsewhere, or waits."""
    port: dict[str, Any] = {"host_ports": (("tcp", 80),)}
    free = course(Rollout(), slots=1, nodes=2, old=SLOW, **port)
    held = course(Rollout(), slots=1, nodes=1, old=SLOW, **port)
    assert free.gap == pytest.approx(4.0 + 0.5)
    assert held.gap == pytest.approx(4.0 + 0.05 + 0.1 + 0.2 + 0.5)
    assert course(Rollout(), slots=1, nodes=1, old=SLOW, memory=3).ending is Ending.UPDATED


def test_start_first_without_room_waits_for_ever() -> None:
    found = course(Rollout(start_first=True), slots=1, nodes=1, memory=3)
    assert (found.ending, found.ended, found.updated) == (Ending.STUCK, inf, 0)
    assert found.fewest == 1


def test_a_version_that_fails_pauses_the_update() -> None:
    found = course(Rollout(), new=BROKEN)
    # The worker is at the third slot when the first one's task ends, and finishes it.
    assert (found.ending, found.updated) == (Ending.PAUSED, 3)
    assert found.ended == pytest.approx(0.85 + 1.0)
    assert found.running[-1][1] == 2
    # One that fails once nobody watches any more is not noticed.
    late = Version(stop=(0.0, 0.0), fails=30.0)
    assert course(Rollout(), new=late).ending is Ending.UPDATED


def test_failures_up_to_a_share_are_borne() -> None:
    one = course(Rollout(ratio=0.4, delay=9.0), new=BROKEN)
    assert (one.ending, one.updated) == (Ending.PAUSED, 2)
    assert course(Rollout(ratio=1.0), new=BROKEN).ending is Ending.UPDATED
    found = course(Rollout(on_failure=OnFailure.CONTINUE), new=BROKEN)
    assert (found.ending, found.updated, found.running[-1][1]) == (Ending.UPDATED, 3, 0)


def test_a_rollback_brings_the_old_version_back() -> None:
    for seed in range(20):
        found = course(Rollout(on_failure=ROLLBACK, parallelism=2), new=BROKEN, seed=seed)
        assert (found.ending, found.updated) == (Ending.ROLLED_BACK, 0)
        assert found.running[-1][1] == 3


def test_a_rollback_is_never_rolled_back() -> None:
    sick = Version(stop=(0.0, 0.0), fails=0.5)
    back = Rollout(on_failure=ROLLBACK)
    found = course(Rollout(on_failure=ROLLBACK), old=sick, new=BROKEN, back=back)
    assert found.ending is Ending.ROLLBACK_PAUSED


def test_start_first_keeps_the_old_task_where_the_new_one_never_runs() -> None:
    unhealthy = Version(manner=Behaviour(health=Health()), fails=2.0, stop=(0.0, 0.0))
    found = course(Rollout(start_first=True, on_failure=ROLLBACK), new=unhealthy)
    assert found.fewest == 3
    assert found.ending is Ending.ROLLED_BACK


@given(
    slots=some.integers(1, 6),
    nodes=some.integers(1, 4),
    parallelism=some.integers(0, 4),
    delay=some.sampled_from((0.0, 3.0)),
    start_first=some.booleans(),
    action=some.sampled_from(OnFailure),
    fails=some.sampled_from((None, 0.3, 2.0, 20.0)),
    ratio=some.sampled_from((0.0, 0.5)),
    memory=some.integers(0, 2),
    seed=some.integers(0, 99),
)
def test_whatever_is_asked(
    slots: int,
    nodes: int,
    parallelism: int,
    delay: float,
    start_first: bool,
    action: OnFailure,
    fails: float | None,
    ratio: float,
    memory: int,
    seed: int,
) -> None:
    rollout = Rollout(
        parallelism=parallelism,
        delay=delay,
        start_first=start_first,
        on_failure=action,
        ratio=ratio,
    )
    new = Version(stop=(0.0, 3.0), fails=fails)
    old = Version(stop=(0.0, 5.0))
    found = course(rollout, slots=slots, nodes=nodes, seed=seed, old=old, new=new, memory=memory)
    times = [at for at, _ in found.running]
    assert times == sorted(times)
    assert all(0 <= tasks <= slots for _, tasks in found.running)
    if fails is None:
        # At most as many slots are without a task as there are workers; none with start-first.
        workers = min(parallelism or slots, slots)
        assert found.fewest >= (slots if start_first else slots - workers)
        assert found.ending in (Ending.UPDATED, Ending.STUCK)
    if found.ending is Ending.UPDATED:
        assert found.updated == slots
    if found.ending is Ending.ROLLED_BACK:
        assert found.updated == 0
        assert found.running[-1][1] == slots
