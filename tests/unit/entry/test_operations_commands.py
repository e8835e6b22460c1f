"""`quorate operations abandon`: what is left is said, and the id has to be typed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from quorate import operating, workflows
from quorate.entry.cli.main import build
from quorate.recover.carrying import begin
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.site import Site
from tests.unit.test_operating import place

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["place"]


@pytest.fixture
def begun(place: Site, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A move of which one step is done and one has begun."""

    @contextmanager
    def site(*given: object) -> Iterator[Site]:
        del given
        yield place

    def opened(*given: object, **more: object) -> None:
        del given, more

    monkeypatch.setattr(operating, "site", site)
    monkeypatch.setattr(workflows, "open_fleet", opened)
    steps = (
        Step(id="stop", says="stop db", back="start db"),
        Step(id="copy", says="copy its volume"),
        Step(id="start", says="start db there"),
    )
    store = place.in_files()
    journal = begin(store, Operation(kind="move", subject="db", fleet="office", steps=steps))
    journal = journal.marked("stop", State.DONE, at="then").marked("copy", State.BEGUN, at="then")
    store.save(journal)
    return journal


def test_what_is_left_is_said(place: Site, begun: Journal) -> None:
    done = CliRunner().invoke(build(), ["operations", "abandon", "--yes-really", begun.id])
    assert done.exit_code == 0
    said = " ".join(done.stderr.split())
    assert "- stop db; its undoing: start db" in said
    assert "- copy its volume (begun: it may have happened or not)" in said
    assert "start db there" not in said
    assert "abandoned" in done.stdout
    assert [one.state for one in place.in_files().all()] == [State.ABANDONED]


@pytest.mark.parametrize(("given", "code"), [(("--yes-really", "web"), 2), ((), 8)])
def test_nothing_is_abandoned_by_mistake(
    place: Site, begun: Journal, given: tuple[str, ...], code: int
) -> None:
    done = CliRunner().invoke(build(), ["operations", "abandon", begun.id, *given])
    assert done.exit_code == code or getattr(done.exception, "exit_code", None) == code
    assert [one.state for one in place.in_files().all()] == [State.BEGUN]
