"""Containers of tasks that were told to end; the swarm and the engines are fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.backup import quiesce
from quorate.deploy.progress import Silent
from quorate.errors import MachineError, UnreachableError
from quorate.recover.moving import halting
from quorate.tools import clock
from tests.fakes.services import FakeServices, refused
from tests.unit.recover.moving.test_doing import MOVE

(DB,) = MOVE.moved


class World(FakeServices):
    """A swarm whose tasks are the ones that a test names."""

    def __init__(self, *tasks: dict[str, Any], grace: float = 10.0) -> None:
        super().__init__(db=0)
        self.there = list(tasks)
        container = self.raw["db"]["Spec"]["TaskTemplate"]["ContainerSpec"]
        container["StopGracePeriod"] = int(grace * 1e9)

    def tasks(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert filters == {"service": "db"}
        return self.there


@dataclass
class Engine:
    """One server's engine. `status`: what it answers to a stop; 0: it does so."""

    node: str
    status: int = 0
    stopped: list[tuple[str, int]] = field(default_factory=list)

    @property
    def api(self) -> Engine:
        return self

    def info(self) -> dict[str, Any]:
        return {"Swarm": {"NodeID": self.node}}

    def stop(self, container: str, timeout: int) -> None:
        if self.status:
            raise refused("no", self.status)
        self.stopped.append((container, timeout))


def task(container: str, desired: str = "remove", node: str = "n1") -> dict[str, Any]:
    status = {"State": "running", "ContainerStatus": {"ContainerID": container}}
    return {"NodeID": node, "DesiredState": desired, "Status": status}


def place(world: World, **engines: Engine) -> Any:
    def client(server: str) -> Engine:
        if server not in engines:
            raise UnreachableError(f"{server} does not answer")
        return engines[server]

    connections = SimpleNamespace(client=client)
    return SimpleNamespace(client=lambda: world, connections=connections, report=Silent())


@pytest.fixture(autouse=True)
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    monkeypatch.setattr(clock, "sleep", passed.append)
    monkeypatch.setattr(clock, "monotonic", lambda: sum(passed))


def test_what_was_told_to_end_is_ended_with_its_own_grace() -> None:
    one, two = Engine("n1"), Engine("n2")
    world = World(task("c1"), task("c2"), grace=7.5)
    assert halting.ended(place(world, one=one, two=two), [DB]) == {"c1", "c2"}
    assert one.stopped == [("c1", 8), ("c2", 8)] and two.stopped == []
    quiesce.wait_until_still(cast(Any, world), ["db"], 1.0, {"c1", "c2"})


def test_another_task_is_waited_for_all_the_same() -> None:
    world = World(task("c1"), task("c2"))
    with pytest.raises(MachineError, match="has not stopped"):
        quiesce.wait_until_still(cast(Any, world), ["db"], 1.0, {"c1"})


def test_one_that_is_gone_has_ended() -> None:
    world = World(task("c1"))
    assert halting.ended(place(world, one=Engine("n1", 404), two=Engine("n2")), [DB]) == {"c1"}


@pytest.mark.parametrize(
    "world",
    [
        World(task("c1"), task("c2", "running")),
        World(task("c1", node="n3")),
        World(task("")),
        World(task("c1"), grace=600.0),
    ],
    ids=["somebody starts it", "elsewhere", "no container", "a long grace"],
)
def test_what_is_left_to_swarm(world: World) -> None:
    one, two = Engine("n1"), Engine("n2")
    assert halting.ended(place(world, one=one, two=two), [DB]) == frozenset()
    assert one.stopped == two.stopped == []


def test_an_engine_that_refuses_or_is_out_of_reach_leaves_it_to_swarm() -> None:
    world = World(task("c1"))
    assert halting.ended(place(world, one=Engine("n1", 500)), [DB]) == frozenset()
    assert halting.ended(place(world), [DB]) == frozenset()
    world.raw.clear()
    assert halting.ended(place(world, one=Engine("n1")), [DB]) == frozenset()
