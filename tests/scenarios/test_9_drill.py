"""Drills on the shop: each ends with a verdict, and nothing is left, whatever happens to it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quorate.drill.ground_lab import LabGround
from quorate.lab import keeper
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

LOCKED, INVALID = 7, 4
SECONDS = 420.0
QUICK = (
    "steady: {window: 3s, availability: 80%}\nabort: {bystander_errors: 50%}\n"
    "probes: {per_second: 5}\n"
)
"""Generous to a busy machine: these are about what a drill does, not about how well it goes."""


def write(shop: Office, name: str, text: str) -> str:
    """A drill file beside the fleet's."""
    path = shop.fleet.parent / f"{name}.yaml"
    path.write_text(f"drill: {name}\n{text}{QUICK}")
    return str(path)


def drill(shop: Office, file: str, *more: str, code: int | None = 0) -> Any:
    """Run a drill to its end; its report."""
    fleet = str(shop.fleet)
    return shop.json(
        "drill", "run", file, "--fleet", fleet, "--lab", "--yes", *more, timeout=SECONDS, code=code
    )


def leftovers(shop: Office) -> list[str]:
    return LabGround(live.lab_of(shop)).leftovers()


def then_nothing_is_left(shop: Office) -> None:
    assert leftovers(shop) == []


def then_it_is_undone(shop: Office, *, within: float) -> None:
    """Without anybody's help, but for what was written; what is left of the probes ends too."""
    deadline = time.monotonic() + within
    while left := [each for each in leftovers(shop) if "wrote" not in each]:
        assert time.monotonic() < deadline, left
        time.sleep(1)


