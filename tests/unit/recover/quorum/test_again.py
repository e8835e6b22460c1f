"""Whether a cluster that was decided on is still forced, by what is seen right before."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.errors import RefusedError
from quorate.recover.quorum.again import to_force
from quorate.recover.quorum.model import Sight
from tests.unit.recover.quorum.test_choose import (
    ADDRESSES,
    NOW,
    chosen,
    listing,
    server,
    sight,
)

FIVE = tuple(f"192.0.2.{n}" for n in range(1, 6))
ALONE = listing("a", "b", "c", "d", managers="a")


def facts(seen: Sight, *without: str) -> dict[str, Any]:
    found = chosen(seen, *without).facts
    assert found["way"] == "force"
    return found


def two_of_five(*b: str, **changes: Any) -> Sight:
    servers = [
        server("a", peers=FIVE),
        *(server("b", state, peers=FIVE, **changes) for state in b),
        *(server(name, "gone", leads=True) for name in ("c", "e", "f")),
    ]
    return Sight(fleet="office", servers=tuple(servers))


ORDINARY = facts(sight("leaderless", "gone", "gone"))


def test_what_is_as_it_was_is_forced() -> None:
    assert to_force(sight("leaderless", "gone", "gone"), ORDINARY)
    assert to_force(sight("pending", "gone", "gone"), ORDINARY)


def test_managers_whose_engines_are_stopped_on_purpose_do_not_count_as_back() -> None:
    """A halted engine's files may not have the address that it told before."""
    decided = facts(two_of_five("leaderless"))
    halted = two_of_five("stopped", address="")
    living = {ADDRESSES["b"]: "d on port 22"}
    assert to_force(halted.model_copy(update={"alive": living}), decided)
    given_up = facts(sight("leaderless", "error", "gone"), "b")
    assert to_force(sight("leaderless", "stopped", "gone"), given_up)


def test_one_that_was_forced_before_a_kill_is_not_forced_again() -> None:
    marked = (server("a", "works", forced=NOW, listed=ALONE), server("b", "gone"), server("d"))
    assert not to_force(Sight(fleet="office", servers=marked), ORDINARY)
    unmarked = (server("a", "works", listed=ALONE), server("b", "gone"), server("c", "gone"))
    assert not to_force(Sight(fleet="office", servers=unmarked), ORDINARY)
    # The lost ones found into it meanwhile, and it has no leader on `a` for a moment.
    filled = (server("a"), *(server(n, "works", forced=NOW) for n in "bc"))
    assert not to_force(Sight(fleet="office", servers=filled), ORDINARY)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (sight("leaderless", "works", "works"), "works on b, c"),
        (sight("works", "gone", "gone"), "has a leader"),
        (sight("leaderless", "leaderless", "gone"), "engine of b runs"),
        (sight("leaderless", "stopped", "gone"), "a, b answer"),
        (
            sight("leaderless", "gone", "gone", alive={"192.0.2.3": "d on port 2377"}),
            "192.0.2.3 answers d",
        ),
        (
            Sight(fleet="office", servers=(
                server("a", "works", listed=ALONE), server("b", "works"), server("c", "works"),
            )),
            "works on b, c",
        ),
    ],
)  # fmt: skip
def test_what_came_back_meanwhile_is_not_forced_away(seen: Sight, words: str) -> None:
    with pytest.raises(RefusedError, match="is not as it was decided") as error:
        to_force(seen, ORDINARY)
    assert words in str(error.value.cause)
    assert "operations abandon" in str(error.value.todo)


def test_what_was_given_up_does_not_count() -> None:
    living = sight("leaderless", "gone", "gone", alive={"192.0.2.3": "d on port 2377"})
    assert to_force(living, facts(living, "192.0.2.3"))


@pytest.mark.parametrize(("state", "words"), [("leaderless", "runs"), ("stopped", "may know more")])
def test_one_that_is_back_forbids_it_though_they_are_still_too_few(state: str, words: str) -> None:
    seven = tuple(f"192.0.2.{n}" for n in range(1, 8))

    def of(b: str) -> Sight:
        both = server("a", peers=seven), server("b", b, peers=seven)
        return Sight(fleet="office", servers=both)

    with pytest.raises(RefusedError) as error:
        to_force(of(state), facts(of("gone")))
    assert words in str(error.value.cause)
