"""Jobs: how many tasks are made, and that nobody misses those of a lost node."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quorate.swarm.jobs import Absence, Job, JobCourse, everywhere, led_again, missing, run, shut
from quorate.swarm.model import Availability, Node, NodeState, Service, Task, TaskState
from quorate.swarm.raft import Change
from quorate.swarm.timing import TIMING

RUNNING, COMPLETE, FAILED, SHUTDOWN = (
    TaskState.RUNNING,
    TaskState.COMPLETE,
    TaskState.FAILED,
    TaskState.SHUTDOWN,
)
SOON = Job(total=4, concurrent=2, lasting=(10.0, 10.0))


def tasks(*states: tuple[TaskState, TaskState]) -> list[Task]:
    """Tasks by what they are to become, and what they are seen to be; each on a node of its own."""
    return [
        Task(id=f"t{number}", service="job", node=f"n{number}", desired=desired, observed=observed)
        for number, (desired, observed) in enumerate(states)
    ]


def course(job: Job = SOON, nodes: str = "abc", *, seed: int = 0, **lost: Absence) -> JobCourse:
    return run(job, nodes, lost, random=Random(seed), orphaned=TIMING.orphaned)


@pytest.mark.parametrize(
    ("known", "total", "concurrent", "expected"),
    [
        ([], 4, 2, 2),
        ([(COMPLETE, RUNNING)], 4, 2, 1),
        ([(COMPLETE, RUNNING), (COMPLETE, RUNNING)], 4, 2, 0),
        # One that ended makes room for the next, until all that are wanted are under way.
        ([(COMPLETE, COMPLETE), (COMPLETE, RUNNING)], 4, 2, 1),
        ([(COMPLETE, COMPLETE)] * 3, 4, 2, 1),
        ([(COMPLETE, COMPLETE)] * 4, 4, 2, 0),
        # A failed task is tried again by itself, and counts as under way until then.
        ([(COMPLETE, FAILED), (COMPLETE, RUNNING)], 4, 2, 0),
        ([(SHUTDOWN, FAILED), (COMPLETE, RUNNING)], 4, 2, 1),
        # More than may be: none, and no number below it.
        ([(COMPLETE, RUNNING)] * 3, 4, 2, 0),
        ([(COMPLETE, COMPLETE)] * 5, 4, 2, 0),
    ],
)
def test_how_many_are_made(
    known: list[tuple[TaskState, TaskState]], total: int, concurrent: int, expected: int
) -> None:
    assert missing(tasks(*known), total=total, concurrent=concurrent) == expected


def test_a_global_job_has_one_task_on_each_node_that_takes_any() -> None:
    nodes = [
        Node(id="n0", hostname="n0", cpu=1, memory=1),
        Node(id="n1", hostname="n1", cpu=1, memory=1, state=NodeState.DOWN),
        Node(id="n2", hostname="n2", cpu=1, memory=1, availability=Availability.DRAIN),
        Node(id="n3", hostname="n3", cpu=1, memory=1, availability=Availability.PAUSE),
        Node(id="n4", hostname="n4", cpu=1, memory=1),
    ]
    service = Service(id="job", constraints=("node.hostname!=n4",))
    assert everywhere(service, nodes, []) == ("n0",)
    assert everywhere(Service(id="job"), nodes, tasks((COMPLETE, COMPLETE))) == ("n4",)
    # Down and drained nodes: ended as its loop looks; paused ones run on.
    known = tasks(*[(COMPLETE, RUNNING)] * 5)
    assert shut(nodes, known) == ("t1", "t2")


def test_who_leads_again() -> None:
    first = [Change(at=0.0, leader="a"), Change(at=9.0, leader=None), Change(at=20.0, leader="b")]
    assert not led_again(first)
    assert led_again([*first, Change(at=90.0, leader="a")])
    assert led_again(first, before="b")
    # Whoever leads all the time begins nothing anew.
    assert not led_again([Change(at=0.0, leader="a")], before="a")


def test_two_at_once_until_four_are_complete() -> None:
    found = course()
    assert found.completed == (10.0, 10.0, 20.0, 20.0)
    assert (found.ended, found.hung) == (20.0, {})


def test_a_task_on_a_lost_node_is_missed_by_nobody_for_a_day() -> None:
    lost = Absence(at=5.0, down=18.0)
    found = [
        course(Job(total=3, concurrent=3, lasting=(60.0, 60.0)), seed=n, b=lost) for n in (1, 2)
    ]
    for each in found:
        assert each.hung == {"b": 1}
        assert each.completed[:2] == (60.0, 60.0)
        # It counts as ended a day after its node was down, and is tried again elsewhere.
        assert each.ended == pytest.approx(18.0 + 86_400 + 5.0 + 60.0)


def test_what_waits_its_turn_waits_behind_it() -> None:
    """With one at a time nothing else of the job runs meanwhile."""
    found = course(Job(total=5, concurrent=1, lasting=(60.0, 60.0)), "a", a=Absence(at=90, down=99))
    assert found.completed == (60.0,)
    assert found.ended == inf


def test_it_is_tried_again_when_the_node_is_back() -> None:
    back = Absence(at=5.0, down=18.0, back=300.0)
    found = course(Job(total=1, concurrent=1, lasting=(60.0, 60.0)), "a", a=back)
    assert found.ended == 300.0 + 5.0 + 60.0
    assert found.hung == {"a": 1}


@given(
    total=some.integers(1, 12),
    concurrent=some.integers(1, 6),
    nodes=some.integers(1, 4),
    at=some.floats(0, 100),
    back=some.one_of(some.just(inf), some.floats(120, 900)),
    seed=some.integers(0, 999),
)
def test_never_more_than_asked(
    total: int, concurrent: int, nodes: int, at: float, back: float, seed: int
) -> None:
    job = Job(total=total, concurrent=concurrent, lasting=(1.0, 50.0))
    names = "abcd"[:nodes]
    found = course(job, names, seed=seed, a=Absence(at=at, down=at + 15.0, back=back))
    assert len(found.completed) <= total
    assert list(found.completed) == sorted(found.completed)
    # Only one that has nowhere else to go, and whose node stays away, never ends.
    assert (found.ended == inf) == (len(found.completed) < total)
    if nodes > 1 or back < inf:
        assert found.ended < inf
    if not found.hung and nodes > 1:
        assert found.ended < 50.0 * total
    assert sum(found.hung.values()) <= concurrent
