"""A server is drained, taken back, and its engine upgraded, while a website is asked all the time.

The website has three replicas behind a router on every server (`fleets/gate`); requests go to the
router of a server that stays.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from quorate.lab.nodes import execute
from quorate.recover.maintenance import specs
from tests.scenarios import figures, live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

REFUSED, LOCKED, KILLED = 8, 7, -9
RESTART = "/lab/engine stop && /lab/engine start"
"""What stands for an upgrade: the engine ends, and is there again."""

ASK = """
while read -t 0.05 _ || [ $? -gt 128 ]; do
    began=$EPOCHREALTIME
    curl -s -o /dev/null -m 3 -w "%{http_code} %{time_total} $began %{errormsg}\\n" \\
        http://127.0.0.1PATH || true
done
"""
"""Some ten requests a second, until its input ends."""
ALONE = {"page": "    volumes: []\n", "lone": "    volumes: [scratch:/var/cache/nginx]\n"}
"""Services of one replica. Two tasks on one volume may not run at once: the old one stops first."""

SINGLE = """
  {name}:
    image: nginx:1.27
    networks: [backend]
{volumes}    configs:
      - {{source: page, target: /usr/share/nginx/html/index.html}}
    healthcheck:
      <<: *quick
      test: ["CMD", "curl", "-sf", "-o", "/dev/null", "http://127.0.0.1/"]
    deploy:
      restart_policy: *at_once
      resources: *small
    x-quorate: {{state: cache, pin: [four, one]}}
"""
BACKEND = """
backend {name}
  option httpchk GET /
  http-request set-path /
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1
  server-template {name} 2 tasks.{name}:80 check resolvers docker init-addr none
"""
PAGE_GAP_SECONDS, LONE_GAP_SECONDS = 3.0, 15.0
"""What a client of one replica may miss."""


@dataclass
class Load:
    """What became of the requests: code, seconds and begin of each, and what curl said."""

    lines: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        return [line for line in self.lines if not line.startswith("200 ")]

    @property
    def slowest(self) -> float:
        return max(float(line.split()[1]) for line in self.lines)

    @property
    def gap(self) -> float:
        """The longest time between two good answers; none fails where that is a request's own."""
        good = [line.split()[1:3] for line in self.lines if line.startswith("200 ")]
        ends = [float(seconds) + float(began) for seconds, began in good]
        return max(later - sooner for sooner, later in pairwise(ends))


@contextmanager
def asked(office: Office, server: str, path: str = "/") -> Iterator[Load]:
    """The website is asked during the block, by way of one server's router."""
    lab = live.lab_of(office)
    argv = ["docker", "-H", f"unix://{lab.engine_socket}", "exec", "-i"]
    argv += [lab.node(server).container, "bash", "-c", ASK.replace("PATH", path)]
    load = Load()
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as client:
        try:
            yield load
        finally:
            load.lines += client.communicate(timeout=30)[0].splitlines()
    assert len(load.lines) > 20


def given_deployed(office: Office) -> None:
    steps.up(office)
    steps.then_all_at_home(office)


def act(office: Office, verb: str, *arguments: str, code: int = 0) -> Any:
    """A verb on the lab, to its end; its JSON."""
    fleet = ("--fleet", str(office.fleet), "--lab", "--yes")
    return office.json(verb, *arguments, *fleet, timeout=480, code=code)


def node(office: Office, server: str) -> Any:
    return next(one for one in live.snapshot(office).nodes if one.hostname == server)


def then_nothing_is_marked(office: Office) -> None:
    """No service is steered or stopped any more."""
    for one in live.snapshot(office).services:
        assert specs.STEERED not in one.labels and specs.STOPPED_FOR not in one.labels, one.name


def then_no_request_failed(load: Load) -> None:
    print(f"{len(load.lines)} requests, slowest {load.slowest:.2f} s, failed: {load.failed}")
    assert load.failed == []


def shown(journal: Any) -> dict[str, float]:
    """Step → the seconds it took; printed."""
    took = {one["step"]: one["seconds"] for one in journal["entries"]}
    print(journal["operation"]["kind"], took, "gaps:", journal["facts"].get("gaps"))
    return took


def test_a_worker_is_drained_and_taken_back_under_load(gate: Office) -> None:
    given_deployed(gate)
    with asked(gate, "one") as load:
        down = act(gate, "drain", "four")
        shown(down)
        seen = live.snapshot(gate)
        assert "four" not in [place for where in live.running(seen).values() for place in where]
        assert len(live.running(seen)["gate_web"]) == 3
        assert node(gate, "four").availability == "drain"
        shown(act(gate, "undrain", "four"))
    then_no_request_failed(load)
    assert down["facts"]["gaps"] == {"gate_web": 0.0}
    steps.then_all_at_home(gate)
    then_nothing_is_marked(gate)


