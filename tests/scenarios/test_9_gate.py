"""Drills on the gate: a website behind HAProxy, and servers with disks of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quorate.lab.nodes import execute
from tests.scenarios import live, steps
from tests.scenarios.test_9_drill import drill, then_nothing_is_left, write

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

pytestmark = pytest.mark.drill

PATIENCE = 3.0
"""The longest that a client of the website may wait, whatever is lost."""


def given_deployed(gate: Office) -> None:
    steps.up(gate)
    steps.then_all_at_home(gate)


def gaps(run: Any, service: str) -> list[Any]:
    """What probes of a service saw, at each vantage point."""
    found = [each for each in run["probes"] if each["service"] == service]
    assert len({each["vantage"] for each in found}) == 2
    return found


@pytest.mark.parametrize("kind", ["power-off", "freeze", "partition"])
def test_a_client_of_a_server_that_stays_hardly_notices(gate: Office, kind: str) -> None:
    """The router beside it gives it another replica; without one it waits until Swarm notices."""
    given_deployed(gate)
    file = write(
        gate, f"site-{kind}", f"target: {{server: four}}\nfault: {{kind: {kind}, duration: 40s}}\n"
    )
    (run,) = drill(gate, file, code=None)["runs"]
    print(kind, run["resilience"], run["why"], gaps(run, "router"), gaps(run, "web"))
    for each in gaps(run, "router"):
        assert each["longest"] is not None
        assert each["longest"] <= PATIENCE
    # Who asks the replicas by name has one in three of a server that is gone, for longer.
    assert max(each["total_bad"] for each in gaps(run, "web")) > 0
    if kind != "freeze":  # the kernel of a frozen server still takes calls
        assert max(each["misnamed"] for each in gaps(run, "web")) > PATIENCE
    (store,) = run["writes"]
    assert (store["service"], store["lost"]) == ("store", 0)
    then_nothing_is_left(gate)


def test_a_full_disk_stops_nothing_that_runs(gate: Office) -> None:
    """Swarm does not notice, nor do those who ask; afterwards there is room again."""
    given_deployed(gate)
    file = write(gate, "full", "target: {server: four}\nfault: {kind: disk-full, duration: 30s}\n")
    (run,) = drill(gate, file)["runs"]
    print(run["resilience"], run["why"])
    assert run["noticed"] is None
    assert (run["agreement"], run["prediction"]) == ("none", None)
    assert all(each["failed"] <= 0.05 * each["sent"] for each in run["probes"])
    then_nothing_is_left(gate)
    free = execute(live.lab_of(gate), "four", "df", "--output=avail", "-BM", "/var/lib/docker")
    assert int(free.split()[-1].removesuffix("M")) > 1000


@pytest.mark.parametrize(("ports", "noticed"), [("2377, 7946", True), ("6379", False)])
def test_a_partition_by_port(gate: Office, ports: str, noticed: bool) -> None:
    given_deployed(gate)
    file = write(
        gate,
        "ports",
        f"target: {{server: four}}\nfault: {{kind: partition, ports: [{ports}], duration: 25s}}\n",
    )
    (run,) = drill(gate, file, code=None)["runs"]
    print(ports, run["resilience"], run["noticed"], run["why"])
    assert (run["noticed"] is not None) is noticed
    assert run["misled"] == []
    then_nothing_is_left(gate)


def test_packets_that_are_lost_are_sent_again(gate: Office) -> None:
    given_deployed(gate)
    file = write(
        gate,
        "lossy",
        "target: {server: four}\nfault: {kind: packet-loss, loss: 5%, duration: 25s}\n",
    )
    (run,) = drill(gate, file, code=None)["runs"]
    print(run["resilience"], run["noticed"], run["why"], run["probes"])
    assert run["began"] != ""
    assert run["noticed"] is None
    assert sum(each["ok"] for each in run["probes"]) > 0
    then_nothing_is_left(gate)


def test_a_disk_of_the_machine_is_not_filled(shop: Office) -> None:
    """The shop's nodes have none of their own."""
    steps.given_deployed(shop)
    file = write(shop, "full", "target: {server: four}\nfault: {kind: disk-full, duration: 20s}\n")
    command = ("drill", "run", file, "--fleet", str(shop.fleet), "--lab", "--yes")
    done = shop.quorate(*command, code=9, timeout=120)
    assert "the disk of four cannot be filled" in done.stderr
    then_nothing_is_left(shop)


def test_a_database_on_a_full_disk_keeps_what_it_acknowledged(gate: Office) -> None:
    """The engine may hang afterwards (26.1.5): the new task is accepted and never starts."""
    given_deployed(gate)
    file = write(gate, "dry", "target: {service: store}\nfault: {kind: disk-full, duration: 30s}\n")
    (run,) = drill(gate, file, code=None)["runs"]
    (store,) = run["writes"]
    print(run["resilience"], run["why"], store)
    assert store["failed"] > 0
    if store["lost"] is None:
        assert run["left_behind"] == ["what a drill wrote to store"]
        for order in (("drop", "KILL"), ("settle",), ("start",)):
            execute(live.lab_of(gate), "three", "/lab/engine", *order)
        steps.up(gate)
        gate.quorate("drill", "undo", str(gate.fleet), timeout=180)
    else:
        assert store["lost"] == 0
    then_nothing_is_left(gate)
    steps.up(gate)
