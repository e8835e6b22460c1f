"""A move killed at every call, meddled with, resumed or undone: one writer, and nothing lost.

The engine is a fake (`FakeServices`): a service runs on the server that its constraint names, and
writes at every call while it runs. Copying copies at once. Real behaviour is tried on a lab.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.deploy import record
from quorate.deploy.progress import Silent
from quorate.deploy.record import RecordContent, RecordEntry
from quorate.errors import (
    EngineError,
    MachineError,
    QuorateError,
    RefusedError,
    UnreachableError,
)
from quorate.recover.carrying import Carrier, begin
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.moving import copying, doing, halting, replica
from quorate.recover.moving.doing import Moving
from quorate.recover.moving.ending import SEAL, latest, lost, outcome
from quorate.recover.moving.model import KIND, Carried, Move, Moved, Pair, Replica
from quorate.tools import clock
from tests.fakes.services import FakeServices, Killed
from tests.unit.recover.moving.made import seen
from tests.unit.recover.test_carrying import InMemory

if TYPE_CHECKING:
    from quorate.fleet.observed import Snapshot

STEPS = ("image", "movers", "copy", "stop", "sync", "home", "switch", "check", "clear")


@dataclass
class World(FakeServices):
    """A service `db` that writes where it runs. `data`: what is in its volume, by server."""

    data: dict[str, list[int]] = field(default_factory=lambda: {"one": [], "two": []})
    homes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"db": ("one",)})
    written: int = 0
    movers: bool = False
    people: int = 0
    rots: int = 0

    def __post_init__(self) -> None:
        super().__init__(db=1)
        self.constrain("one")

    def constrain(self, server: str) -> None:
        template = self.raw["db"]["Spec"]["TaskTemplate"]
        template["Placement"] = {"Constraints": [f"node.hostname=={server}", "node.role==manager"]}

    @property
    def where(self) -> str:
        """Where it runs; empty: it does not."""
        placement = self.raw["db"]["Spec"]["TaskTemplate"]["Placement"]
        (ours,) = [one for one in placement["Constraints"] if "hostname" in one]
        assert "node.role==manager" in placement["Constraints"]
        return ours.partition("==")[2] if self.replicas("db") else ""

    def _called(self) -> None:
        if self.where:
            self.written += 1
            self.data[self.where].append(self.written)
        if self.calls + 1 == self.people:  # somebody starts it in the middle of everything
            self.calls += 1
            self.scale("db", 1)
            return
        super()._called()

    def tick(self) -> None:
        self._called()


class Place:
    """As much of a site as moving asks for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.report = Silent()
        self.fleet = SimpleNamespace(
            name="test",
            servers=[SimpleNamespace(name=name) for name in ("one", "two", "three")],
            service=lambda name: SimpleNamespace(stack="app", name=name),
        )

    def client(self) -> World:
        return self.world

    def snapshot(self) -> Snapshot:
        """What the swarm says; looking costs no call."""
        at = self.world.where
        return seen(self.world.raw["db"]["Spec"], *([at] if at else []))


