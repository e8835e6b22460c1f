"""Operations carried out over a store in memory: forward, back, resumed after a loss anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.deploy.progress import Silent
from quorate.errors import EngineError, LockedError, RefusedError, UsageError
from quorate.recover.carrying import Action, Carrier, Done, actions_of, begin, find
from quorate.recover.model import Facts, Journal, Operation, State, Step


@dataclass
class InMemory:
    """A fake store: journals by id, in the order they were begun."""

    kept: dict[str, Journal] = field(default_factory=dict)

    def save(self, journal: Journal) -> None:
        self.kept[journal.id] = Journal.model_validate_json(journal.model_dump_json())

    def all(self) -> tuple[Journal, ...]:
        return tuple(self.kept.values())


@dataclass
class World:
    """What the actions change: which steps are in effect. A kill comes before or after one."""

    done: set[str] = field(default_factory=set)
    kill_in: int | None = None

    def _tick(self) -> None:
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                raise KeyboardInterrupt

    def actions(self, operation: Operation) -> dict[str, Action]:
        def action(step: str) -> Action:
            def do(facts: Facts) -> Facts:
                self._tick()
                self.done.add(step)
                self._tick()
                return {step: len(facts)}

            def undo(facts: Facts) -> None:
                self._tick()
                self.done.discard(step)
                self._tick()

            return Action(do=do, undo=undo)

        return {step.id: action(step.id) for step in operation.steps}


def operation(*names: str, final: str = "") -> Operation:
    steps = tuple(Step(id=name, says=f"do {name}", final=name == final) for name in names)
    return Operation(kind="move", subject="db", fleet="office", steps=steps)


def carrier(store: InMemory, world: World, what: Operation) -> Carrier:
    return Carrier(store=store, actions=world.actions(what), report=Silent())


def test_every_step_is_done_in_order_and_tells_later_ones() -> None:
    store, world, what = InMemory(), World(), operation("a", "b", "c")
    journal = carrier(store, world, what).forward(begin(store, what))
    assert journal.state is State.DONE and not journal.open
    assert journal.facts == {"a": 0, "b": 1, "c": 2}
    assert [one.step for one in journal.entries] == ["a", "b", "c"]
    assert store.all() == (journal,)


@given(kills=st.lists(st.integers(0, 9), max_size=6), back=st.booleans())
def test_a_kill_anywhere_is_gone_on_from(kills: list[int], back: bool) -> None:
    store, world, what = InMemory(), World(), operation("a", "b", "c")
    begin(store, what)
    for number, kill in enumerate([*kills, None]):
        world.kill_in = kill
        found = next((one for one in store.all() if one.open), None)
        if found is None:
            break
        turn = back and (found.back or number > 0)
        try:
            worker = carrier(store, world, what)
            journal = worker.back(found) if turn else worker.forward(found)
        except KeyboardInterrupt:
            continue
        assert not journal.open
        assert world.done == (set() if turn else {"a", "b", "c"})


def test_what_is_done_can_be_undone_and_the_last_step_goes_first() -> None:
    store, world, what = InMemory(), World(), operation("a", "b")
    worker = carrier(store, world, what)
    done = worker.forward(begin(store, what))
    assert done.turned().open  # killed from here on it is found, and gone on with
    journal = worker.back(done)
    assert journal.state is State.UNDONE and world.done == set()
    assert [one.step for one in journal.entries] == ["b", "a"]


def test_after_a_final_step_there_is_no_way_back() -> None:
    store, world, what = InMemory(), World(kill_in=3), operation("a", "b", "c", final="b")
    worker = carrier(store, world, what)
    with pytest.raises(KeyboardInterrupt):
        worker.forward(begin(store, what))
    (journal,) = store.all()
    with pytest.raises(RefusedError, match="cannot be undone any more"):
        worker.back(journal)
    world.kill_in = None
    assert worker.forward(journal).state is State.DONE


def test_an_error_is_kept_in_the_journal_and_the_next_operation_waits_for_it() -> None:
    store, what = InMemory(), operation("a")

    def fail(facts: Facts) -> None:
        raise EngineError("no room is left")

    worker = Carrier(store=store, actions={"a": Action(do=fail)}, report=Silent())
    with pytest.raises(EngineError):
        worker.forward(begin(store, what))
    (journal,) = store.all()
    assert journal.trouble == "no room is left" and find(store) == journal
    with pytest.raises(LockedError, match="is not over") as error:
        begin(store, operation("b"))
    assert error.value.cause == "no room is left"


@dataclass
class Lock:
    """A fleet's lock that is lost during a step."""

    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LockedError("taken over")


@pytest.mark.parametrize("error", [None, EngineError("the connection broke")])
def test_who_lost_the_lock_during_a_step_keeps_nothing_more_and_does_no_other(
    error: EngineError | None,
) -> None:
    store, lock, what = InMemory(), Lock(), operation("a", "b")
    done: list[str] = []

    def slept(facts: Facts) -> None:
        done.append("a")
        lock.lost = True
        if error is not None:
            raise error

    actions = {"a": Action(do=slept), "b": Action(do=lambda facts: done.append("b"))}
    worker = Carrier(store=store, actions=actions, report=Silent(), check=lock.check)
    with pytest.raises(LockedError, match="taken over"):
        worker.forward(begin(store, what))
    (journal,) = store.all()
    assert done == ["a"] and journal.of("a") is State.BEGUN and journal.trouble == ""


