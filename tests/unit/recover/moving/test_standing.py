"""Where a service is held and runs, against where a move takes it from and to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quorate.deploy.progress import Silent
from quorate.errors import RefusedError
from quorate.fleet.observed import Snapshot
from quorate.recover.model import Journal, State
from quorate.recover.moving import doing, standing
from quorate.recover.moving.ending import SEAL
from quorate.tools import clock
from tests.unit.recover.moving.made import seen
from tests.unit.recover.moving.test_doing import (
    MOVE,
    OPERATION,
    STEPS,
    Place,
    World,
    begun,
    carrier,
    only,
    simulated,
)

__all__ = ["simulated"]


def site(held: str, *runs_on: str) -> Any:
    """A site whose swarm holds the service at one server, and runs it on these."""
    constraints = ["node.role==manager", *([f"node.hostname=={held}"] if held else [])]
    snapshot = seen({"TaskTemplate": {"Placement": {"Constraints": constraints}}}, *runs_on)
    return SimpleNamespace(snapshot=lambda: snapshot, report=Silent())


@pytest.mark.parametrize(("held", "runs_on"), [("one", ("one",)), ("one", ())])
def test_it_is_where_it_was_running_or_kept_still(held: str, runs_on: tuple[str, ...]) -> None:
    standing.require_as_chosen(site(held, *runs_on), MOVE)


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
        standing.require_as_chosen(site(held, *runs_on), MOVE)
    assert refused.value.cause == f"{words}; the move takes it from one"


def journal(last: str) -> Journal:
    """A move of which everything up to this step is done."""
    made = Journal(id="m", operation=OPERATION, started="now", who="me", facts=OPERATION.facts)
    for step in STEPS[: STEPS.index(last) + 1]:
        made = made.marked(step, State.DONE, at="now")
    return made


@pytest.mark.parametrize(("held", "runs_on"), [("two", "two"), ("one", "one")])
def test_an_undo_finds_it_at_either_end(held: str, runs_on: str) -> None:
    standing.require_not_moved_on(site(held, runs_on), journal("clear"))
    standing.require_not_moved_on(site(held), journal("clear"))


@pytest.mark.parametrize(("held", "runs_on"), [("three", "three"), ("one", "two"), ("", "two")])
def test_an_undo_does_not_find_it(held: str, runs_on: str) -> None:
    with pytest.raises(RefusedError, match="db was moved on since") as refused:
        standing.require_not_moved_on(site(held, runs_on), journal("clear"))
    assert "`quorate move --undo db`" in (refused.value.todo or "")


def test_no_home_is_changed_by_what_came_not_so_far_or_is_sealed() -> None:
    gone = site("three", "three")
    standing.require_not_moved_on(gone, journal("sync"))
    standing.require_not_moved_on(gone, journal("clear").marked("home", State.UNDONE, at="now"))
    sealed = journal("clear").further(SEAL).marked(SEAL.id, State.DONE, at="now")
    standing.require_not_moved_on(gone, sealed)


def test_what_is_not_in_the_swarm_is_for_others_to_say() -> None:
    empty: Any = SimpleNamespace(snapshot=lambda: Snapshot(taken_at=clock.now()), report=Silent())
    standing.require_as_chosen(empty, MOVE)
    standing.require_not_moved_on(empty, journal("clear"))


def moved_on(world: World) -> None:
    """Another move, of which this one knows nothing, takes it to a third server."""
    world.data["three"] = list(world.data[world.where])
    world.constrain("three")
    world.homes["db"] = ("three",)
    world.tick()


def test_what_another_move_took_elsewhere_meanwhile_is_not_stopped() -> None:
    world, store = begun()
    moved_on(world)
    with pytest.raises(RefusedError, match="db is not where it was"):
        carrier(world, store).forward(only(store))
    assert world.where == "three" and world.homes["db"] == ("three",)


def test_a_move_that_was_chosen_before_another_one_does_not_begin() -> None:
    world = World()
    place: Any = Place(world)
    doing.may_begin(place, OPERATION)
    moved_on(world)
    with pytest.raises(RefusedError, match="db is not where it was") as refused:
        doing.may_begin(place, OPERATION)
    assert refused.value.cause == (
        "it is held by node.hostname==three and runs on three; the move takes it from one"
    )


def test_what_did_not_come_to_its_new_home_may_be_undone_wherever_it_is() -> None:
    """Nothing of that undoing says where it is at home, and what copies has to go."""
    world, store = begun()
    place: Any = Place(world)
    moved_on(world)
    with pytest.raises(RefusedError):
        carrier(world, store).forward(only(store))
    doing.may_undo(place, only(store))