MOVE = Move(
    run="move:db@now",
    moved=(
        Moved(
            service="db",
            swarm_name="db",
            image="postgres",
            source="one",
            target="two",
            constraint="node.hostname==two",
            former=("node.hostname==one", "node.role==manager"),
            volumes=(0,),
        ),
    ),
    pairs=(Pair(source="one", target="two", volumes=(Carried(name="rows", mount={}),)),),
    down=900.0,
    homes={"db": ("one",)},
)
OPERATION = Operation(
    kind=KIND,
    subject="db",
    fleet="test",
    steps=tuple(Step(id=name, says=name) for name in STEPS),
    facts={"move": MOVE.model_dump(mode="json")},
)


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches further than the fake engine works on the world instead."""

    def start(moving: Moving, facts: Any) -> dict[str, Any]:
        world_of(moving).tick()
        world_of(moving).movers = True
        return {}

    def remove(moving: Moving, facts: Any) -> None:
        world_of(moving).movers = False
        world_of(moving).tick()

    def while_running(movers: Any, report: Any) -> dict[str, Any]:
        del report
        world = movers.place.world
        world.tick()
        world.data["two"] = list(world.data["one"])
        world.tick()
        return {"rounds": []}

    def at_rest(movers: Any, report: Any) -> dict[str, Any]:
        del report
        world = movers.place.world
        assert world.movers and world.where != "two", "the target runs, and is written over"
        world.tick()
        world.data["two"] = list(world.data["one"])
        world.tick()
        if world.rots:
            world.rots -= 1
            raise MachineError("the copy is not what the source has")
        if world.where:  # somebody has started it: what was compared is no more
            raise MachineError("the copy is not what the source has")
        return {"verified": {"files": 1, "size": 1, "digest": ["d"]}}

    def ended(place: Any, moved: Any) -> frozenset[str]:
        del moved
        place.world.tick()
        return frozenset()

    def healthy(moving: Moving, expected: Any, enough: Any) -> None:
        del enough
        world_of(moving).tick()
        for one in expected:
            assert world_of(moving).where in one.held_at

    def last(client: World, *, fleet: str) -> RecordContent:
        client.tick()
        return RecordContent(fleet=fleet, stacks={}, homes=dict(client.homes))

    def write(client: World, content: RecordContent, *, summary: str) -> RecordEntry:
        assert "db" in summary
        client.tick()
        client.homes = dict(content.homes)
        client.tick()
        return RecordEntry(number=1, fleet="test", time="", who="", outcome="")

    monkeypatch.setattr(Moving, "images", lambda self, facts: world_of(self).tick())
    monkeypatch.setattr(Moving, "start_movers", start)
    monkeypatch.setattr(Moving, "remove_movers", remove)
    monkeypatch.setattr(Moving, "_wait", healthy)
    monkeypatch.setattr(halting, "ended", ended)
    monkeypatch.setattr(copying, "while_running", while_running)
    monkeypatch.setattr(copying, "at_rest", at_rest)
    monkeypatch.setattr(record, "last_applied", last)
    monkeypatch.setattr(record, "write", write)
    monkeypatch.setattr(record, "mark", lambda client, entry, outcome: entry)
    passed = [0.0]
    monkeypatch.setattr(clock, "sleep", lambda seconds: passed.append(seconds))
    monkeypatch.setattr(clock, "monotonic", lambda: sum(passed))


@pytest.fixture(autouse=True)
def ended_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source's own engine says what Swarm says."""
    monkeypatch.setattr(halting, "require_ended", lambda place, one: place.world.tick())


def world_of(moving: Moving) -> World:
    return cast("World", cast(Any, moving.place).world)


def carrier(world: World, store: InMemory) -> Carrier:
    place: Any = Place(world)
    return Carrier(
        store=store,
        actions={key: value for key, value in doing.actions(place, only(store)).items()},
        report=Silent(),
    )


def only(store: InMemory) -> Journal:
    (journal,) = store.all()
    return journal


def begun() -> tuple[World, InMemory]:
    world, store = World(), InMemory()
    begin(store, OPERATION)
    return world, store


def require_moved(world: World) -> None:
    """It runs at its new home, with all that it ever wrote."""
    assert world.where == "two" and world.homes["db"] == ("two",)
    assert not [name for name in world.labels("db") if "quiesce" in name]
    assert sorted(set(world.data["two"])) == list(range(1, world.written + 1))


def require_back(world: World) -> None:
    """It runs where it was, with all that it wrote there, and nothing copies any more."""
    assert world.where == "one" and world.homes["db"] == ("one",) and not world.movers
    assert not [name for name in world.labels("db") if "quiesce" in name]


def calls_of_a_whole_move() -> int:
    world, store = begun()
    carrier(world, store).forward(only(store))
    return world.calls


def test_it_runs_at_its_new_home_with_everything_it_wrote() -> None:
    world, store = begun()
    journal = carrier(world, store).forward(only(store))
    require_moved(world)
    assert journal.state is State.DONE and not world.movers and journal.facts["down"] >= 0
    lines = list(outcome(journal))
    assert any("rows on one stays" in line for line in lines)