def test_who_lost_the_lock_before_the_end_or_an_undoing_leaves_both_to_others() -> None:
    store, lock, what = InMemory(), Lock(lost=True), operation("a")
    journal = begin(store, what).marked("a", State.DONE, at="now")
    worker = Carrier(store=store, actions={}, report=Silent(), check=lock.check)
    for go in (worker.forward, worker.back):
        with pytest.raises(LockedError, match="taken over"):
            go(journal)
    assert store.all()[0].open and not store.all()[0].back


def test_two_steps_of_one_name_and_an_operation_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="two steps"):
        begin(InMemory(), operation("a", "a"))
    with pytest.raises(UsageError, match="no operation is unfinished"):
        find(InMemory())


def test_what_must_not_be_undone_stays_done() -> None:
    def in_use(facts: Facts) -> None:
        raise RefusedError("it is in use")

    store, world, what = InMemory(), World(), operation("a", "b")
    actions = world.actions(what)
    actions["a"] = replace(actions["a"], check_back=in_use)
    worker = Carrier(store=store, actions=actions, report=Silent())
    done = worker.forward(begin(store, what))
    with pytest.raises(RefusedError, match="in use"):
        worker.back(done)
    assert store.all() == (done,) and done.state is State.DONE
    assert world.done == {"a", "b"}


def test_an_operation_that_is_done_can_have_a_last_step_and_then_no_way_back() -> None:
    operation = Operation(
        kind="adopt", subject="x", fleet="test", steps=(Step(id="a", says="a", back="not a"),)
    )
    store, world = InMemory(), World()
    last = Step(id="finish", says="for good", final=True)
    actions = world.actions(operation.model_copy(update={"steps": (*operation.steps, last)}))
    carrier = Carrier(store=store, actions=actions, report=Silent())
    done = carrier.forward(begin(store, operation))
    further = done.further(last)
    assert (done.open, further.open, further.next_forward()) == (False, True, last)
    store.save(further)
    finished = carrier.forward(further)
    assert (finished.state, world.done) == (State.DONE, {"a", "finish"})
    assert finished.sealed() == last
    with pytest.raises(RefusedError):
        carrier.back(finished)


def grouped(*lanes: str) -> Operation:
    """One step for each lane, side by side, between two others; each expected to take 10 s."""
    beside = (
        Step(id=f"restore:{n}", says=f"restore {n}", seconds=10, group="restores", lane=lane)
        for n, lane in enumerate(lanes)
    )
    first, last = Step(id="first", says="first", seconds=1), Step(id="last", says="", seconds=1)
    return Operation(kind="recover fleet", subject="x", fleet="x", steps=(first, *beside, last))


@dataclass
class Works:
    """What the methods of such an operation do; `kill_in`: how many steps of a group it bears."""

    done: list[str] = field(default_factory=list)
    kill_in: int | None = None
    broken: str = ""

    def first(self, facts: Facts) -> None:
        self.done.append("first")

    def last(self, facts: Facts) -> Facts:
        return {"seen": sorted(facts)}

    def restore(self, what: str, facts: Facts) -> None:
        self.done.append(f"restore:{what}")

    def undo_restore(self, what: str, facts: Facts) -> None:
        self.done.remove(f"restore:{what}")

    def restore_together(self, steps: Sequence[str], facts: Facts, done: Done) -> None:
        for step in reversed(steps):
            if self.kill_in is not None:
                self.kill_in -= 1
                if self.kill_in < 0:
                    raise KeyboardInterrupt
            if step == self.broken:
                raise EngineError(f"{step} broke")
            self.done.append(step)
            done(step, {f"came:{step}": True})


def carrying(store: InMemory, works: Works, what: Operation) -> Carrier:
    return Carrier(store=store, actions=actions_of(what.steps, works), report=Silent())


def test_a_group_is_done_as_one_and_its_time_is_that_of_its_longest_lane() -> None:
    store, works, what = InMemory(), Works(), grouped("a", "b", "a")
    assert what.seconds == 22
    journal = carrying(store, works, what).forward(begin(store, what))
    assert journal.state is State.DONE
    assert works.done == ["first", "restore:2", "restore:1", "restore:0"]
    assert journal.facts["seen"] == [f"came:restore:{n}" for n in range(3)]
    undone = carrying(store, works, what).back(journal.turned())
    assert undone.state is State.UNDONE and works.done == ["first"]


@pytest.mark.parametrize("borne", range(4))
def test_a_group_that_was_killed_goes_on_with_what_is_left(borne: int) -> None:
    store, works, what = InMemory(), Works(kill_in=borne), grouped("a", "b", "c", "c")
    with pytest.raises(KeyboardInterrupt):
        carrying(store, works, what).forward(begin(store, what))
    (kept,) = store.all()
    states = [kept.of(f"restore:{n}") for n in range(4)]
    assert states.count(State.DONE) == borne and states.count(State.BEGUN) == 4 - borne
    works.kill_in = None
    assert carrying(store, works, what).forward(kept).state is State.DONE
    assert sorted(works.done) == ["first", *(f"restore:{n}" for n in range(4))]


def test_an_error_within_a_group_is_kept_with_what_was_done() -> None:
    store, works, what = InMemory(), Works(broken="restore:0"), grouped("a", "b")
    with pytest.raises(EngineError):
        carrying(store, works, what).forward(begin(store, what))
    (kept,) = store.all()
    assert kept.trouble == "restore:0 broke"
    assert kept.of("restore:1") is State.DONE and kept.of("restore:0") is State.BEGUN


def test_a_step_that_nothing_does_is_found_before_anything_is_done() -> None:
    with pytest.raises(AttributeError):
        actions_of((Step(id="fly", says="fly"),), Works())
