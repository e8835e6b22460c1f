"""A swarm of one engine of our own, in a network namespace: nothing of the machine is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.errors import EngineError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

ADDRESS = "198.19.77.1"
START_SECONDS = 60.0

START = """
ip link set lo up
ip link add lab0 type bridge
ip addr add {address}/24 dev lab0
ip link set lab0 up
exec dockerd --data-root {root}/data --exec-root {root}/exec --pidfile {root}/pid \
  -H unix://{root}/s --cgroup-parent /quorate-test
"""


def _wait_for(socket: Path, process: subprocess.Popen[bytes], log: Path) -> DockerClient:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return docker.connect_socket(socket)
        except EngineError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"dockerd did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerClient]:
    """A Docker engine without a swarm; ended and removed after the last test."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("needs root and dockerd")
    root = Path("/tmp") / f"quorate-test-{os.getpid()}"  # unix socket paths must stay short
    root.mkdir()
    log = root / "log"
    script = START.format(address=ADDRESS, root=root)
    argv = ["unshare", "--net", "--mount", "--propagation", "slave", "sh", "-ec", script]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
    try:
        client = _wait_for(root / "s", process, log)
        yield client
        client.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def swarm(engine: DockerClient) -> DockerClient:
    """The engine as a swarm of one, kept from test to test."""
    if engine.api.info()["Swarm"]["LocalNodeState"] != "active":
        engine.api.init_swarm(advertise_addr=ADDRESS, listen_addr=f"{ADDRESS}:2377")
    return engine