def test_killed_at_every_call_and_resumed() -> None:
    for call in range(1, calls_of_a_whole_move() + 1):
        world, store = begun()
        world.killed_at = call
        with pytest.raises(Killed):
            carrier(world, store).forward(only(store))
        carrier(world, store).forward(only(store))
        require_moved(world)


def test_killed_at_every_call_and_undone() -> None:
    for call in range(1, calls_of_a_whole_move() + 1):
        world, store = begun()
        world.killed_at = call
        with pytest.raises(Killed):
            carrier(world, store).forward(only(store))
        at_source = list(world.data["one"])
        carrier(world, store).back(only(store))
        require_back(world)
        assert world.data["one"][: len(at_source)] == at_source


def test_undone_after_the_end_and_killed_at_every_call_of_that() -> None:
    world, store = begun()
    carrier(world, store).forward(only(store))
    done = world.calls
    carrier(world, store).back(only(store))
    require_back(world)
    for call in range(done + 1, world.calls + 1):
        world, store = begun()
        carrier(world, store).forward(only(store))
        world.killed_at = call
        with pytest.raises(Killed):
            carrier(world, store).back(only(store))
        doing.may_undo(cast(Any, Place(world)), only(store))
        carrier(world, store).back(only(store))
        require_back(world)


@settings(max_examples=150, deadline=None)
@given(
    kills=st.lists(st.integers(1, 60), max_size=4),
    people=st.integers(0, 60),
    back=st.booleans(),
)
def test_kills_and_people_anywhere(kills: list[int], people: int, back: bool) -> None:
    world, store = begun()
    world.people = people
    for kill in [*kills, 0, 0, 0]:
        journal = only(store)
        if not journal.open:
            break
        world.killed_at = world.calls + kill if kill else 0
        turn = back and kill == 0
        try:
            worker = carrier(world, store)
            worker.back(journal) if turn or journal.back else worker.forward(journal)
        except (Killed, QuorateError):
            continue
    journal = only(store)
    assert not journal.open
    if journal.state is State.DONE:
        require_moved(world)
    else:
        require_back(world)


def test_a_copy_that_differs_lets_the_service_run_where_it_was() -> None:
    world, store = begun()
    world.rots = 1
    with pytest.raises(MachineError):
        carrier(world, store).forward(only(store))
    assert world.where == "one" and only(store).open
    carrier(world, store).forward(only(store))
    require_moved(world)


def test_nothing_is_started_beside_what_has_not_ended_yet() -> None:
    world, store = begun()
    world.stuck = {"db"}  # scaled to 0, and what it runs in still shuts down
    for turn in ("forward", "back"):
        with pytest.raises(MachineError, match="has not stopped within 130 s"):
            getattr(carrier(world, store), turn)(only(store))
        assert world.replicas("db") == 0
    world.stuck.clear()
    carrier(world, store).back(only(store))
    require_back(world)


def test_a_copy_that_failed_starts_nothing_beside_what_has_not_ended_yet() -> None:
    world, store = begun()
    world.rots = 1
    with pytest.raises(MachineError):
        carrier(world, store).forward(only(store))
    world.stuck = {"db"}
    with pytest.raises(MachineError, match="has not stopped"):
        carrier(world, store).forward(only(store))
    assert world.replicas("db") == 0
    world.stuck.clear()
    carrier(world, store).forward(only(store))
    require_moved(world)


def test_a_service_is_waited_for_as_long_as_it_may_take_to_end() -> None:
    world, store = World(), InMemory()
    move = MOVE.model_copy(update={"moved": (MOVE.moved[0].model_copy(update={"grace": 600.0}),)})
    facts = {"move": move.model_dump(mode="json")}
    begin(store, OPERATION.model_copy(update={"facts": facts}))
    world.stuck = {"db"}
    with pytest.raises(MachineError, match="within 720 s"):
        carrier(world, store).forward(only(store))


def test_what_runs_on_out_of_swarms_sight_is_neither_copied_nor_started_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def runs_on(place: Any, one: Any) -> None:
        raise MachineError(f"{one.service} runs on {one.source} all the same")

    world, store = begun()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(halting, "require_ended", runs_on)
        for turn in ("forward", "back"):
            with pytest.raises(MachineError, match="runs on one all the same"):
                getattr(carrier(world, store), turn)(only(store))
            assert world.replicas("db") == 0 and world.data["two"] != world.data["one"]
    carrier(world, store).back(only(store))
    require_back(world)


