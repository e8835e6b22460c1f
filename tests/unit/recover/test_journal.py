"""Journals in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.errors import MachineError, QuorateError
from quorate.recover.carrying import begin
from quorate.recover.journal import FileStore
from quorate.recover.model import Operation, State, Step


def operation(subject: str = "quorum") -> Operation:
    step = Step(id="a", says="look", seconds=2.0)
    return Operation(kind="recover quorum", subject=subject, fleet="office", steps=(step,))


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
