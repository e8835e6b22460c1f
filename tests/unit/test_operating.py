"""Operations resumed and undone, over a fake of where journals are and of the fleet's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate import operating
from quorate.deploy.lock import FleetLock
from quorate.deploy.progress import Silent
from quorate.errors import LockedError, RefusedError, UsageError
from quorate.fleet.model import Fleet
from quorate.observe.connect import Connections
from quorate.recover import keeping
from quorate.recover.carrying import Action, begin
from quorate.recover.journal import FileStore
from quorate.recover.model import Facts, Journal, Operation, State, Step
from quorate.recover.moving import doing
from quorate.recover.site import Site
from tests.fakes.fleets import make_fleet, make_server
from tests.unit.recover.test_carrying import InMemory


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose journals, also those of the swarm, are files; its lock is always free."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    fleet: Fleet = make_fleet({"shop": {"services": {"web": {}}}}, servers=[make_server("one")])
    made = Site(fleet=fleet, connections=Connections(fleet), report=Silent())

    @contextmanager
    def free(place: Site, what: str) -> Iterator[None]:
        del place, what
        yield

    def acts(place: Site, journal: Journal) -> dict[str, Action]:
        del place

        def do(facts: Facts) -> None:
            del facts

        return {step.id: Action(do=do) for step in journal.operation.steps}

    def whatever(place: Site, what: object) -> None:
        del place, what

    monkeypatch.setattr(doing, "may_begin", whatever)
    monkeypatch.setattr(doing, "may_undo", whatever)
    monkeypatch.setattr(operating, "_locked", free)
    monkeypatch.setattr(operating, "actions_of", acts)
    monkeypatch.setattr(Site, "in_swarm", Site.in_files)
    return made


def operation(subject: str) -> Operation:
    return Operation(
        kind="move", subject=subject, fleet="office", steps=(Step(id="a", says="copy"),)
    )


def test_what_is_over_is_not_resumed(place: Site) -> None:
    done = operating.carry_out(place, operation("db"), confirm=lambda _: True)
    assert done.state is State.DONE
    with pytest.raises(UsageError, match="is over: done"):
        operating.resume(place, done.id)


def test_what_is_done_is_not_undone_beside_another_that_is_not_over(place: Site) -> None:
    done = operating.carry_out(place, operation("db"), confirm=lambda _: True)
    begin(place.in_files(), operation("web"))
    with pytest.raises(LockedError, match="move web"):
        operating.undo(place, done.id)
    assert operating.resume(place).state is State.DONE
    assert operating.undo(place, done.id).state is State.UNDONE


def test_what_can_neither_go_on_nor_back_is_abandoned_and_others_begin(place: Site) -> None:
    stopped = begin(place.in_files(), operation("db"))
    with pytest.raises(LockedError) as caught:
        operating.carry_out(place, operation("web"), confirm=lambda _: True)
    assert f"`quorate operations abandon {stopped.id}`" in (caught.value.todo or "")
    left = operating.abandon(place)
    assert (left.id, left.state, left.open) == (stopped.id, State.ABANDONED, False)
    assert operating.carry_out(place, operation("web"), confirm=lambda _: True).state is State.DONE
    for over in (operating.abandon, operating.resume):
        with pytest.raises(UsageError, match="is over: abandoned"):
            over(place, stopped.id)
    # Whoever mends what stood in its way may still take it back.
    assert operating.undo(place, stopped.id).state is State.UNDONE


def test_what_an_abandoned_one_keeps_is_let_go_when_asked_for(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[str] = []

    def release(place: Site, journal: Journal) -> tuple[str, ...]:
        let_go.append(journal.id)
        return ("shop_web",)

    monkeypatch.setattr(keeping, "let_go", release)
    stopped = begin(place.in_files(), operation("db"))
    operating.abandon(place)
    assert let_go == []
    assert operating.abandon(place, stopped.id, let_go=True).state is State.ABANDONED
    assert let_go == [stopped.id]
    done = operating.carry_out(place, operation("web"), confirm=lambda _: True)
    with pytest.raises(UsageError, match="is over: done"):
        operating.abandon(place, done.id, let_go=True)
    assert let_go == [stopped.id]


def test_a_journal_is_read_again_under_the_lock(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: FileStore = place.in_files()
    begun = begin(store, operation("db"))

    @contextmanager
    def after_another(place: Site, what: str) -> Iterator[None]:
        del place, what
        store.save(begun.marked("a", State.DONE, at="then").ended(State.DONE))
        yield

    monkeypatch.setattr(operating, "_locked", after_another)
    with pytest.raises(UsageError, match="is over: done"):
        operating.resume(place, begun.id)


def test_what_others_changed_before_the_lock_was_had_is_seen_before_anything_begins(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    @contextmanager
    def taken(place: Site, what: str) -> Iterator[None]:
        del place
        held.append(what)
        yield
        held.clear()

    def refuse(place: Site, what: object) -> None:
        del place, what
        assert held
        raise RefusedError("it is elsewhere by now")

    done = operating.carry_out(place, operation("db"), confirm=lambda _: True)
    monkeypatch.setattr(operating, "_locked", taken)
    monkeypatch.setattr(doing, "may_begin", refuse)
    monkeypatch.setattr(doing, "may_undo", refuse)
    with pytest.raises(RefusedError, match="elsewhere"):
        operating.carry_out(place, operation("web"), confirm=lambda _: True)
    held.clear()
    with pytest.raises(RefusedError, match="elsewhere"):
        operating.undo(place, done.id)
    assert place.in_files().all() == (done,)
    other = operation("db").model_copy(update={"kind": "drain"})
    assert operating.carry_out(place, other, confirm=lambda _: True).state is State.DONE


def test_an_undoing_that_stopped_half_way_is_gone_on_with_where_nothing_was_moved_on_since(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = operating.carry_out(place, operation("db"), confirm=lambda _: True)
    place.in_files().save(done.turned())

    def refuse(place: Site, what: object) -> None:
        del place, what
        raise RefusedError("it is elsewhere by now")

    with monkeypatch.context() as moved_on:
        moved_on.setattr(doing, "may_undo", refuse)
        with pytest.raises(RefusedError, match="elsewhere"):
            operating.resume(place, done.id)
    assert place.in_files().all() == (done.turned(),)
    assert operating.resume(place, done.id).state is State.UNDONE


@pytest.fixture
def apart(place: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """A site whose journals in the swarm are others than those on this machine."""
    del place

    def swarm(self: Site) -> InMemory:
        del self
        return kept

    kept = InMemory()
    monkeypatch.setattr(Site, "in_swarm", swarm)
    fleet: Fleet = make_fleet({"shop": {"services": {"web": {}}}}, servers=[make_server("one")])
    return Site(fleet=fleet, connections=Connections(fleet), report=Silent())


def bringing_back(subject: str = "") -> Operation:
    step = Step(id="a", says="look")
    return Operation(kind="recover quorum", subject=subject, fleet="office", steps=(step,))


def test_nothing_begins_in_the_swarm_beside_what_brings_it_back(apart: Site) -> None:
    open_one = begin(apart.in_files(), bringing_back())
    done = begin(apart.in_swarm(), operation("cache"))
    apart.in_swarm().save(done.ended(State.DONE))
    changes: list[Callable[[], Journal]] = [
        lambda: operating.carry_out(apart, operation("db"), confirm=lambda _: True),
        lambda: operating.undo(apart, done.id),
        lambda: operating.further(apart, done.id, [Step(id="b", says="let go")]),
    ]
    for change in changes:
        with pytest.raises(LockedError, match="recover quorum") as caught:
            change()
        assert open_one.id in (caught.value.todo or "")


def test_what_was_going_on_when_the_swarm_was_lost_waits_until_it_is_back(apart: Site) -> None:
    stopped = begin(apart.in_swarm(), operation("db"))
    first = begin(apart.in_files(), bringing_back())
    for change in (operating.resume, operating.undo):
        with pytest.raises(LockedError, match="recover quorum"):
            change(apart, stopped.id)
    assert operating.resume(apart, first.id).state is State.DONE
    assert operating.resume(apart, stopped.id).state is State.DONE


def test_what_brings_the_swarm_back_may_begin_while_one_of_its_operations_is_open(
    apart: Site,
) -> None:
    begin(apart.in_swarm(), operation("db"))
    made = operating.carry_out(apart, bringing_back(), confirm=lambda _: True)
    assert made.state is State.DONE
    begin(apart.in_files(), bringing_back())
    with pytest.raises(LockedError, match="recover quorum"):
        operating.carry_out(apart, bringing_back(), confirm=lambda _: True)


def test_in_the_midst_of_a_step_no_engine_is_asked_once_the_lock_is_lost(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who slept in a step until somebody else went on with it wakes up in that step."""
    lock, asked = FleetLock("ours"), []

    @contextmanager
    def held(place: Site, what: str) -> Iterator[FleetLock]:
        del place, what
        yield lock

    def acts(place: Site, journal: Journal) -> dict[str, Action]:
        def sleep(facts: Facts) -> None:
            del facts
            lock.lost = "it was taken over, or removed by hand"
            for ask in (place.client, place.snapshot, lambda: place.engine("one")):
                with pytest.raises(LockedError, match="lost while working"):
                    ask()
                asked.append(ask)

        return {step.id: Action(do=sleep) for step in journal.operation.steps}

    monkeypatch.setattr(operating, "_locked", held)
    monkeypatch.setattr(operating, "actions_of", acts)
    with pytest.raises(LockedError, match="lost while working"):
        operating.carry_out(place, operation("db"), confirm=lambda _: True)
    assert len(asked) == 3
    assert place.in_files().all()[0].of("a") is State.BEGUN
