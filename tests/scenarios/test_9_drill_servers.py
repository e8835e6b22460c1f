"""Drills on the shop's nodes as if they were real servers: over ssh, undone by themselves.

Nodes have no systemd, so the undo is held by a detached shell; timers are not shown here.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from quorate.drill.ground_servers import ServersGround
from quorate.fleet.read import read_fleet
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

INVALID, MACHINE, LOCKED, REFUSED = 4, 6, 7, 8
SECONDS = 420.0
QUICK = (
    "steady: {window: 3s, availability: 80%}\nabort: {bystander_errors: 50%}\n"
    "probes: {per_second: 5, image: 'nginx:1.27'}\n"
)
"""As in the drills on a lab; every image of a lab has Python, its stand-ins need it."""


def as_servers(shop: Office) -> Path:
    """A fleet file of the lab's nodes as if they were servers of somebody's."""
    fleet = yaml.safe_load(shop.fleet.read_text())
    ways = json.loads(live.lab_of(shop).override.read_text())["servers"]
    for name, way in ways.items():
        fleet["servers"][name].update(way)
    path = shop.fleet.with_name("servers.yaml")
    path.write_text(yaml.safe_dump(fleet))
    return path


def write(shop: Office, name: str, text: str) -> str:
    """A drill file beside the fleet's."""
    path = shop.fleet.parent / f"{name}.yaml"
    path.write_text(f"drill: {name}\n{text}{QUICK}")
    return str(path)


def command(file: str, fleet: Path, *more: str) -> tuple[str, ...]:
    return ("drill", "run", file, "--fleet", str(fleet), "--yes", "--no-home", *more)


def left(fleet: Path) -> list[str]:
    return ServersGround(read_fleet(fleet)).leftovers()


def then_it_is_undone(fleet: Path, *, within: float) -> None:
    """Without anybody's help; what is left of the probes ends too."""
    deadline = time.monotonic() + within
    while found := left(fleet):
        assert time.monotonic() < deadline, found
        time.sleep(1)


def when_quorate_is_killed(shop: Office, file: str, fleet: Path) -> None:
    """SIGKILL in the middle of a drill."""
    running = shop.start(*command(file, fleet))
    said = steps.when_it_says(running, "broken; undone after", within=120)
    assert "by a detached shell (systemd is not its init)" in said
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    assert running.stderr is not None
    running.stderr.close()


def then_it_is_as_before(shop: Office) -> None:
    live.wait_until(shop, lambda seen: all(node.ready for node in seen.nodes), within=60)
    steps.up(shop)
    steps.then_all_at_home(shop)


@pytest.mark.drill  # the freeze below has the same lease, and takes less
def test_a_killed_partition_is_undone_by_the_server_itself(shop: Office) -> None:
    steps.given_deployed(shop)
    fleet = as_servers(shop)
    file = write(
        shop,
        "parted",
        "target: {role: worker}\nfault: {kind: partition, duration: 25s}\nundo: {lease: 30s}\n",
    )
    when_quorate_is_killed(shop, file, fleet)
    found = left(fleet)
    assert "the undo of the drill parted on four (held by a shell)" in found
    assert "packet rules on four" in found
    # Another one is kept out meanwhile.
    assert "under way" in shop.quorate(*command(file, fleet), code=MACHINE, timeout=120).stderr
    then_it_is_undone(fleet, within=60)
    then_it_is_as_before(shop)


def test_a_killed_freeze_of_a_service_is_undone_by_the_server_itself(shop: Office) -> None:
    before = steps.given_deployed(shop)
    fleet = as_servers(shop)
    file = write(
        shop,
        "frozen",
        "target: {service: cache}\nfault: {kind: freeze-service, duration: 25s}\n"
        "undo: {lease: 30s}\n",
    )
    when_quorate_is_killed(shop, file, fleet)
    assert any(text.startswith("the paused container shop_cache.1") for text in left(fleet))
    then_it_is_undone(fleet, within=60)
    # Swarm noticed nothing: the same task runs on.
    cache = before.service("shop_cache")
    assert cache is not None
    tasks = {task.id for task in before.running(cache)}
    assert {task.id for task in live.snapshot(shop).running(cache)} == tasks
    steps.then_all_at_home(shop)


