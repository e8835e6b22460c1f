"""`quorate operations`: what is left is said, what is abandoned typed, what is done judged."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from quorate import operating, workflows
from quorate.entry.cli import confirm
from quorate.entry.cli.main import build
from quorate.errors import EngineError
from quorate.recover import keeping
from quorate.recover.carrying import begin
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.quorum.verify import Verified
from quorate.recover.site import Site
from tests.unit.recover.moving.test_doing import MOVE
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
    monkeypatch.setattr(keeping, "kept", lambda place, journal: ("shop_db",))
    monkeypatch.setattr(keeping, "let_go", lambda place, journal: ("shop_db",))
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
    assert "it keeps shop_db stopped" in said
    assert f"quorate operations abandon {begun.id} --let-go" in said
    assert "abandoned" in done.stdout
    assert [one.state for one in place.in_files().all()] == [State.ABANDONED]


def test_what_is_let_go_is_said_and_an_abandoned_one_can_let_go_later(
    place: Site, begun: Journal
) -> None:
    words = ["operations", "abandon", begun.id, "--yes-really", begun.id]
    assert CliRunner().invoke(build(), words).exit_code == 0
    done = CliRunner().invoke(build(), [*words, "--let-go"])
    assert done.exit_code == 0
    assert "it keeps shop_db stopped; that runs again" in " ".join(done.stderr.split())
    assert [one.state for one in place.in_files().all()] == [State.ABANDONED]


def test_a_swarm_that_does_not_answer_is_no_reason_not_to(
    place: Site, begun: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(place: Site, journal: Journal) -> tuple[str, ...]:
        raise EngineError("no manager answers")

    monkeypatch.setattr(keeping, "kept", silent)
    done = CliRunner().invoke(build(), ["operations", "abandon", "--yes-really", begun.id])
    assert done.exit_code == 0
    assert "what it keeps stopped cannot be seen" in " ".join(done.stderr.split())


@pytest.mark.parametrize(("given", "code"), [(("--yes-really", "web"), 2), ((), 8)])
def test_nothing_is_abandoned_by_mistake(
    place: Site, begun: Journal, given: tuple[str, ...], code: int
) -> None:
    done = CliRunner().invoke(build(), ["operations", "abandon", begun.id, *given])
    assert done.exit_code == code or getattr(done.exception, "exit_code", None) == code
    assert [one.state for one in place.in_files().all()] == [State.BEGUN]


@pytest.mark.parametrize(("waiting", "code"), [({}, 0), ({"shop_db": "no server fits"}, 4)])
def test_a_recovered_quorum_is_judged_when_it_is_gone_on_with_too(
    begun: Journal, monkeypatch: pytest.MonkeyPatch, waiting: dict[str, str], code: int
) -> None:
    """As when nothing had stopped it: what does not run is told, and is no success."""
    seen = Verified(seconds=9.0, services=7, crossed=12, waiting=waiting)
    operation = begun.operation.model_copy(update={"kind": "recover quorum"})
    ended = begun.model_copy(
        update={
            "operation": operation,
            "state": State.DONE,
            "facts": {"verified": seen.model_dump(mode="json")},
        }
    )
    monkeypatch.setattr(operating, "resume", lambda place, identity: ended)
    done = CliRunner().invoke(build(), ["operations", "resume", begun.id, "--yes"])
    assert done.exit_code == code
    assert "7 services run whole; 12 of 12 ways" in done.stdout
    assert ("shop_db does not run: no server fits" in done.stdout) is bool(waiting)
    spoken = CliRunner().invoke(build(), ["operations", "resume", begun.id, "--yes", "--json"])
    assert spoken.exit_code == code and json.loads(spoken.stdout)["facts"]["verified"]


def test_what_an_undo_of_a_move_loses_is_said_before_it_is_agreed_to(
    place: Site, begun: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def agreed(question: str, *, yes: bool) -> bool:
        asked.append(question)
        return yes

    monkeypatch.setattr(confirm, "agreed", agreed)
    place.in_files().save(begun.ended(State.ABANDONED))
    steps = tuple(Step(id=name, says=name) for name in ("copy", "switch"))
    facts = {"move": MOVE.model_dump(mode="json")}
    moved = Operation(kind="move", subject="db", fleet="office", steps=steps, facts=facts)
    done = operating.carry_out(place, moved, confirm=lambda _: True)
    refused = CliRunner().invoke(build(), ["operations", "undo", done.id])
    assert getattr(refused.exception, "exit_code", None) == 8
    made = CliRunner().invoke(build(), ["operations", "undo", done.id, "--yes"])
    assert made.exit_code == 0, made.output
    assert all(
        one.startswith("What was written on two since ") and one.endswith(f"({done.id})?")
        for one in asked
    )
    assert len(asked) == 2 and "it stays in rows on two, unused" in " ".join(made.stderr.split())
