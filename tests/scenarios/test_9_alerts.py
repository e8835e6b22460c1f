"""Failures on the shop, as a real Prometheus tells of them: what fires, how soon, until when."""

from __future__ import annotations

import contextlib
import re
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import real_prometheus
from tests.real_prometheus import Programs, firing, get
from tests.scenarios import live, steps

if TYPE_CHECKING:
    from tests.scenarios.conftest import Office

# Swarm notices within 7 s (heartbeat 2 s), the alert waits for 12; a look that hangs on the lost
# server takes 15 s. A lost quorum is noticed within 20 s, said within 18, waited for 30.
FIRES_SECONDS = 75.0
QUORUM_SECONDS = 150.0
ENDS_SECONDS = 60.0

Fired = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return real_prometheus.find_programs(tmp_path_factory.mktemp("programs"))


@contextlib.contextmanager
def watched(shop: Office, programs: Programs, place: Path) -> Iterator[str]:
    """A Prometheus that scrapes `quorate metrics` and has the shop's rules; its URL."""
    rules = place / "rules.yml"
    shop.quorate("rules", str(shop.fleet), "-o", str(rules))
    with served_metrics(shop) as target:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "quorate", "static_configs": [{"targets": [target]}]}],
        }
        with real_prometheus.started(programs, place, config) as url:
            yield url


@contextlib.contextmanager
def served_metrics(shop: Office) -> Iterator[str]:
    """`quorate metrics` of the lab, on this machine only; its host and port."""
    options = ("--listen", "127.0.0.1:0", "--every", "2s")
    process = shop.start("metrics", str(shop.fleet), "--lab", *options)
    with process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r"http://([\d.]+:\d+)/metrics", said)
            assert found, said
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read() if process.stderr else ""
            assert process.wait(timeout=60) == 0, rest
            assert "Traceback" not in rest


def when(url: str, holds: Callable[[Fired], bool], *, within: float) -> tuple[Fired, float]:
    """Look at what fires until the condition holds; what fires then, and the seconds it took."""
    started = time.monotonic()
    while True:
        found = firing(url)
        took = time.monotonic() - started
        if holds(found):
            return found, took
        assert took < within, f"after {within:.0f} s what fires is {found}"
        time.sleep(0.5)


def servers(found: Fired, alert: str) -> set[str]:
    return {labels.get("server", "") for labels in found.get(alert, ())}


def given_a_quiet_watch(url: str) -> None:
    """The whole fleet is seen, servers too, and nothing fires."""
    deadline = time.monotonic() + ENDS_SECONDS
    while len(ask(url, "quorate_disk_free_bytes")) < 4:
        assert time.monotonic() < deadline, get(url, "/api/v1/targets")
        time.sleep(0.5)
    when(url, lambda found: not found, within=ENDS_SECONDS)


def ask(url: str, query: str) -> list[Any]:
    """What a query gives now."""
    found: list[Any] = get(url, f"/api/v1/query?query={urllib.parse.quote(query)}")["result"]
    return found


def value(url: str, query: str) -> float:
    """The one value of a query."""
    (found,) = ask(url, query)
    return float(found["value"][1])


def test_a_lost_worker_and_a_lost_manager(shop: Office, programs: Programs, tmp_path: Path) -> None:
    steps.given_deployed(shop)
    with watched(shop, programs, tmp_path) as url:
        given_a_quiet_watch(url)
        assert value(url, "quorate_quorum_margin") == 1
        assert value(url, "min(quorate_raft_bytes)") > 0
        assert value(url, "min(quorate_certificate_expiry_timestamp_seconds - time())") > 86400

        with steps.without_power(shop, "four"):
            found, took = when(
                url, lambda found: servers(found, "NodeDown") == {"four"}, within=FIRES_SECONDS
            )
            print(f"NodeDown of the worker fires after {took:.1f} s")
            assert found["NodeDown"][0]["severity"] == "critical"
            assert not {"QuorumAtRisk", "QuorumLost", "NoManagerAnswers"} & set(found)
        _, took = when(url, lambda found: "NodeDown" not in found, within=ENDS_SECONDS)
        print(f"it ends {took:.1f} s after the power is back")

        lost = next(node.hostname for node in live.snapshot(shop).nodes
                    if node.role == "manager" and not node.leader)  # fmt: skip
        with steps.without_power(shop, lost):
            found, took = when(
                url,
                lambda found: {"QuorumAtRisk", "ManagerUnreachable", "NodeDown"} <= set(found),
                within=FIRES_SECONDS,
            )
            print(f"QuorumAtRisk fires {took:.1f} s after {lost} is lost")
            assert servers(found, "ManagerUnreachable") == servers(found, "NodeDown") == {lost}
            assert "QuorumLost" not in found
            assert value(url, "quorate_quorum_margin") == 0
        when(url, lambda found: "QuorumAtRisk" not in found, within=ENDS_SECONDS)


@pytest.mark.drill
def test_a_lost_quorum(shop: Office, programs: Programs, tmp_path: Path) -> None:
    """Nothing can be read from the manager that is left, and it is told all the same."""
    steps.given_deployed(shop)
    with watched(shop, programs, tmp_path) as url:
        given_a_quiet_watch(url)
        with steps.without_power(shop, "two"), steps.without_power(shop, "three"):
            found, took = when(url, lambda found: "QuorumLost" in found, within=QUORUM_SECONDS)
            print(f"QuorumLost fires after {took:.1f} s; then: {sorted(found)}")
            assert value(url, "quorate_observation_ok") == 0
            assert ask(url, "quorate_node_up") == []
        when(url, lambda found: "QuorumLost" not in found, within=QUORUM_SECONDS)
