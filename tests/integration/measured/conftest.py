"""A real Prometheus, which scrapes stand-ins for cAdvisor or holds a week that they made."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CADVISOR = Path(__file__).parents[2] / "fakes" / "cadvisor.py"
START_SECONDS = 30.0
MIB = 2**20

SWARM = "com_docker_swarm_service_name"
PROJECT = "com_docker_compose_project"
COMPOSE = "com_docker_compose_service"


def container(name: str, service: str, memory: Any, cpu: float, instance: str) -> dict[str, Any]:
    """A container that stands-ins for cAdvisor tell of; `project/service` is compose's."""
    project, slash, inner = service.partition("/")
    labels = {PROJECT: project, COMPOSE: inner} if slash else {SWARM: service}
    return {
        "name": name, "labels": labels, "memory": memory, "cpu": cpu, "instance": instance
    }  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where Prometheus and its tool are."""

    prometheus: Path
    promtool: Path


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Prometheus as installed, else from Debian's package, unpacked for these tests only."""
    found = {name: shutil.which(name) for name in ("prometheus", "promtool")}
    if all(found.values()):
        return Programs(**{name: Path(str(path)) for name, path in found.items()})
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("needs Prometheus, and here is no apt-get to download it with")
    place = tmp_path_factory.mktemp("prometheus")
    done = _download(place)
    if done.returncode != 0:  # the lists are missing on a fresh machine
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        done = _download(place)
    assert done.returncode == 0, done.stderr
    (package,) = place.glob("prometheus_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(place)], check=True)
    return Programs(prometheus=place / "usr/bin/prometheus", promtool=place / "usr/bin/promtool")


def _download(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "download", "prometheus"], cwd=place, capture_output=True, text=True
    )


@contextlib.contextmanager
def exporters(place: Path, containers: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, int]]:
    """A stand-in for cAdvisor per server; server → its port."""
    ports, running = {}, []
    try:
        for server, those in containers.items():
            file = place / f"{server}.json"
            file.write_text(json.dumps(those))
            ports[server] = free_port()
            argv = [sys.executable, str(CADVISOR), str(ports[server]), str(file)]
            running.append(subprocess.Popen(argv, stdout=subprocess.PIPE))
        for process in running:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        yield ports
    finally:
        for process in running:
            process.terminate()
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()


@contextlib.contextmanager
def prometheus(programs: Programs, place: Path, targets: dict[str, int]) -> Iterator[str]:
    """A Prometheus that scrapes these targets twice a second; its URL."""
    jobs = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": f"{server}:8080"}}
        for server, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": [{"job_name": "cadvisor", "static_configs": jobs}],
    }
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


def backfill(
    programs: Programs, place: Path, containers: list[dict[str, Any]], times: list[float]
) -> None:
    """Write a time that is past into a Prometheus' data, before it is started."""
    file = place / "all.json"
    file.write_text(json.dumps(containers))
    with (place / "history").open("w") as out:
        argv = [sys.executable, str(CADVISOR), "backfill", *map(str, times), str(file)]
        subprocess.run(argv, stdout=out, check=True)
    (place / "data").mkdir()
    subprocess.run(
        [
            *(str(programs.promtool), "tsdb", "create-blocks-from", "openmetrics"),
            *("--max-block-duration=192h", str(place / "history"), str(place / "data")),
        ],
        check=True,
        capture_output=True,
    )
