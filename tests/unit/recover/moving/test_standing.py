"""Where a service is held and runs, against where a move takes it from and to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quorate.deploy.progress import Silent
from quorate.errors import RefusedError
from quorate.fleet.observed import ObservedNode, ObservedService, ObservedTask, Snapshot
from quorate.recover.model import Journal, State
from quorate.recover.moving import standing
from quorate.recover.moving.ending import SEAL
from quorate.tools import clock
from tests.unit.recover.moving.test_doing import MOVE, OPERATION, STEPS


def seen(held: str, *runs_on: str) -> Any:
    """A site whose swarm holds the service at one server, and runs it on these."""
    constraints = ["node.role==manager", *([f"node.hostname=={held}"] if held else [])]
    spec = {"TaskTemplate": {"Placement": {"Constraints": constraints}}}
    tasks = (
        ObservedTask(id=at, service_id="s", node_id=at, state="running", desired_state="running")
        for at in runs_on
    )
    snapshot = Snapshot(
        taken_at=clock.now(),
        nodes=tuple(
            ObservedNode(id=name, hostname=name, state="ready") for name in ("one", "two", "three")
        ),
        services=(ObservedService(id="s", name="db", spec=spec),),
        tasks=tuple(tasks),
    )
    return SimpleNamespace(snapshot=lambda: snapshot, report=Silent())


@pytest.mark.parametrize(("held", "runs_on"), [("one", ("one",)), ("one", ())])
def test_it_is_where_it_was_running_or_kept_still(held: str, runs_on: tuple[str, ...]) -> None:
    standing.require_as_chosen(seen(held, *runs_on), MOVE)


@pytest.mark.parametrize(
    ("held", "runs_on", "words"),
    [
        ("two", ("two",), "it is held by node.hostname==two and runs on two"),
        ("three", (), "it is held by node.hostname==three"),
        ("", ("one",), "it is held nowhere and runs on one"),
        ("one", ("three",), "it is held by node.hostname==one and runs on three"),
    ],
)
def test_it_is_not_where_it_was(held: str, runs_on: tuple[str, ...], words: str) -> None:
    with pytest.raises(RefusedError, match="not where it was") as refused:
        standing.require_as_chosen(seen(held, *runs_on), MOVE)
    assert refused.value.cause == f"{words}; the move takes it from one"


def journal(last: str) -> Journal:
    """A move of which everything up to this step is done."""
    made = Journal(id="m", operation=OPERATION, started="now", who="me", facts=OPERATION.facts)
    for step in STEPS[: STEPS.index(last) + 1]:
        made = made.marked(step, State.DONE, at="now")
    return made


@pytest.mark.parametrize(("held", "runs_on"), [("two", "two"), ("one", "one")])
def test_an_undo_finds_it_at_either_end(held: str, runs_on: str) -> None:
    standing.require_not_moved_on(seen(held, runs_on), journal("clear"))
    standing.require_not_moved_on(seen(held), journal("clear"))


@pytest.mark.parametrize(("held", "runs_on"), [("three", "three"), ("one", "two"), ("", "two")])
def test_an_undo_does_not_find_it(held: str, runs_on: str) -> None:
    with pytest.raises(RefusedError, match="was moved on since"):
        standing.require_not_moved_on(seen(held, runs_on), journal("clear"))


def test_no_home_is_changed_by_what_came_not_so_far_or_is_sealed() -> None:
    gone = seen("three", "three")
    standing.require_not_moved_on(gone, journal("sync"))
    standing.require_not_moved_on(gone, journal("clear").marked("home", State.UNDONE, at="now"))
    sealed = journal("clear").further(SEAL).marked(SEAL.id, State.DONE, at="now")
    standing.require_not_moved_on(gone, sealed)


def test_what_is_not_in_the_swarm_is_for_others_to_say() -> None:
    empty: Any = SimpleNamespace(snapshot=lambda: Snapshot(taken_at=clock.now()), report=Silent())
    standing.require_as_chosen(empty, MOVE)
    standing.require_not_moved_on(empty, journal("clear"))
