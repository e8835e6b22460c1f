"""Containers of tasks that were told to end; the swarm and the engines are fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quorate.backup import quiesce
from quorate.deploy.progress import Silent
from quorate.errors import EngineError, MachineError, UnreachableError
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
    running: list[str] = field(default_factory=list)
    looks: int = 0
    infos: int = 0

    @property
    def api(self) -> Engine:
        return self

    def info(self) -> dict[str, Any]:
        self.infos += 1
        return {"Swarm": {"NodeID": self.node}}

    def containers(self, filters: dict[str, str]) -> list[dict[str, str]]:
        assert filters == {"label": "com.docker.swarm.service.name=db"}
        self.looks += 1
        if self.status:
            raise refused("no", self.status)
        # The first one ends between two looks.
        return [{"Id": name} for name in self.running[self.looks - 1 :]]

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

    return SimpleNamespace(client=lambda: world, engine=client, report=Silent())


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


def test_no_more_is_asked_than_where_its_containers_are() -> None:
    one, two = Engine("n1"), Engine("n2")
    assert halting.ended(place(World(task("c1")), one=one, two=two), [DB]) == {"c1"}
    assert (one.infos, two.infos) == (1, 0)


def test_a_source_that_the_swarm_takes_for_lost_has_its_own_word() -> None:
    lost = World(task("c1", node="n2"))  # `n2` is down as far as the swarm knows
    quiesce.wait_until_still(cast(Any, lost), ["db"], 1.0)
    one = Engine("n2", running=["c1"] * 1000)
    with pytest.raises(MachineError, match="runs on one all the same"):
        halting.require_ended(place(lost, one=one), DB)
    ending = Engine("n2", running=["c1", "c1"])
    halting.require_ended(place(lost, one=ending), DB)
    assert ending.looks == 3 and one.stopped == ending.stopped == []


def test_a_source_that_does_not_answer_has_not_said_that_it_has_ended() -> None:
    with pytest.raises(UnreachableError):
        halting.require_ended(place(World()), DB)
    with pytest.raises(EngineError, match="the engine of one"):
        halting.require_ended(place(World(), one=Engine("n1", 500)), DB)
