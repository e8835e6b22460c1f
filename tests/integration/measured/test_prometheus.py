"""`quorate measure` against a real Prometheus: a week of known figures, and series just scraped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.measured.conftest import (
    MIB,
    backfill,
    container,
    exporters,
    prometheus,
)
from tests.real_prometheus import Programs

QUORATE = Path(sys.executable).with_name("quorate")
FAKE_SSH = Path(__file__).parents[2] / "fakes" / "ssh"

FLEET = """\
version: 1
name: shop
servers:
  one: {address: 192.0.2.1, role: manager, cpus: 4, memory: 8G}
  two: {address: 192.0.2.2, cpus: 4, memory: 8G, speed: 2.0}
stacks:
  shop: {files: [shop.yaml]}
  mail: {files: [mail.yaml], engine: compose, server: two}
"""
SHOP = """\
services:
  web:
    image: nginx
    deploy:
      replicas: 2
      resources: {reservations: {memory: 32M, cpus: "0.1"}}
  db: {image: redis}
  idle: {image: nginx}
"""
MAIL = "services: {smtp: {image: postfix}}\n"
WEEK = 7 * 86400
STEP = 300
# One hour in ten at 400 MiB, the rest at 100: p50 100, p95 and peak 400.
BUSY = [100 * MIB] * 108 + [400 * MIB] * 12
CONTAINERS = [
    container("shop_web.1.a", "shop_web", 50 * MIB, 0.5, "one:8080"),
    container("shop_web.2.b", "shop_web", 30 * MIB, 0.25, "192.0.2.2:8080"),
    container("shop_db.1.c", "shop_db", BUSY, 0.125, "two"),
    container("mail-smtp-1", "mail/smtp", 64 * MIB, 0.0, "two"),
    container("other_thing.1.d", "other_thing", 7 * MIB, 1.0, "one:8080"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, text in (("fleet.yaml", FLEET), ("shop.yaml", SHOP), ("mail.yaml", MAIL)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def week(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus with a week of these containers until now."""
    place = tmp_path_factory.mktemp("week")
    end = time.time()
    backfill(programs, place, CONTAINERS, [end - WEEK - STEP, end, STEP / 5])
    with prometheus(programs, place, {}) as url:
        yield url