@pytest.mark.parametrize("gone", [UnreachableError, EngineError])
def test_a_server_that_is_gone_keeps_nobody_from_undoing(
    monkeypatch: pytest.MonkeyPatch, gone: type[QuorateError]
) -> None:
    def silent(place: Any, one: Any) -> None:
        raise gone(f"{one.source} does not answer")

    world, store = begun()
    monkeypatch.setattr(halting, "require_ended", silent)
    with pytest.raises(gone):
        carrier(world, store).forward(only(store))
    carrier(world, store).back(only(store))
    require_back(world)


def test_what_somebody_has_started_meanwhile_is_not_waited_for() -> None:
    world, store = begun()
    world.stuck = {"db"}
    with pytest.raises(MachineError, match="has not stopped"):
        carrier(world, store).forward(only(store))
    world.scale("db", 1)
    carrier(world, store).back(only(store))
    require_back(world)


def test_what_is_sealed_cannot_be_undone_and_what_is_undone_is_no_more_to_seal() -> None:
    world, store = begun()
    journal = carrier(world, store).forward(only(store))
    assert latest([journal], "db") == journal and "stays in rows on two" in lost(journal)
    store.save(journal.further(SEAL))
    sealed = carrier(world, store).forward(only(store))
    assert sealed.state is State.DONE
    with pytest.raises(RefusedError):
        carrier(world, store).back(sealed)
    with pytest.raises(QuorateError, match="no move of db"):
        latest([sealed], "db")
    require_moved(world)


def test_before_it_ran_there_nothing_is_lost_by_undoing() -> None:
    _, store = begun()
    assert lost(only(store)) == ""


FOLLOWED = {"below": "", "chain": [[1, 1, 448]]}


def by_replica(monkeypatch: pytest.MonkeyPatch, *failing: str) -> tuple[Journal, list[str]]:
    """A move of a Postgres whose replica fails at these moments; what was asked of the replica."""
    asked: list[str] = []

    def step(name: str, answer: dict[str, Any]) -> Any:
        def ask(movers: Any, *rest: Any) -> dict[str, Any]:
            del movers, rest
            asked.append(name)
            if name in failing:
                raise MachineError(f"no {name}")
            return answer

        return ask

    monkeypatch.setattr(replica, "while_running", step("made", {"followed": FOLLOWED}))
    monkeypatch.setattr(replica, "at_rest", step("rested", {"verified": {"log": "0/1"}}))
    monkeypatch.setattr(replica, "give_up", step("given up", {}))
    monkeypatch.setattr(replica, "dismiss", step("dismissed", {}))
    world, store = World(), InMemory()
    move = MOVE.model_copy(update={"replica": Replica(network="back", reach={})})
    facts = {"move": move.model_dump(mode="json")}
    begin(store, OPERATION.model_copy(update={"facts": facts}))
    # A real replica has everything when its primary has stopped.
    world.data["two"] = world.data["one"]
    return carrier(world, store).forward(only(store)), asked


def test_a_replica_takes_the_place_of_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, asked = by_replica(monkeypatch)
    assert asked == ["made", "rested"] and journal.facts["verified"] == {"log": "0/1"}
    assert "the replica had everything, up to 0/1" in list(outcome(journal))


def test_where_there_is_no_replica_files_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, asked = by_replica(monkeypatch, "made")
    # It may run there all the same, as when only the connection broke, or who asked was killed.
    assert asked == ["made", "given up"] and journal.facts["verified"]["digest"] == ["d"]


def test_nothing_is_copied_over_a_replica_that_cannot_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(copying, "while_running", lambda *rest: asked.append("files"))
    with pytest.raises(MachineError, match="no given up"):
        by_replica(monkeypatch, "made", "given up")
    assert not asked


def test_a_replica_that_is_not_there_in_time_is_stopped_and_files_are_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal, asked = by_replica(monkeypatch, "rested")
    assert asked == ["made", "rested", "given up"]
    assert journal.facts["verified"]["digest"] == ["d"]
