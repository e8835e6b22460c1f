"""What comes of a loss, task by task."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from quorate.swarm.board import Board
from quorate.swarm.detect import Detection, detect
from quorate.swarm.failure import Course, Homes, follow
from quorate.swarm.model import Node, Service, State, Task
from quorate.swarm.raft import Change
from quorate.swarm.timing import Behaviour, Health

GIB = 2**30
NODES = tuple(Node(id=name, hostname=name, cpu=4, memory=8 * GIB) for name in "abcw")


def board(homes: Homes, *services: Service) -> Board:
    tasks = [
        Task(id=f"{service}-{number}-{n}", service=service, node=NODES[number].id)
        for service, places in homes.items()
        for number, count in places.items()
        for n in range(count)
    ]
    return Board(State(nodes=NODES, services=services, tasks=tuple(tasks)))


def lost(
    seed: int,
    homes: Homes,
    *services: Service,
    nodes: str = "w",
    behaviours: Mapping[str, Behaviour] | None = None,
) -> Course:
    random = Random(seed)
    seen = detect("abcw", "abc", leader="a", lost=nodes, random=random)
    return follow(board(homes, *services), homes, seen, random=random, behaviours=behaviours)


def test_a_lost_task_runs_elsewhere_after_its_delay() -> None:
    for seed in range(50):
        course = lost(seed, {"web": {3: 2}}, Service(id="web"))
        assert len(course.moved) == 2
        assert {task.to for task in course.moved} <= set("abc")
        assert len({task.to for task in course.moved}) == 2
        for task in course.moved:
            assert task.running is not None
            assert task.running == pytest.approx(task.down + 5.0 + 0.5)
            assert 14.2 <= task.running <= 21.7


def test_tasks_that_come_to_one_node_start_later_than_alone() -> None:
    """Measured in labs: two tasks of no delay up to two seconds after what one takes."""
    only = Service(id="web", constraints=("node.hostname==b",))
    at_once = {"web": Behaviour(delay=0.0)}
    for seed in range(50):
        course = lost(seed, {"web": {3: 2}}, only, behaviours=at_once)
        for task in course.moved:
            assert (task.to, task.started) == ("b", task.running)
            assert task.started is not None
            alone = task.down + 0.05 + 0.1 + 0.2 + 0.5
            assert alone + 0.6 - 0.01 <= task.started <= alone + 2.1 + 0.01


def test_what_finds_no_room_stays_pending() -> None:
    course = lost(1, {"big": {3: 1}}, Service(id="big", memory=9 * GIB))
    (task,) = course.moved
    assert (task.to, task.running) == (None, None)


def test_a_service_that_is_never_restarted_is_not_replaced() -> None:
    once = {"once": Behaviour(replaced=False)}
    (task,) = lost(1, {"once": {3: 1}}, Service(id="once"), behaviours=once).moved
    assert task.to is None


def test_what_others_hold_stays_and_what_is_elsewhere_is_not_touched() -> None:
    homes: Homes = {"web": {0: 1, 3: 1}, "other": {1: 1}}
    course = lost(1, homes, Service(id="web", max_replicas=1), Service(id="other"))
    (task,) = course.moved
    assert task.service == "web"
    assert task.to in ("b", "c")


def test_without_a_leader_nothing_is_replaced() -> None:
    assert lost(1, {"web": {3: 1}}, Service(id="web"), nodes="abw").moved == ()


def test_after_an_election_nodes_take_tasks_once_they_have_registered() -> None:
    seen = Detection(
        leaders=(Change(at=0.0, leader=None), Change(at=12.0, leader="b")),
        down={"a": 20.0},
        ready={"b": 12.5, "c": 40.0, "w": 13.0},
    )
    services = (Service(id="web"), Service(id="big", constraints=("node.hostname==c",)))
    homes: Homes = {"web": {0: 1}, "big": {0: 1}}
    found = {
        task.service: task
        for task in follow(board(homes, *services), homes, seen, random=Random(1)).moved
    }
    assert found["web"].to in ("b", "w")
    assert found["web"].running == pytest.approx(25.5)
    assert found["big"].to == "c"
    assert found["big"].running == pytest.approx(40.0 + 0.05 + 0.1 + 0.2 + 0.5)


@pytest.mark.parametrize(
    ("health", "boot", "after"),
    [
        (Health(), 0.0, 30.0),
        (Health(), 31.0, 60.0),
        (Health(start_period=60.0), 0.0, 5.0),
        (Health(start_period=60.0), 7.0, 10.0),
        (Health(start_period=60.0, start_interval=2.0), 7.0, 8.0),
        (Health(interval=10.0, start_period=6.0), 7.0, 15.0),
    ],
)
def test_when_a_container_is_seen_healthy(health: Health, boot: float, after: float) -> None:
    assert health.healthy(boot) == after


@pytest.mark.parametrize(
    ("health", "boot", "after"),
    [
        (Health(), 0.0, 32.0),
        (Health(), 29.0, 32.0),
        (Health(), 31.0, 64.0),
        (Health(start_period=60.0), 0.0, 7.0),
        (Health(start_period=60.0), 7.0, 14.0),
    ],
)
def test_probes_take_their_time(health: Health, boot: float, after: float) -> None:
    assert health.healthy(boot, 2.0) == after


def test_health_comes_on_top() -> None:
    quick = Health(start_period=60.0, takes=(1.0, 1.0))
    slow = {"web": Behaviour(boot=(7.0, 7.0), health=quick)}
    (task,) = lost(1, {"web": {3: 1}}, Service(id="web"), behaviours=slow).moved
    assert task.running == pytest.approx(task.down + 5.0 + 0.5 + 12.0)
