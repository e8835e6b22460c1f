"""A real Prometheus, which scrapes stand-ins for cAdvisor or holds a week that they made."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real_prometheus import Programs, find_programs, free_port, started

CADVISOR = Path(__file__).parents[2] / "fakes" / "cadvisor.py"
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


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return find_programs(tmp_path_factory.mktemp("prometheus"))


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
    with started(programs, place, config) as url:
        yield url


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
