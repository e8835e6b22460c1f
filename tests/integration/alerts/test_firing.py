"""From engines that say what a swarm's would to alerts of a real Prometheus, all the way.

Engines and ssh are played by programs; the loss of real servers is in tests/scenarios.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.alerts.serving import QUORATE, exporter
from tests.real_prometheus import Programs, firing, get, started

ENGINE = Path(__file__).parents[2] / "fakes/engine.py"
SECONDS = 60.0
QUIET_SECONDS = 10.0
FLEET = """\
version: 1
name: shop
servers:
  one: {address: one, role: manager, cpus: 4, memory: 8G}
  two: {address: two, role: manager, cpus: 4, memory: 8G}
  three: {address: three, role: manager, cpus: 4, memory: 8G}
  four: {address: four, cpus: 4, memory: 8G}
stacks:
  shop: {files: [shop.yaml]}
swarm: {heartbeat: 1s}
policy: {recovery_target: 3s}
"""
SHOP = """\
services:
  web: {image: nginx, deploy: {replicas: 2}}
"""
WELL: dict[str, Any] = {
    "managers": ["one", "two", "three"],
    "workers": ["four"],
    "leader": "one",
    "down": [],
    "services": {"shop_web": ["one", "four"]},
}

Fired = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The swarm that is played, and the Prometheus that watches it."""

    state: Path
    root: Path
    url: str

    def play(self, **changes: Any) -> None:
        """From now on the engines say this."""
        draft = self.state.with_suffix(".draft")
        draft.write_text(json.dumps({**WELL, "root": str(self.root), **changes}))
        draft.replace(self.state)

    def when(self, holds: Callable[[Fired], bool]) -> Fired:
        """What fires once that holds."""
        deadline = time.monotonic() + SECONDS
        while not holds(found := firing(self.url)):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def values(self, query: str) -> list[float]:
        found = get(self.url, f"/api/v1/query?query={query}")["result"]
        return sorted(float(each["value"][1]) for each in found)


@contextlib.contextmanager
def engines(sockets: Path, state: Path) -> Iterator[None]:
    argv = [sys.executable, str(ENGINE), str(sockets), str(state)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    with process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


@pytest.fixture
def watch(programs: Programs, tmp_path: Path) -> Iterator[Watch]:
    fleet, sockets, root = tmp_path / "fleet.yaml", tmp_path / "s", tmp_path / "root"
    (root / "swarm/raft").mkdir(parents=True)
    (root / "swarm/raft/log").write_bytes(b"x" * 10_000)
    sockets.mkdir()
    fleet.write_text(FLEET)
    (tmp_path / "shop.yaml").write_text(SHOP)
    rules = tmp_path / "rules.yml"
    subprocess.run([str(QUORATE), "rules", str(fleet), "-o", str(rules)], check=True)
    found = Watch(state=tmp_path / "state.json", root=root, url="")
    found.play()
    with (
        engines(sockets, found.state),
        exporter(fleet, tmp_path / "tmp", FAKE_SSH_SOCKETS=str(sockets)) as running,
    ):
        config = {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": "quorate", "static_configs": [{"targets": [running.target]}]}
            ],
        }
        with started(programs, tmp_path, config) as url:
            yield Watch(state=found.state, root=root, url=url)


def servers(found: Fired, alert: str) -> list[str]:
    return sorted(labels["server"] for labels in found.get(alert, ()))


@pytest.mark.slow
def test_what_engines_say_fires(watch: Watch) -> None:
    """Well, a worker lost, a manager lost, the quorum lost, well again."""
    deadline = time.monotonic() + SECONDS
    while len(watch.values("quorate_raft_bytes")) < 4:
        assert time.monotonic() < deadline, get(watch.url, "/api/v1/targets")
        time.sleep(0.2)
    time.sleep(QUIET_SECONDS)  # longer than any alert below waits for, but that of the quorum
    assert firing(watch.url) == {}
    assert watch.values("quorate_quorum_margin") == [1]
    assert min(watch.values("quorate_raft_bytes")) >= 10_000

    watch.play(down=["four"])
    found = watch.when(lambda fired: {"NodeDown", "ServiceDegraded"} <= fired.keys())
    assert servers(found, "NodeDown") == ["four"]
    assert found["ServiceDegraded"][0]["service"] == "web"
    assert not {"QuorumAtRisk", "ManagerUnreachable", "ServiceDown"} & found.keys()

    watch.play(down=["two"], leader="three")
    found = watch.when(lambda fired: {"QuorumAtRisk", "ManagerUnreachable"} <= fired.keys())
    assert servers(found, "ManagerUnreachable") == ["two"]
    found = watch.when(lambda fired: servers(fired, "NodeDown") == ["two"])
    assert not {"QuorumLost", "ServiceDegraded"} & found.keys()

    watch.play(down=["two", "three"], leader=None)
    found = watch.when(lambda fired: "QuorumLost" in fired)
    assert watch.values("quorate_managers_answering") == [1]
    assert watch.values("quorate_node_up") == []
    assert not {"QuorumAtRisk", "NodeDown", "QuorateNotObserving"} & found.keys()

    watch.play()
    watch.when(lambda fired: not fired)