@pytest.mark.drill
def test_the_leader_hands_over_and_is_a_manager_again(gate: Office) -> None:
    given_deployed(gate)
    leader = next(one.hostname for one in live.snapshot(gate).nodes if one.leader)
    options = ("--stop-pinned", "--unproven") if leader == "three" else ()
    with asked(gate, "four") as load:
        shown(act(gate, "drain", leader, *options))
        assert node(gate, leader).role == "worker"
        assert any(one.leader and one.hostname != leader for one in live.snapshot(gate).nodes)
        steps.up(gate)
        assert node(gate, leader).role == "worker", "`up` leaves it for later"
        shown(act(gate, "undrain", leader))
    then_no_request_failed(load)
    assert node(gate, leader).role == "manager"
    steps.then_all_at_home(gate)
    then_nothing_is_marked(gate)


@pytest.mark.drill
def test_data_that_lives_only_there_is_not_stopped_unasked(gate: Office) -> None:
    """It stops when it is agreed to, comes back with what it had, and the drain is undone."""
    given_deployed(gate)
    refused = gate.quorate(
        *("drain", "three", "--fleet", str(gate.fleet), "--lab", "--yes"), code=REFUSED
    )
    assert "data_store" in refused.stderr and "--stop-pinned" in refused.stderr
    refused = gate.quorate(
        *("drain", "three", "--stop-pinned", "--fleet", str(gate.fleet), "--lab", "--yes"),
        code=REFUSED,
    )
    assert "no proven backup of data_store" in refused.stderr
    assert node(gate, "three").availability == "active"
    redis(gate, "SET", "kept", "yes")
    with asked(gate, "four") as load:
        shown(act(gate, "drain", "three", "--stop-pinned", "--unproven"))
        assert live.running(live.snapshot(gate))["data_store"] == ()
        shown(act(gate, "operations", "undo", last(gate)))
    then_no_request_failed(load)
    steps.then_all_at_home(gate)
    then_nothing_is_marked(gate)
    assert redis(gate, "GET", "kept") == "yes"


def last(office: Office) -> str:
    listed = office.json("operations", "list", "--fleet", str(office.fleet), "--lab")
    return str(listed["operations"][-1]["id"])


def redis(office: Office, *words: str) -> str:
    said = office.quorate(
        *("exec", "--fleet", str(office.fleet), "--lab", "store", "--", "redis-cli", *words)
    )
    return said.stdout.strip()


@pytest.mark.drill
@pytest.mark.timeout(1500)
def test_a_drain_that_is_killed_at_any_step_is_gone_on_with_or_undone(gate: Office) -> None:
    given_deployed(gate)
    verb = ("--fleet", str(gate.fleet), "--lab", "--yes", "--stop-pinned", "--unproven")
    dry = gate.json("drain", "three", *verb, "--dry-run")
    for number, step in enumerate(dry["steps"], start=1):
        with asked(gate, "four") as load:
            process = gate.start("drain", "three", *verb)
            steps.when_it_says(process, f"step {number} of {len(dry['steps'])}")
            process.kill()
            assert steps.its_end(process)[0] == KILLED
            on = ("operations", "resume") if number % 2 else ("operations", "undo")
            journal = act(gate, *on)
            print(step["id"], on[1], journal["state"])
            if number % 2:
                assert node(gate, "three").availability == "drain"
                act(gate, "undrain", "three")
        then_no_request_failed(load)
        steps.then_all_at_home(gate)
        then_nothing_is_marked(gate)


@pytest.mark.drill
@pytest.mark.timeout(1500)
def test_engines_are_upgraded_one_after_the_other(gate: Office) -> None:
    given_deployed(gate)
    before = {name: started(gate, name) for name in ("two", "four")}
    with asked(gate, "one") as load:
        journal = act(gate, "upgrade-engines", "two", "four", "--run", RESTART)
        shown(journal)
    then_no_request_failed(load)
    done = [one["step"] for one in journal["entries"]]
    assert done.index("engine-four") < done.index("engine-two"), "the worker first"
    assert all(started(gate, name) != before[name] for name in before)
    steps.then_all_at_home(gate)
    then_nothing_is_marked(gate)


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_an_upgrade_that_fails_stops_there_and_is_undone(gate: Office) -> None:
    given_deployed(gate)
    failed = gate.quorate(
        *("upgrade-engines", "--run", "echo no such package >&2; exit 3"),
        *("--fleet", str(gate.fleet), "--lab", "--yes", "--stop-pinned", "--unproven"),
        code=6,
        timeout=480,
    )
    assert "no such package" in failed.stderr
    assert node(gate, "four").availability == "drain", "the worker is the first, and the last"
    act(gate, "operations", "undo")
    steps.then_all_at_home(gate)


