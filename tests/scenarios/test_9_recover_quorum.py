"""Two of three managers lose power: recovered, and the old ones cannot split it when back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from quorate.fleet.observed import Snapshot
from quorate.lab import nodes
from quorate.tools import parallel
from tests.scenarios import figures, live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

TARGET_SECONDS = 120.0
WATCHED_SECONDS = 45.0
"""Longer than two managers take to elect one of them."""

LOST = ("one", "three")
LEFT = "two"


def on(office: Office, server: str, *argv: str, check: bool = True) -> str:
    return nodes.execute(live.lab_of(office), server, *argv, timeout=120, check=check)


def recover(office: Office, *options: str, code: int = 0) -> dict[str, Any]:
    """What `quorate recover quorum` prints with `--json`."""
    said = office.json(
        *("recover", "quorum", "--fleet", str(office.fleet), "--lab", *options),
        timeout=480, code=code,
    )  # fmt: skip
    assert isinstance(said, dict)
    return said


def power(office: Office, way: str, *servers: str) -> None:
    parallel.run(
        lambda server: office.quorate("lab", way, server, str(office.fleet), timeout=180), servers
    )


def is_on(office: Office, server: str) -> bool:
    lab = live.lab_of(office)
    return nodes.inspect(lab.engine_socket, lab.node(server).container)[0] == "running"


@contextmanager
def whole_again(office: Office) -> Iterator[None]:
    """However a test ends, the lab has all servers and one swarm of three managers after it."""
    try:
        yield
    finally:
        names = [server.name for server in live.fleet_of(office).servers]
        power(office, "power-on", *[n for n in names if not is_on(office, n)])
        power(office, "start-engine", *names)
        office.quorate(
            *("recover", "quorum", "--fleet", str(office.fleet), "--lab", "--yes"),
            timeout=480, code=None,
        )  # fmt: skip


def leads(office: Office, server: str) -> bool:
    """Whether its engine manages a swarm that has a leader."""
    said = on(office, server, "docker", "info", "--format", "{{json .Swarm}}", check=False)
    try:
        swarm = json.loads(said)
    except ValueError:
        return False
    return bool(swarm.get("ControlAvailable") and swarm.get("Cluster") and not swarm.get("Error"))


def then_all_that_can_runs(office: Office, seen: Snapshot, *, lost: tuple[str, ...]) -> None:
    """Each service has all its tasks, none of them on a lost server; names and ways answer."""
    steps.then_nothing_is_duplicated(seen)
    running = live.running(seen)
    for service in live.fleet_of(office).swarm_services():
        places = running[service.swarm_name]
        assert not set(places) & set(lost), (service.swarm_name, places)
        if service.mode.value == "replicated":
            assert len(places) == service.replicas, (service.swarm_name, places)


def then_managers_are(office: Office, *names: str) -> Snapshot:
    def holds(seen: Snapshot) -> bool:
        managers = [n for n in seen.nodes if n.role == "manager"]
        return (
            sorted(n.hostname for n in managers) == sorted(names)
            and all(n.ready and n.reached for n in managers)
        )  # fmt: skip

    return live.wait_until(office, holds, within=60)[0]


@pytest.mark.drill
def test_two_of_three_managers_are_gone_and_come_back(shop: Office) -> None:
    before = steps.given_deployed(shop)
    with whole_again(shop):
        power(shop, "power-off", *LOST)
        shown = recover(shop, "--dry-run")["operation"]
        assert shown["facts"]["way"] == "force" and shown["facts"]["survivor"] == LEFT
        started = time.monotonic()
        said = recover(shop, "--yes")
        seconds = time.monotonic() - started
        verified = said["facts"]["verified"]
        figures.told("recover quorum", RTO=seconds)
        print(verified)
        print({one["step"]: one["seconds"] for one in said["entries"]})
        assert verified["waiting"] == {} and not verified["names"] and not verified["mute"]
        assert verified["crossed"] > 0
        after = live.snapshot(shop)
        then_all_that_can_runs(shop, after, lost=LOST)
        assert {s.name for s in after.services} == {s.name for s in before.services}
        assert seconds <= TARGET_SECONDS

        # Both at once: together they had a majority of the swarm that was.
        power(shop, "power-on", *LOST)
        apart = watched(shop)
        print(f"returned, and in a swarm of their own: {apart or 'none'}")
        print(on(shop, LEFT, "docker", "node", "ls"))
        assert not apart and leads(shop, LEFT)
        again = recover(shop, "--yes")
        # They find into the new cluster by themselves, or are made to join anew.
        print(f"back in {again.get('seconds')} s: {again.get('facts', 'by themselves')}")
        then_managers_are(shop, "one", "two", "three")
        assert all(leads(shop, server) for server in ("one", "two", "three"))
        assert recover(shop, "--dry-run")["operation"] is None
        steps.up(shop)
        steps.then_all_at_home(shop)


def watched(shop: Office) -> dict[str, list[str]]:
    """What each returned manager that leads a swarm lists as managers, where the survivor is none.

    Seen every second, for a while.
    """
    deadline = time.monotonic() + WATCHED_SECONDS
    found: dict[str, list[str]] = {}
    while time.monotonic() < deadline:
        for server in LOST:
            if leads(shop, server):
                form = "{{.Hostname}}={{.ManagerStatus}}"
                said = on(shop, server, "docker", "node", "ls", "--format", form, check=False)
                if f"{LEFT}=Leader" not in said and f"{LEFT}=Reachable" not in said:
                    found[server] = said.split()
        time.sleep(1)
    return found


@pytest.mark.drill
def test_a_manager_whose_engine_is_stopped_is_started_and_nothing_is_forced(shop: Office) -> None:
    before = steps.given_deployed(shop)
    with whole_again(shop):
        power(shop, "power-off", "one")
        shop.quorate("lab", "stop-engine", "three", str(shop.fleet), timeout=120)
        said = recover(shop, "--yes")
        assert said["facts"]["way"] == "restart" and said["facts"]["restarted"] == ["three"]
        print(f"recovered in {said['seconds']} s")
        after = live.snapshot(shop)
        assert {n.id for n in after.nodes} == {n.id for n in before.nodes}
        then_all_that_can_runs(shop, after, lost=("one",))


@pytest.mark.drill
def test_nothing_is_forced_beside_a_manager_that_lives_unseen(shop: Office) -> None:
    """Its sshd does not answer here, its engine is up: it is in the way of a new cluster."""
    steps.given_deployed(shop)
    with whole_again(shop):
        power(shop, "power-off", "one")
        shop.quorate("lab", "stop-engine", "three", str(shop.fleet), timeout=120)
        on(shop, "three", "chmod", "000", "/usr/sbin/sshd")
        try:
            said = recover(shop, "--yes", code=8)
        finally:
            on(shop, "three", "chmod", "755", "/usr/sbin/sshd")
        assert "is alive" in said["what"]
