"""Operations resumed and undone, over a fake of where journals are and of the fleet's lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate import operating
from quorate.deploy.progress import Silent
from quorate.errors import LockedError, UsageError
from quorate.fleet.model import Fleet
from quorate.observe.connect import Connections
from quorate.recover.carrying import Action, begin
from quorate.recover.journal import FileStore
from quorate.recover.model import Facts, Journal, Operation, State, Step
from quorate.recover.site import Site
from tests.fakes.fleets import make_fleet, make_server


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