def test_what_it_would_do_is_shown_and_what_is_grave_needs_a_word(shop: Office) -> None:
    steps.given_deployed(shop)
    fleet = as_servers(shop)
    parted = write(shop, "shown", "target: {role: worker}\nfault: {kind: partition}\n")
    intent = shop.json("drill", "run", parted, "--fleet", str(fleet), "--dry-run", timeout=120)
    assert intent["target"] == ["four"]
    assert [step["where"] for step in intent["steps"]] == ["four", "four", "four"]
    assert "table inet quorate_drill" in intent["steps"][1]["script"]
    assert intent["prediction"]["noticed"]["high"] > 0
    off = write(shop, "off", "target: {server: four}\nfault: {kind: power-off}\n")
    assert "power_on: COMMAND" in shop.quorate(*command(off, fleet), code=2).stderr
    with Path(off).open("a") as stream:
        stream.write("undo: {power_on: 'true'}\n")
    assert "--allow-power-off four" in shop.quorate(*command(off, fleet), code=REFUSED).stderr
    allowed = command(off, fleet, "--allow-power-off", "four")
    assert "no power of its own" in shop.quorate(*allowed, code=MACHINE).stderr
    stop = write(shop, "stop", "target: {server: four}\nfault: {kind: stop-engine}\n")
    assert "docker.service" in shop.quorate(*command(stop, fleet), code=MACHINE).stderr
    two = write(
        shop,
        "two",
        "target: {server: [two, three]}\nfault: {kind: partition}\n"
        "guards: {managers_after: any}\nundo: {power_on: 'true'}\n",
    )
    assert (
        "--allow-quorum-loss two,three" in shop.quorate(*command(two, fleet), code=REFUSED).stderr
    )
    image = write(shop, "image", "target: {server: four}\nfault: {kind: partition}\n")
    text = Path(image).read_text().replace("nginx:1.27", "no-such-image:1")
    Path(image).write_text(text)
    said = shop.quorate(*command(image, fleet), code=MACHINE, timeout=180).stderr
    assert "cannot have no-such-image:1" in said
    assert left(fleet) == []
    steps.then_all_at_home(shop)


@pytest.mark.drill
@pytest.mark.parametrize("one_way", [False, True])
def test_a_partition_to_its_end(shop: Office, one_way: bool) -> None:
    steps.given_deployed(shop)
    fleet = as_servers(shop)
    way = "one_way: true, " if one_way else ""
    file = write(
        shop,
        "whole",
        f"target: {{role: worker}}\nfault: {{kind: partition, {way}duration: 30s}}\n",
    )
    (run,) = told(shop, file, fleet)["runs"]
    assert run["noticed"] is not None
    services = {each["service"]: each for each in run["services"]}
    assert services["worker"]["went_to"] == ["one"]
    then_it_is_as_before(shop)


@pytest.mark.drill
def test_a_drained_server_takes_tasks_again(shop: Office) -> None:
    steps.given_deployed(shop)
    fleet = as_servers(shop)
    file = write(shop, "drained", "target: {role: worker}\nfault: {kind: drain, duration: 20s}\n")
    (run,) = told(shop, file, fleet)["runs"]
    assert run["noticed"] is None
    services = {each["service"]: each for each in run["services"]}
    assert services["worker"]["went_to"] == ["one"]
    assert "on one by" in run["held"]
    assert all(node.availability == "active" for node in live.snapshot(shop).nodes)
    then_it_is_as_before(shop)


@pytest.mark.drill
def test_stop_and_undo_find_the_servers(shop: Office) -> None:
    """`stop` ends one that is watched; `undo --all` clears up after one that was killed."""
    steps.given_deployed(shop)
    fleet = as_servers(shop)
    file = write(
        shop,
        "stopped",
        "target: {service: cache}\nfault: {kind: freeze-service, duration: 200s}\n",
    )
    running = shop.start(*command(file, fleet))
    steps.when_it_says(running, "broken; undone after", within=120)
    shop.quorate("drill", "stop", str(fleet), timeout=60)
    code, said = steps.its_end(running, within=SECONDS)
    assert code == INVALID, said
    assert left(fleet) == []
    when_quorate_is_killed(shop, file, fleet)
    done = shop.quorate("drill", "undo", "--all", timeout=120).stdout
    assert "undid the fault of a drill in the fleet's servers" in done
    then_it_is_undone(fleet, within=30)
    assert "nothing was left" in shop.quorate("drill", "undo", str(fleet), timeout=60).stdout
    steps.then_all_at_home(shop)


def told(shop: Office, file: str, fleet: Path) -> Any:
    """A drill that ends by itself: passed, undone by the drill, nothing left."""
    found = shop.json(*command(file, fleet), timeout=SECONDS)
    (run,) = found["runs"]
    print(run["phases"], run["why"], run["held"])
    assert (found["lab"], run["target"], run["resilience"]) == ("", ["four"], "passed")
    assert (run["undone_by"], run["left_behind"]) == ("the drill", [])
    assert "by a detached shell" in run["held"]
    assert left(fleet) == []
    return found
