"""One round with a seed: each waiting task its node, or none."""

from __future__ import annotations

from quorate.swarm.model import Node, Service, State, Task, TaskState
from quorate.swarm.schedule import schedule

WAITS = TaskState.PENDING


def state(*tasks: Task, memory: int = 4) -> State:
    return State(
        nodes=tuple(Node(id=name, hostname=name, cpu=8, memory=memory) for name in "ab"),
        services=(Service(id="web", memory=2), Service(id="agent", memory=3)),
        tasks=tasks,
    )


def test_every_waiting_task_is_answered_and_no_other() -> None:
    found = schedule(
        state(
            Task(id="runs", service="web", node="a"),
            *(Task(id=f"w{number}", service="web", observed=WAITS) for number in range(4)),
        ),
        0,
    )
    assert list(found) == ["w0", "w1", "w2", "w3"]
    assert sorted(str(node) for node in found.values()) == ["None", "a", "b", "b"]


def test_a_seed_is_an_outcome() -> None:
    made = state(*(Task(id=f"w{number}", service="web", observed=WAITS) for number in range(3)))
    assert schedule(made, 7) == schedule(made, 7)
    assert len({tuple(schedule(made, seed).values()) for seed in range(20)}) > 1


def test_two_tasks_for_the_same_node_share_what_it_has() -> None:
    """Global services: whichever comes first; the second finds what the first left."""
    made = state(
        Task(id="agent", service="agent", node="a", observed=WAITS),
        Task(id="web", service="web", node="a", observed=WAITS),
        Task(id="late", service="web", observed=WAITS),
    )
    for seed in range(10):
        found = schedule(made, seed)
        assert sorted(str(found[name]) for name in ("agent", "web")) == ["None", "a"]
        assert found["late"] == "b"
