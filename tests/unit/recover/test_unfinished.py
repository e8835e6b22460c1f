"""A fleet with an operation that is not over is not changed; the swarm's journals are a fake's."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quorate import drilling, workflows
from quorate.deploy.progress import Silent
from quorate.errors import LockedError, QuorateError
from quorate.recover.carrying import begin
from quorate.recover.journal import FileStore, Store, SwarmStore
from quorate.recover.model import Journal, Operation, State, Step
from quorate.recover.site import journals
from quorate.recover.unfinished import refuse_unfinished
from quorate.tools import clock
from quorate.workflows import Opened, UpOptions
from tests.fakes.configs import FakeConfigs
from tests.fakes.fleets import make_fleet, make_server
from tests.unit.drill.test_fault import lab

FLEET = make_fleet({"shop": {"services": {"web": {}}}}, servers=[make_server("one")])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals are that are files."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def swarm() -> Any:
    return FakeConfigs()


def begun(store: Store, kind: str = "move") -> Journal:
    step = Step(id="a", says="copy")
    return begin(store, Operation(kind=kind, subject="db", fleet=FLEET.name, steps=(step,)))


def in_swarm(swarm: Any, fleet: str = FLEET.name) -> SwarmStore:
    return SwarmStore(lambda: swarm, fleet)


@pytest.mark.parametrize("back", [False, True])
def test_an_operation_in_the_swarm_that_is_not_over_is_named(swarm: Any, back: bool) -> None:
    store = in_swarm(swarm)
    journal = begun(store)
    if back:
        store.save(journal.turned())
    with pytest.raises(LockedError, match=r"move db .* is not over") as caught:
        refuse_unfinished(FLEET, None, swarm)
    assert caught.value.exit_code == 7
    for verb in ("resume", "undo"):
        assert f"`quorate operations {verb} {journal.id}`" in (caught.value.todo or "")


@pytest.mark.parametrize("state", [State.DONE, State.UNDONE])
def test_what_is_over_is_in_nobodys_way(swarm: Any, state: State) -> None:
    for store in (in_swarm(swarm), FileStore(journals(FLEET.name, None))):
        store.save(begun(store).ended(state))
    refuse_unfinished(FLEET, None, swarm)


def test_operations_of_another_fleet_and_of_a_lab_are_in_nobodys_way(
    swarm: Any, tmp_path: Path
) -> None:
    begun(in_swarm(swarm, "another"))
    mine = lab().model_copy(update={"directory": tmp_path / "labs" / "x"})
    begun(FileStore(journals(FLEET.name, mine)), "recover quorum")
    refuse_unfinished(FLEET, None, swarm)
    with pytest.raises(LockedError, match="recover quorum db"):
        refuse_unfinished(FLEET, mine, swarm)


def test_one_on_this_machine_needs_no_swarm_to_be_seen() -> None:
    begun(FileStore(journals(FLEET.name, None)), "recover quorum")
    with pytest.raises(LockedError, match="recover quorum db"):
        refuse_unfinished(FLEET, None)


def test_a_journal_that_cannot_be_read_is_not_taken_for_none(swarm: Any) -> None:
    begun(in_swarm(swarm))
    (kept,) = swarm.kept.values()
    kept["Spec"]["Data"] = "cnViYmlzaA=="
    with pytest.raises(QuorateError, match="cannot be read") as caught:
        refuse_unfinished(FLEET, None, swarm)
    assert f"`docker config rm {kept['Spec']['Name']}`" in (caught.value.todo or "")


def test_up_and_drills_are_refused_before_any_server_is_asked() -> None:
    begun(FileStore(journals(FLEET.name, None)), "recover quorum")
    opened = Opened(fleet=FLEET)
    with pytest.raises(LockedError, match="recover quorum db"):
        workflows.up(
            opened,
            UpOptions(),
            report=Silent(),
            confirm=lambda preview: True,
            started=clock.now(),
        )
    with pytest.raises(LockedError, match="recover quorum db"):
        drilling.look(opened, drilling.ground_of(opened))


class PlanningError(Exception):
    """Planning began: nothing was refused before it."""


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (UpOptions(), True),
        (UpOptions(dry_run=True), False),
        (UpOptions(locked=True), False),
    ],
    ids=["alone", "only looks", "a step of an operation"],
)
def test_up_is_refused_by_what_the_swarm_keeps_before_it_plans(
    swarm: Any, monkeypatch: pytest.MonkeyPatch, options: UpOptions, refused: bool
) -> None:
    begun(in_swarm(swarm))

    def plans(*given: object, **more: object) -> None:
        raise PlanningError

    monkeypatch.setattr(workflows, "Connections", lambda fleet: nullcontext())
    monkeypatch.setattr(workflows, "_look", lambda *given: None)
    monkeypatch.setattr(
        workflows, "_scene", lambda *given: SimpleNamespace(client=swarm, fleet=FLEET)
    )
    monkeypatch.setattr(workflows, "homes_now", lambda scene: {})
    monkeypatch.setattr(workflows, "make_plan", plans)
    with pytest.raises(LockedError if refused else PlanningError):
        workflows.up(
            Opened(fleet=FLEET),
            options,
            report=Silent(),
            confirm=lambda preview: True,
            started=clock.now(),
        )
