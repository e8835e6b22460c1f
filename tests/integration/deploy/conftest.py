"""A swarm of one engine of our own, in a network namespace: nothing of the machine is touched."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quorate.errors import EngineError
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

REGISTRY = Path(__file__).parents[2] / "fakes" / "registry.py"
ADDRESS = "198.19.77.1"
START_SECONDS = 60.0
SHELL = "quorate-test:shell"
PROGRAMS = ("sh", "cat", "sleep", "mkdir", "rm")
DISK = "300M"
"""Of the engine's data root, in memory: small enough to be filled by one image."""

START = """
ip link set lo up
ip link add lab0 type bridge
ip addr add {address}/24 dev lab0
ip link set lab0 up
mkdir {root}/data
mount -t tmpfs -o size={disk} quorate-test {root}/data
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


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Docker engine and its process, whose network namespace it has to itself."""

    client: DockerClient
    pid: int


@pytest.fixture(scope="session")
def own_engine() -> Iterator[Engine]:
    """A Docker engine without a swarm; ended and removed after the last test."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("needs root and dockerd")
    root = Path("/tmp") / f"quorate-test-{os.getpid()}"  # unix socket paths must stay short
    root.mkdir()
    log = root / "log"
    script = START.format(address=ADDRESS, root=root, disk=DISK)
    argv = ["unshare", "--net", "--mount", "--propagation", "slave", "sh", "-ec", script]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
    try:
        client = _wait_for(root / "s", process, log)
        yield Engine(client=client, pid=process.pid)
        client.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def engine(own_engine: Engine) -> DockerClient:
    """A Docker engine of our own."""
    return own_engine.client


@pytest.fixture(scope="session")
def registries(own_engine: Engine) -> Iterator[tuple[str, str]]:
    """Two registries beside the engine: an open one, and one for `me` with `hunter2` only."""
    enter = ["nsenter", f"--target={own_engine.pid}", "--net", sys.executable, str(REGISTRY)]
    programs = [["5000"], ["5001", "me:hunter2"]]
    running = [subprocess.Popen([*enter, *program], stdout=subprocess.PIPE) for program in programs]
    try:
        for process in running:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        yield "127.0.0.1:5000", "127.0.0.1:5001"
    finally:
        for process in running:
            process.terminate()
            process.wait(timeout=10)
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def swarm(engine: DockerClient) -> DockerClient:
    """The engine as a swarm of one, kept from test to test."""
    if engine.api.info()["Swarm"]["LocalNodeState"] != "active":
        engine.api.init_swarm(advertise_addr=ADDRESS, listen_addr=f"{ADDRESS}:2377")
    return engine


@pytest.fixture(scope="session")
def shell(engine: DockerClient) -> str:
    """An image of this machine's own shell and a few programs."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        added: set[str] = set()
        for name in PROGRAMS:
            found = subprocess.run(["which", name], capture_output=True, text=True, check=True)
            program = found.stdout.strip()
            said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
            for path in (program, *re.findall(r"(/\S+)", said.stdout)):
                as_named = f"bin/{name}" if path == program else path.lstrip("/")
                if as_named not in added:
                    added.add(as_named)
                    archive.add(os.path.realpath(path), arcname=as_named)
    engine.api.import_image_from_data(packed.getvalue(), repository="quorate-test", tag="shell")
    return SHELL
