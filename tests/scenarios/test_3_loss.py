"""A server loses power: what may move runs elsewhere; `up` brings it home again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from quorate.fleet.observed import Snapshot
from quorate.lab import nodes
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

# On an idle machine, with a heartbeat of two seconds: about 7 s and 20 to 35 s.
WORKER_SECONDS = 60.0
LEADER_SECONDS = 120.0
BACK_SECONDS = 90.0
DEAF_SECONDS = 45.0
"""Long enough to stand for election twice (10 to 20 s each): the second time at a higher term."""


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


@contextmanager
def deaf_to(shop: Office, server: str, other: str, *, seconds: float) -> Iterator[None]:
    """For so long a server drops what another sends to its manager; no more after the block."""
    lab = live.lab_of(shop)
    rule = ("INPUT", "-p", "tcp", "--dport", "2377", "-s", lab.node(other).address, "-j", "DROP")
    nodes.execute(lab, server, "iptables", "-I", *rule)
    timer = threading.Timer(seconds, nodes.execute, (lab, server, "iptables", "-D", *rule))
    timer.start()
    try:
        yield
    finally:
        timer.join()


@pytest.mark.drill
def test_up_waits_until_the_leader_has_reached_a_returned_manager(shop: Office) -> None:
    """Reaching it deposes the leader, for the other has counted terms: not amid a deployment.

    A leader tries ever less often to reach a lost manager; here a filter makes it as late.
    """
    seen = steps.given_deployed(shop)
    (leader,) = (node.hostname for node in seen.nodes if node.leader)
    returned = next(s.name for s in live.fleet_of(shop).managers if s.name != leader)
    with steps.without_power(shop, returned):
        pass
    with deaf_to(shop, returned, leader, seconds=DEAF_SECONDS):
        said = steps.up(shop, environment={"RELEASE": "while the leader is deposed"})
    assert f"leader to reach {returned} again" in said
    steps.then_all_at_home(shop)
    steps.up(shop)
    steps.then_all_at_home(shop)
