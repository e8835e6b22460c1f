"""A real Prometheus for tests, on this machine only."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.real_packages import programs

START_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where Prometheus and its tool are."""

    prometheus: Path
    promtool: Path


def find_programs(place: Path) -> Programs:
    """Prometheus as installed, else from Debian's package, unpacked into `place`."""
    prometheus, promtool = programs("prometheus", place, "prometheus", "promtool")
    return Programs(prometheus=prometheus, promtool=promtool)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    programs: Programs, place: Path, config: Mapping[str, Any], *options: str
) -> Iterator[str]:
    """A Prometheus with this configuration, its data in `place`; its URL."""
    (place / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        str(programs.prometheus),
        f"--config.file={place}/prometheus.yml",
        f"--storage.tsdb.path={place}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=60d",
        "--log.level=warn",
        *options,
    ]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=place)
        try:
            _wait(url, process, place / "log")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=2):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"Prometheus did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def firing(url: str) -> dict[str, list[dict[str, str]]]:
    """Alerts that fire now: name → their labels."""
    found: dict[str, list[dict[str, str]]] = {}
    for alert in get(url, "/api/v1/alerts")["alerts"]:
        if alert["state"] == "firing":
            found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
    return found


def get(url: str, path: str) -> Any:
    """What the API answers."""
    with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:
        return json.load(answer)["data"]
