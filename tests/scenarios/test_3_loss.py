"""A server loses power: what may move runs elsewhere; `up` brings it home again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from quorate.fleet.observed import Snapshot
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

# On an idle machine, with a heartbeat of two seconds: about 7 s and 20 to 35 s.
WORKER_SECONDS = 60.0
LEADER_SECONDS = 120.0
BACK_SECONDS = 90.0


def all_ready(seen: Snapshot) -> bool:
    return len(seen.nodes) == 4 and all(node.ready for node in seen.nodes)


def lose_and_regain(shop: Office, server: str, *, within: float) -> None:
    before = steps.given_deployed(shop)
    movable = steps.movable_on(live.fleet_of(shop), before, server)
    assert movable, f"nothing that may move is at home on {server}"
    with steps.without_power(shop, server):
        seconds = steps.then_they_run_elsewhere(shop, movable, lost=server, within=within)
        print(f"{server} lost: {', '.join(movable)} run elsewhere after {seconds:.1f} s")
    # At once, as people do: whether the swarm has it back is for `up` to see.
    steps.up(shop)
    after = steps.then_all_at_home(shop)
    assert {node.id for node in after.nodes} == {node.id for node in before.nodes}


def test_the_worker_is_lost(shop: Office) -> None:
    lose_and_regain(shop, "four", within=WORKER_SECONDS)


def test_the_leader_is_lost(shop: Office) -> None:
    steps.given_deployed(shop)
    (leader,) = (node.hostname for node in live.snapshot(shop).nodes if node.leader)
    lose_and_regain(shop, leader, within=LEADER_SECONDS)


@pytest.mark.drill
def test_up_works_while_a_server_is_lost(shop: Office) -> None:
    """What is at home there is placed in its pool; once the server is back, `up` mends it."""
    before = steps.given_deployed(shop)
    movable = steps.movable_on(live.fleet_of(shop), before, "four")
    with steps.without_power(shop, "four"):
        steps.then_they_run_elsewhere(shop, movable, lost="four", within=WORKER_SECONDS)
        said = steps.up(shop, environment={"RELEASE": "while four is lost"})
        assert "four" in said
        steps.then_they_run_elsewhere(shop, movable, lost="four", within=1)
    live.wait_until(shop, all_ready, within=BACK_SECONDS)
    steps.up(shop)
    steps.then_all_at_home(shop)
