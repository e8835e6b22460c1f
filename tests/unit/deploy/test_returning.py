"""Which servers are on their way back into their swarm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.deploy.returning import returning
from quorate.deploy.swarm_state import Membership, SwarmState
from tests.unit.deploy.test_swarm_steps import NOTHING, WHOLE, fleet, member, node


def with_member(
    name: str, found: Membership, *, state: str | None, reachability: str | None = None
) -> SwarmState:
    """The whole swarm, but for one server's view and how (whether, if None) it is listed."""
    others = tuple(n for n in WHOLE.nodes if n.hostname != name)
    listed = (node(name, state=state, reachability=reachability),) if state else ()
    return replace(WHOLE, members={**WHOLE.members, name: found}, nodes=(*others, *listed))


STARTING = member("d", state="pending", works=False)


@pytest.mark.parametrize(
    ("state", "late"),
    [
        (WHOLE, ()),
        (NOTHING, ()),
        (with_member("d", STARTING, state="down"), ("d",)),
        (with_member("d", STARTING, state="unknown"), ("d",)),
        (with_member("d", member("d"), state="down"), ("d",)),
        (with_member("d", Membership(server="d", state="pending"), state="down"), ("d",)),
        # Listed as ready, by a leader that has not reached this manager yet.
        (with_member("c", member("c"), state="ready", reachability="unreachable"), ("c",)),
        (with_member("c", member("c"), state="ready", reachability="reachable"), ()),
        # Removed by the swarm: it will not be back by itself.
        (with_member("d", STARTING, state=None), ()),
        # It left: nothing to wait for.
        (with_member("d", Membership(server="d"), state="down"), ()),
    ],
)
def test_with_a_leader(state: SwarmState, late: tuple[str, ...]) -> None:
    assert returning(fleet(), state) == late


def test_an_unreached_manager_that_does_not_answer_is_not_waited_for() -> None:
    state = with_member("c", member("c"), state="down", reachability="unreachable")
    members = {name: found for name, found in state.members.items() if name != "c"}
    assert returning(fleet(), replace(state, members=members)) == ()


@pytest.mark.parametrize(
    ("up", "late"),
    [("abcd", ("a", "b", "c", "d")), ("abd", ("a", "b", "d")), ("ad", ()), ("d", ())],
)
def test_without_a_leader_only_a_majority_is_worth_a_wait(up: str, late: tuple[str, ...]) -> None:
    state = SwarmState(members={n: member(n, state="pending", works=False) for n in up})
    assert returning(fleet(), state) == late