def started(office: Office, server: str) -> str:
    """When a server's engine was started, in ticks of its machine."""
    ask = "cut -d' ' -f22 /proc/$(cat /run/docker.pid)/stat"
    return execute(live.lab_of(office), server, "sh", "-c", ask)


@contextmanager
def with_single_services(office: Office) -> Iterator[None]:
    """The website has two services of one replica besides, at home on the worker meanwhile."""
    compose, haproxy = (office.fleet.parent / name for name in ("gate.yaml", "haproxy.cfg"))
    texts = {file: file.read_text() for file in (compose, haproxy)}
    services, routes, backends = "", "", ""
    for name, volumes in ALONE.items():
        services += SINGLE.format(name=name, volumes=volumes)
        routes += f"  use_backend {name} if {{ path /{name} }}\n"
        backends += BACKEND.format(name=name)
    made = texts[compose].replace("\nnetworks:\n", f"\n{services}\nnetworks:\n", 1)
    compose.write_text(f"{made}\nvolumes:\n  scratch: {{}}\n")
    wanted = "  default_backend web\n"
    haproxy.write_text(texts[haproxy].replace(wanted, routes + wanted, 1) + backends)
    try:
        yield
    finally:
        for file, text in texts.items():
            file.write_text(text)
        steps.up(office)


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_services_that_went_elsewhere_come_home_under_load(gate: Office) -> None:
    """The worker loses its power; when it is back, nothing is on it until they are called home."""
    with with_single_services(gate):
        given_deployed(gate)
        moved = {"gate_web": 3, "gate_page": 1, "gate_lone": 1}
        assert all("four" in steps.planned_homes(gate)[name] for name in moved)
        with steps.without_power(gate, "four"):
            steps.then_they_run_elsewhere(gate, moved, lost="four", within=90)
        seen, _ = live.wait_until(
            gate, lambda seen: "four" in live.running(seen)["gate_router"], within=60
        )
        assert not [name for name in moved if "four" in live.running(seen)[name]]
        with (
            asked(gate, "one") as load,
            asked(gate, "one", "/page") as page,
            asked(gate, "one", "/lone") as lone,
        ):
            journal = act(gate, "rebalance")
            shown(journal)
        assert journal["state"] == "done" and journal["entries"]
        then_no_request_failed(load)
        for name, seen_of in (("page", page), ("lone", lone)):
            print(f"{name}: {len(seen_of.failed)} of {len(seen_of.lines)} requests failed")
        figures.told("rebalance, one replica, side by side", gap=page.gap)
        figures.told("rebalance, one replica, one after the other", gap=lone.gap)
        assert page.gap <= PAGE_GAP_SECONDS and lone.gap <= LONE_GAP_SECONDS
        steps.then_all_at_home(gate)
        then_nothing_is_marked(gate)
        assert act(gate, "rebalance")["steps"] == []


@pytest.mark.drill
def test_services_of_one_replica_move_and_their_gaps_are_said(shop: Office) -> None:
    steps.given_deployed(shop)
    down = act(shop, "drain", "four", "--stop-pinned", "--unproven")
    shown(down)
    gaps = down["facts"]["gaps"]
    assert gaps["data_worker"] == 0.0, "two of it may run side by side"
    assert gaps["shop_mailer"] == 0.0
    seen = live.running(live.snapshot(shop))
    assert seen["data_worker"] == ("one",) and seen["data_files"] == ()
    shown(act(shop, "undrain", "four"))
    steps.then_all_at_home(shop)
    then_nothing_is_marked(shop)
    assert act(shop, "rebalance")["steps"] == []


@pytest.mark.drill
@pytest.mark.timeout(480)
def test_nothing_else_changes_the_fleet_while_a_drain_is_not_over(shop: Office) -> None:
    """Killed in the middle; `up`, `down` and `rollback` would undo half of it."""
    steps.given_deployed(shop)
    verb = ("--fleet", str(shop.fleet), "--lab", "--yes", "--stop-pinned", "--unproven")
    process = shop.start("drain", "four", *verb)
    steps.when_it_says(process, "step 2 of")
    process.kill()
    assert steps.its_end(process)[0] == KILLED
    fleet = str(shop.fleet)
    for command in (
        ("up", fleet, "--lab", "--yes"),
        ("down", fleet, "--lab", "--yes"),
        ("rollback", "--fleet", fleet, "--lab", "--yes"),
    ):
        refused = shop.quorate(*command, code=LOCKED, timeout=120)
        assert "drain four" in refused.stderr and "operations resume" in refused.stderr
    assert shop.quorate("up", fleet, "--lab", "--dry-run", timeout=120).returncode == 0
    act(shop, "operations", "undo")
    steps.then_all_at_home(shop)
    then_nothing_is_marked(shop)
    steps.up(shop)
