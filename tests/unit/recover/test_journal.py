"""Journals in files, and in a swarm: which of them stay there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.errors import EngineError, LockedError, MachineError, QuorateError
from quorate.recover.adopt import choose as adopt
from quorate.recover.carrying import begin
from quorate.recover.journal import KEPT, UNTIL_SEALED, FileStore, SwarmStore
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.moving import ending
from quorate.recover.moving import model as moving
from tests.fakes.configs import FakeConfigs, refusal


def operation(subject: str = "quorum", kind: str = "recover quorum") -> Operation:
    step = Step(id="a", says="look", seconds=2.0)
    return Operation(kind=kind, subject=subject, fleet="office", steps=(step,))


def test_a_state_that_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "operations")
    journal = begin(store, operation())
    later = journal.marked("a", State.DONE, at="now", facts={"leader": "two"}).ended(State.DONE)
    store.save(later)
    assert store.all() == (later,) and not later.open
    assert [file.suffix for file in (tmp_path / "operations").iterdir()] == [".journal"]


def test_a_name_that_no_config_can_have_becomes_one(tmp_path: Path) -> None:
    journal = begin(FileStore(tmp_path), operation("volume/data pages"))
    assert set(journal.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(journal.id) <= 40


def test_a_damaged_journal_is_an_error_and_so_is_a_directory_that_cannot_be_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.journal").write_bytes(b"rubbish")
    with pytest.raises(QuorateError, match="cannot be read") as caught:
        FileStore(tmp_path).all()
    assert f"`rm {tmp_path / 'x.journal'}`" in (caught.value.todo or "")
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        begin(FileStore(tmp_path / "file" / "below"), operation())


@pytest.fixture
def store() -> SwarmStore:
    swarm: Any = FakeConfigs()
    return SwarmStore(lambda: swarm, "office")


def made(store: SwarmStore, number: int, kind: str, state: State, *more: Step) -> Journal:
    """One that has come to a state; they began in the order of their numbers."""
    work = operation(f"one{number}", kind)
    work = work.model_copy(update={"steps": (*work.steps, *more)})
    began = f"2026-01-01T00:{number // 60:02}:{number % 60:02}+00:00"
    journal = Journal(id=f"op-{number}", operation=work, started=began, who="test")
    for step in work.steps:
        journal = journal.marked(step.id, State.DONE, at=began)
    if state is not State.BEGUN:
        journal = journal.ended(state)
    store.save(journal)
    return journal


def left(store: SwarmStore) -> list[str]:
    return [one.id for one in store.all()]


def test_the_newest_journals_of_what_is_over_stay_and_those_of_open_operations(
    store: SwarmStore,
) -> None:
    made(store, 0, "drain", State.BEGUN)
    for number in range(1, KEPT + 4):
        made(store, number, "drain", State.DONE)
    assert left(store) == ["op-0", *(f"op-{number}" for number in range(4, KEPT + 4))]


@pytest.mark.parametrize("kind", ["move", "adopt"])
@pytest.mark.parametrize("state", [State.DONE, State.ABANDONED])
def test_what_can_still_be_finished_or_undone_stays_beside_them(
    store: SwarmStore, kind: str, state: State
) -> None:
    mine = made(store, 0, kind, state)
    for number in range(1, KEPT + 4):
        made(store, number, "drain", State.DONE)
    assert left(store) == ["op-0", *(f"op-{number}" for number in range(4, KEPT + 4))]
    assert store.all()[0] == mine


@pytest.mark.parametrize("kind", ["move", "adopt"])
def test_what_was_finished_or_undone_goes_as_any_other(store: SwarmStore, kind: str) -> None:
    made(store, 0, kind, State.DONE, ending.SEAL)
    made(store, 1, kind, State.UNDONE)
    for number in range(2, KEPT + 2):
        made(store, number, "drain", State.DONE)
    assert left(store) == [f"op-{number}" for number in range(2, KEPT + 2)]


def test_the_kinds_that_are_finished_later_are_those_that_have_a_final_step_to_come() -> None:
    assert {moving.KIND, adopt.KIND} == UNTIL_SEALED


@dataclass
class Two:
    """Two machines with one swarm, and the journal that both of them know."""

    swarm: Any
    one: SwarmStore
    other: SwarmStore
    journal: Journal


@pytest.fixture
def two() -> Two:
    swarm: Any = FakeConfigs()
    one, other = (SwarmStore(lambda: swarm, "office") for _ in range(2))
    journal = begin(one, operation("db", "move")).marked("a", State.BEGUN, at="now")
    one.save(journal)
    return Two(swarm=swarm, one=one, other=other, journal=journal)


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_who_slept_writes_nothing_over_what_somebody_else_went_on_with(
    two: Two, turns: int
) -> None:
    (theirs,) = two.other.all()
    theirs = theirs.marked("a", State.DONE, at="later").ended(State.DONE)
    for _ in range(turns):
        two.other.save(theirs)
    for _ in range(2):  # nor when it is tried once more
        with pytest.raises(LockedError, match="somebody else has gone on"):
            two.one.save(two.journal.troubled("the connection broke"))
    assert two.other.all() == (theirs,)


def test_who_reads_it_again_goes_on_from_there(two: Two) -> None:
    (theirs,) = two.other.all()
    two.other.save(theirs.troubled("no room"))
    (mine,) = two.one.all()
    two.one.save(mine.marked("a", State.DONE, at="later"))
    assert two.other.all()[0].of("a") is State.DONE


def test_two_at_the_same_moment_are_told_apart_by_the_swarm(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theirs,) = two.other.all()
    create = two.swarm.create_config

    def later(*given: Any, **more: Any) -> None:
        monkeypatch.setattr(two.swarm, "create_config", create)
        two.other.save(theirs.troubled("first"))
        create(*given, **more)

    monkeypatch.setattr(two.swarm, "create_config", later)
    with pytest.raises(LockedError, match="somebody else has gone on"):
        two.one.save(two.journal.troubled("second"))
    assert two.other.all()[0].trouble == "first"


def test_a_state_whose_answer_was_lost_is_known_as_ones_own(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = two.swarm.create_config

    def unanswered(*given: Any, **more: Any) -> None:
        monkeypatch.setattr(two.swarm, "create_config", create)
        create(*given, **more)
        raise refusal(500)

    monkeypatch.setattr(two.swarm, "create_config", unanswered)
    with pytest.raises(EngineError, match="could not be kept"):
        two.one.save(two.journal)
    two.one.save(two.journal.troubled("the answer was lost"))
    assert two.other.all()[0].trouble == "the answer was lost"


def test_a_journal_that_somebody_dropped_is_not_written_anew(two: Two) -> None:
    for identity in tuple(two.swarm.kept):
        two.swarm.remove_config(identity)
    with pytest.raises(LockedError):
        two.one.save(two.journal.ended(State.DONE))
    assert two.other.all() == ()
