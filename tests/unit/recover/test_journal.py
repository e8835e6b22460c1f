"""Journals in files, and in a swarm: which of them stay there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate.errors import MachineError, QuorateError
from quorate.recover.adopt import choose as adopt
from quorate.recover.carrying import begin
from quorate.recover.journal import KEPT, UNTIL_SEALED, FileStore, SwarmStore
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.moving import ending
from quorate.recover.moving import model as moving
from tests.fakes.configs import FakeConfigs


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