def quorate(
    home: Path, *arguments: str, code: int = 0, environment: dict[str, str] | None = None
) -> Any:
    """Run a verb with --json; what it printed."""
    done = subprocess.run(
        [str(QUORATE), *arguments, "--json"],
        cwd=home,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def figures(measurement: Any, service: str, signal: str, of: str) -> list[float]:
    found = measurement["services"][service][signal][of]
    return [round(found[name], 3) for name in ("p50", "p95", "peak")]


def test_a_week_of_known_figures(week: str, home: Path) -> None:
    printed = quorate(home, "measure", "--from", f"prometheus={week}")
    found = json.loads((home / "measured.json").read_text())
    assert found["interval"] == STEP
    assert found["services"]["web"]["memory"]["samples"] in (2015, 2016)
    assert figures(found, "web", "memory", "busiest") == [50 * MIB] * 3
    assert figures(found, "web", "memory", "mean") == [40 * MIB] * 3
    assert figures(found, "web", "memory", "total") == [80 * MIB] * 3
    assert figures(found, "web", "cpu", "busiest") == [0.5] * 3
    # The task on the faster server does as much work as the other: 0.25 threads at speed 2.
    assert figures(found, "web", "work", "mean") == [0.5] * 3
    assert found["services"]["web"]["servers"] == ["one", "two"]
    assert found["services"]["web"]["tasks"] == 2
    assert figures(found, "db", "memory", "busiest") == [100 * MIB, 400 * MIB, 400 * MIB]
    assert figures(found, "smtp", "memory", "busiest") == [64 * MIB] * 3
    assert found["unseen"] == ["idle"]
    assert found["strangers"] == ["other_thing"]
    assert printed["suggestions"]["db"]["reservation_memory"] == 464 * MIB
    assert printed["suggestions"]["web"]["reservation_cpus"] == 0.58
    assert "reservation_memory" not in [
        name for name, value in printed["suggestions"]["smtp"].items() if value is not None
    ]


def test_through_a_server_by_ssh(week: str, home: Path, tmp_path: Path) -> None:
    log = tmp_path / "ssh.log"
    environment = {"PATH": f"{FAKE_SSH}:{os.environ['PATH']}", "FAKE_SSH_LOG": str(log)}
    # Nothing of the address but its port is known here: the server's own loopback is meant.
    text = FLEET + f"measure: {{window: 1d, prometheus: {{url: '{week}', server: two}}}}\n"
    (home / "fleet.yaml").write_text(text)
    quorate(home, "measure", environment=environment)
    found = json.loads((home / "measured.json").read_text())
    assert found["source"]["where"] == f"{week} on two"
    assert figures(found, "web", "memory", "busiest") == [50 * MIB] * 3
    assert found["interval"] == 60
    (call,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert "192.0.2.2" in call


def test_what_was_measured_is_planned_and_written(week: str, home: Path) -> None:
    quorate(home, "measure", "--from", f"prometheus={week}", "--window", "2d")
    plan = quorate(home, "plan", "--measured", "measured.json")
    assert set(plan["measured"]["changed"]) == {"web", "db", "smtp"}
    assert plan["measured"]["left"] == {"idle": "not seen"}
    written = quorate(home, "suggest", "--write", "--yes")["written"]
    assert written == ["shop.measured.yaml", "mail.measured.yaml", "fleet.yaml"]
    after = quorate(home, "plan")
    assert after["servers"] == plan["measured"]["as_measured"]["servers"]
    assert quorate(home, "check")["status"] != "errors"


def test_other_labels_and_none_that_match(week: str, home: Path) -> None:
    error = quorate(home, "measure", "--from", f"prometheus={week}", "--window", "20m", code=0)
    assert error["rows"]
    for settings, what in (
        ("match: {job: none}", "none that names a service"),
        ("service_label: swarm_service, project_label: p", "none that names a service"),
        ("memory_metric: no_such_metric, cpu_metric: no_such", "has no no_such_metric"),
    ):
        prometheus = f"{{url: '{week}', {settings}}}"
        (home / "fleet.yaml").write_text(FLEET + f"measure: {{prometheus: {prometheus}}}\n")
        error = quorate(home, "measure", "--window", "1h", code=6)
        assert what in error["what"], error
        assert error["todo"]


def test_an_interval_shorter_than_two_scrapes(week: str, home: Path) -> None:
    arguments = ("--from", f"prometheus={week}", "--window", "1h", "--interval", "30s")
    printed = quorate(home, "measure", *arguments)
    web = next(row for row in printed["rows"] if row["service"] == "web")
    assert "no CPU figures" in web["flags"]


def test_another_fleet_s_prometheus(week: str, home: Path) -> None:
    (home / "fleet.yaml").write_text(FLEET.replace("  shop: {", "  store: {"))
    (home / "fleet.yaml").write_text(
        FLEET.replace("  shop: {", "  store: {").replace("  mail: {", "  post: {")
    )
    error = quorate(home, "measure", "--from", f"prometheus={week}", "--window", "1h", code=6)
    assert "nothing of shop was seen, only other services: mail/smtp, other_thing" in error["what"]


def test_prometheus_says_no_in_its_own_words(week: str, home: Path) -> None:
    where = f"{{url: '{week}', memory_metric: nan}}"
    (home / "fleet.yaml").write_text(FLEET + f"measure: {{prometheus: {where}}}\n")
    error = quorate(home, "measure", "--window", "1h", code=6)
    assert "refuses the question" in error["what"]
    assert "parse error" in error["cause"]


def test_series_that_were_just_scraped(programs: Programs, home: Path, tmp_path: Path) -> None:
    by_server = {"one": CONTAINERS[:1], "two": CONTAINERS[1:3]}
    with (
        exporters(tmp_path, by_server) as ports,
        prometheus(programs, tmp_path, ports) as url,
    ):
        _until_scraped(url, seconds=10)
        arguments = ("--from", f"prometheus={url}", "--window", "8s", "--interval", "2s")
        printed = quorate(home, "measure", *arguments)
    found = json.loads((home / "measured.json").read_text())
    assert figures(found, "web", "memory", "busiest") == [50 * MIB] * 3
    p50, _, peak = figures(found, "web", "cpu", "busiest")
    assert p50 == pytest.approx(0.5, rel=0.2)
    assert peak < 1.0
    assert found["services"]["web"]["servers"] == ["one", "two"]
    flags = {row["service"]: row["flags"] for row in printed["rows"]}
    assert {"few samples", "short window"} <= set(flags["web"])
    assert printed["suggestions"] == {}


def _until_scraped(url: str, *, seconds: int) -> None:
    query = urllib.parse.quote(f"count_over_time(up[{seconds}s])")
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/api/v1/query?query={query}") as answer:
            found = json.load(answer)["data"]["result"]
        if len(found) == 2 and all(int(one["value"][1]) >= 1.6 * seconds for one in found):
            return
        time.sleep(0.5)
    pytest.fail("Prometheus did not scrape")
