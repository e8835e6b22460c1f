"""`quorate metrics --listen` as a process: scraped by a real Prometheus while no server answers."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from quorate.errors import MachineError
from quorate.tools.exposition import Board, Family
from tests.integration.alerts.serving import FAKE_SSH, QUORATE, SECONDS, exporter
from tests.real_prometheus import Programs, free_port, get, started

TINY = Path(__file__).parents[3] / "examples/tiny/fleet.yaml"
AT_ONCE = 2.0


def scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_what_is_on_the_board_is_served() -> None:
    board = Board()
    board.put([Family(name="a_b", help="It.", labels=("c",), samples=((("d",), 1.5),))])
    with board.served("127.0.0.1", 0) as port:
        assert scrape(f"http://127.0.0.1:{port}/metrics") == board.text()
        board.put([])
        assert scrape(f"http://127.0.0.1:{port}/metrics") == ""
        with (
            pytest.raises(MachineError, match="nothing can listen"),
            board.served("127.0.0.1", port),
        ):
            pass
    with pytest.raises(OSError):
        scrape(f"http://127.0.0.1:{port}/metrics")


def test_a_scrape_waits_for_no_server(tmp_path: Path) -> None:
    """All managers hang; it is answered at once, and SIGTERM leaves nothing behind."""
    with exporter(TINY, tmp_path / "tmp", FAKE_SSH_HANGS="1") as running:
        started_at = time.monotonic()
        said = scrape(running.url)
        assert time.monotonic() - started_at < AT_ONCE
        assert 'quorate_observation_ok{fleet="tiny"} 0.0' in said
        time.sleep(AT_ONCE)  # it now waits for the servers
        assert len(list((tmp_path / "tmp").iterdir())) == 3
    assert running.process.returncode == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_prometheus_takes_metrics_and_rules(programs: Programs, tmp_path: Path) -> None:
    """No manager answers: the alert that says so is on its way, and all rules are loaded."""
    rules = tmp_path / "rules.yml"
    subprocess.run([str(QUORATE), "rules", str(TINY), "-o", str(rules)], check=True)
    with exporter(TINY, tmp_path / "tmp", FAKE_SSH_SAYS="Connection refused") as running:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": "quorate", "static_configs": [{"targets": [running.target]}]}
            ],
        }
        with started(programs, tmp_path, config) as url:
            deadline = time.monotonic() + SECONDS
            while not (states := alerts(url)).keys() >= {"NoManagerAnswers", "ServerUnreachable"}:
                assert time.monotonic() < deadline, states
                time.sleep(0.2)
            health = {
                (rule["name"], rule["health"])
                for group in get(url, "/api/v1/rules")["groups"]
                for rule in group["rules"]
            }
        assert {state for name, state in health} <= {"ok", "unknown"}
        assert len(states["ServerUnreachable"]) == 3
        assert states["NoManagerAnswers"] == [{"fleet": "tiny", "severity": "critical"}]


def alerts(url: str) -> dict[str, list[dict[str, str]]]:
    """Alerts pending or firing: name → their labels, those of the scrape left out."""
    found: dict[str, list[dict[str, str]]] = {}
    for alert in get(url, "/api/v1/alerts")["alerts"]:
        labels = dict(alert["labels"])
        name = labels.pop("alertname")
        for key in ("instance", "job"):
            labels.pop(key, None)  # what is absent has none
        found.setdefault(name, []).append(labels)
    return found


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    board, port = Board(), free_port()
    with board.served("127.0.0.1", port):
        done = subprocess.run(
            [str(QUORATE), "metrics", str(TINY), "--listen", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 6
    assert f"nothing can listen on 127.0.0.1 port {port}" in done.stderr
    assert "what to do" in done.stderr and "Traceback" not in done.stderr


def test_the_text_is_one_that_prometheus_reads(programs: Programs, tmp_path: Path) -> None:
    """As the tool of Prometheus lints it; written whole for node_exporter."""
    path = tmp_path / "quorate.prom"
    environment = {"PATH": f"{FAKE_SSH}:{os.environ['PATH']}", "FAKE_SSH_SAYS": "refused"}
    subprocess.run(
        [str(QUORATE), "metrics", str(TINY), "-o", str(path)],
        env={**os.environ, **environment},
        check=True,
    )
    done = subprocess.run(
        [str(programs.promtool), "check", "metrics"],
        input=path.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