def test_the_worker_loses_power(shop: Office, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    file = write(
        shop, "worker", "target: {role: worker}\nfault: {kind: power-off, duration: 40s}\n"
    )
    page, results = tmp_path / "drill.html", tmp_path / "drill.xml"
    found = drill(shop, file, "--html", str(page), "--junit", str(results))
    (run,) = found["runs"]
    print(run["phases"], run["why"])
    assert (run["target"], run["resilience"], run["undone_by"]) == (["four"], "passed", "the drill")
    assert run["left_behind"] == []
    services = {each["service"]: each for each in run["services"]}
    assert services["worker"]["went_to"] == ["one"]
    assert not services["files"]["may_move"]
    assert all(each["possible"] for each in services.values())
    # The one whose server is gone did not answer; what was not hit did, all the while.
    gaps = {(each["service"], each["vantage"]): each for each in run["probes"]}
    assert len({vantage for _, vantage in gaps}) == 2
    assert all(each["longest"] is None for (name, _), each in gaps.items() if name == "files")
    assert all(each["before"] >= 0.8 for each in gaps.values())
    assert "<svg" in page.read_text()
    assert "testsuite" in results.read_text()
    then_nothing_is_left(shop)
    steps.then_all_at_home(shop)


@pytest.mark.drill
def test_a_partition_one_way(shop: Office) -> None:
    """The others hear the target, and it hears nobody."""
    steps.given_deployed(shop)
    file = write(
        shop,
        "deaf",
        "target: {server: four}\nfault: {kind: partition, one_way: true, duration: 30s}\n",
    )
    (run,) = drill(shop, file)["runs"]
    print(run["phases"], run["why"])
    assert run["resilience"] == "passed"
    assert run["noticed"] is not None
    then_nothing_is_left(shop)


def test_a_pinned_database_is_away_and_loses_nothing(shop: Office) -> None:
    """What is kept is written to without being named; what was acknowledged is there afterwards."""
    steps.given_deployed(shop)
    file = write(shop, "kept", "target: {service: db}\nfault: {kind: power-off, duration: 30s}\n")
    (run,) = drill(shop, file, code=None)["runs"]
    print(run["resilience"], run["writes"], run["why"])
    (db,) = run["writes"]
    assert (db["service"], db["lost"], db["longest"]) == ("db", 0, None)
    assert db["acknowledged"] >= 20
    assert db["failed"] > 0
    assert not any("writes" in why for why in run["why"])
    then_nothing_is_left(shop)
    steps.then_all_at_home(shop)


@pytest.mark.drill
def test_a_cache_that_moves_has_lost_what_it_acknowledged(shop: Office) -> None:
    """A failure, as the drill names it as what must keep its writes."""
    steps.given_deployed(shop)
    file = write(
        shop, "empty", "target: {service: cache}\nfault: {kind: power-off, duration: 40s}\n"
    )
    text = Path(file).read_text().replace("probes: {", "probes: {writes: [cache], ")
    Path(file).write_text(text)
    found = drill(shop, file, code=INVALID)
    (run,) = found["runs"]
    print(run["resilience"], run["writes"], run["why"])
    assert run["resilience"] == "failed"
    (cache,) = run["writes"]
    assert 0 < cache["lost"] < cache["acknowledged"]
    assert (
        f"cache lost {cache['lost']} of {cache['acknowledged']} acknowledged writes" in run["why"]
    )
    # Its name led to the dead address for as long as Swarm had not noticed.
    gaps = [each for each in run["probes"] if each["service"] == "cache"]
    assert all(0 < each["misnamed"] <= each["longest"] for each in gaps)
    then_nothing_is_left(shop)
    Path(file).write_text(text.replace("abort: {", "abort: {lost_writes: any, "))
    (run,) = drill(shop, file, code=INVALID)["runs"]
    assert run["resilience"] == "aborted"
    assert any("cache has lost" in why for why in run["why"])
    steps.then_all_at_home(shop)


def test_a_quorum_is_not_lost_by_mistake(shop: Office) -> None:
    steps.given_deployed(shop)
    file = write(
        shop, "two", "target: {server: [two, three]}\nfault: {kind: power-off, duration: 20s}\n"
    )
    (run,) = drill(shop, file, code=INVALID)["runs"]
    assert run["resilience"] == "invalid"
    assert any("no quorum" in text for text in run["why"])
    assert run["began"] == ""
    then_nothing_is_left(shop)


def test_a_probe_that_nobody_answers_injects_nothing(shop: Office) -> None:
    """A service that does not answer before would prove nothing afterwards."""
    steps.given_deployed(shop)
    file = write(shop, "mute", "target: {server: four}\nfault: {kind: freeze, duration: 20s}\n")
    text = Path(file).read_text().replace("probes: {", "probes: {services: [worker], ")
    Path(file).write_text(text)
    command = ("drill", "run", file, "--fleet", str(shop.fleet), "--lab", "--yes")
    assert "nothing says where worker listens" in shop.quorate(*command, code=2).stderr
    data = shop.fleet.parent / "data.yaml"
    before = data.read_text()
    silent = 'command: ["sleep", "infinity"]\n'
    data.write_text(before.replace(silent, silent + '    expose: ["9999"]\n'))
    try:
        (run,) = drill(shop, file, code=INVALID)["runs"]
    finally:
        data.write_text(before)
    assert run["resilience"] == "invalid"
    assert any("worker answered 0% of probes" in text for text in run["why"])
    assert run["began"] == ""
    assert keeper.holder(live.lab_of(shop)) is None
    then_nothing_is_left(shop)


def test_a_killed_drill_is_undone_when_its_lease_ends(shop: Office) -> None:
    """SIGKILL in the middle; another drill meanwhile is refused; probes end by themselves."""
    steps.given_deployed(shop)
    file = write(
        shop,
        "killed",
        "target: {server: four}\nfault: {kind: freeze, duration: 25s}\nundo: {lease: 30s}\n",
    )
    running = shop.start("drill", "run", file, "--fleet", str(shop.fleet), "--lab", "--yes")
    steps.when_it_says(running, "broken; undone after", within=120)
    shop.quorate(
        *("drill", "run", file, "--fleet", str(shop.fleet), "--lab", "--yes"),
        code=LOCKED,
        timeout=120,
    )
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    assert running.stderr is not None
    running.stderr.close()
    assert leftovers(shop) != []
    then_it_is_undone(shop, within=60)
    assert leftovers(shop) == ["what a drill wrote to db"]
    said = shop.quorate("drill", "undo", str(shop.fleet), timeout=180).stdout
    assert "removed what a drill wrote to db" in said
    then_nothing_is_left(shop)
    live.wait_until(shop, lambda seen: all(node.ready for node in seen.nodes), within=60)
    steps.up(shop)
    steps.then_all_at_home(shop)


def test_stop_ends_a_drill_at_once(shop: Office) -> None:
    steps.given_deployed(shop)
    file = write(
        shop, "stopped", "target: {server: four}\nfault: {kind: power-off, duration: 120s}\n"
    )
    running = shop.start("drill", "run", file, "--fleet", str(shop.fleet), "--lab", "--yes")
    steps.when_it_says(running, "broken; undone after", within=120)
    shop.quorate("drill", "stop", str(shop.fleet), timeout=60)
    code, said = steps.its_end(running, within=SECONDS)
    assert code == INVALID, said
    then_nothing_is_left(shop)
    found = shop.json("drill", "history", "stopped", "--fleet", str(shop.fleet))
    assert found[-1]["runs"][0]["resilience"] == "aborted"
    steps.then_all_at_home(shop)


@pytest.mark.drill
@pytest.mark.parametrize("kind", ["power-off", "stop-engine", "kill-engine", "freeze", "partition"])
def test_every_fault_hits_the_leader(shop: Office, kind: str) -> None:
    steps.given_deployed(shop)
    file = write(
        shop,
        f"leader-{kind}",
        f"target: {{role: leader}}\nfault: {{kind: {kind}, duration: 90s}}\n",
    )
    found = drill(shop, file, code=None)
    (run,) = found["runs"]
    print(kind, run["resilience"], run["agreement"], run["phases"], run["why"])
    assert run["resilience"] in ("passed", "failed")
    assert run["left_behind"] == []
    then_nothing_is_left(shop)
    steps.then_all_at_home(shop)


@pytest.mark.drill
def test_two_managers_at_once(shop: Office) -> None:
    """What runs goes on; nothing is replaced; when they are back, everything is whole."""
    steps.given_deployed(shop)
    file = write(
        shop,
        "both",
        "target: {server: [two, three]}\nfault: {kind: power-off, duration: 30s}\n"
        "guards: {managers_after: any}\n",
    )
    (run,) = drill(shop, file, "--allow-quorum-loss", "two,three", code=None)["runs"]
    print(run["resilience"], run["why"])
    assert all(each["running"] is None for each in run["services"])
    assert run["noticed"] is None
    then_nothing_is_left(shop)
    steps.then_all_at_home(shop)
