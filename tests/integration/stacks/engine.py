"""A swarm of one node for these tests: an engine of its own in a network of its own.

The engine sees no network but its loopback, so nothing it sets up (bridges,
firewall rules) reaches the machine, and all of it is gone with the engine.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.observe.snapshot import observe
from quorate.tools.docker import connect_socket

if TYPE_CHECKING:
    from quorate.fleet.observed import Snapshot

START_SECONDS = 60
STOP_SECONDS = 30
REMOVE_SECONDS = 30
SLEEPER = "sleeper:1"


@dataclass(frozen=True, kw_only=True)
class Node:
    """The running engine; `docker` runs the docker program given against it."""

    directory: Path

    @property
    def socket(self) -> Path:
        return self.directory / "docker.sock"

    def docker(self, *argv: str, program: str = "docker", data: str | bytes = b"") -> str:
        """Run docker and return its output; fails the test with docker's words."""
        raw = data.encode() if isinstance(data, str) else data
        done = subprocess.run(
            [program, "-H", f"unix://{self.socket}", *argv], input=raw, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def deploy(self, name: str, document: Mapping[str, Any], *, program: str = "docker") -> None:
        """`docker stack deploy` of a document."""
        options = ["--resolve-image", "never", "-c", "-", name]
        self.docker("stack", "deploy", *options, program=program, data=json.dumps(document))

    def remove(self, name: str, *, seconds: float = REMOVE_SECONDS) -> None:
        """`docker stack rm`, until it is all gone.

        docker asks for the services and at once for the networks; the swarm refuses
        a network while a task of a removed service is still listed on it. A second
        request finds only what is left, and none at all is no error.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.docker("stack", "rm", name)
            except AssertionError as refusal:
                if "is in use by task" not in str(refusal) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def observe(self) -> Snapshot:
        client = connect_socket(self.socket)
        try:
            return observe(client)
        finally:
            client.close()


@contextlib.contextmanager
def started() -> Iterator[Node]:
    """Start the engine, make it a swarm, and take everything away again."""
    for program in ("dockerd", "docker", "unshare", "ip"):
        assert shutil.which(program), f"{program} is not installed: run `make setup` first"
    directory = Path(tempfile.mkdtemp(prefix="quorate-test-"))
    group = f"/{directory.name}"
    engine = " ".join(
        [
            f"exec dockerd --data-root {directory}/data --exec-root {directory}/exec",
            f"--pidfile {directory}/pid -H unix://{directory}/docker.sock --bridge=none",
            f"--iptables=false --ip6tables=false --cgroup-parent {group}",
            "--exec-opt native.cgroupdriver=cgroupfs",
        ]
    )
    with (directory / "log").open("wb") as log:
        apart = ["unshare", "--net", "--mount", "--uts", "--propagation", "slave"]
        process = subprocess.Popen(
            [*apart, "sh", "-c", f"ip link set lo up && hostname alpha && {engine}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    node = Node(directory=directory)
    try:
        wait_for(lambda: _answers(node, process), START_SECONDS)
        node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        node.docker("import", "-", SLEEPER, data=_sleeper())
        yield node
    finally:
        with contextlib.suppress(AssertionError):
            node.docker("swarm", "leave", "--force")
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)
        _remove_cgroups(group.strip("/"))


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds; fail the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.1)


def _answers(node: Node, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise AssertionError((node.directory / "log").read_text()[-2000:])
    if not node.socket.exists():
        return False
    done = subprocess.run(["docker", "-H", f"unix://{node.socket}", "version"], capture_output=True)
    return done.returncode == 0


def _sleeper() -> bytes:
    """A root file system with nothing but `sleep` and the libraries it needs."""
    program = shutil.which("sleep")
    assert program
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in listed.split() if word.startswith("/")]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(Path(program).resolve(), "bin/sleep")
        for library in libraries:
            archive.add(Path(library).resolve(), library.lstrip("/"))
    return out.getvalue()


def _remove_cgroups(name: str) -> None:
    root = Path("/sys/fs/cgroup")
    for found in [root / name, *root.glob(f"*/{name}")]:
        for inner in sorted(found.rglob("*"), reverse=True):
            if inner.is_dir():
                with contextlib.suppress(OSError):
                    inner.rmdir()
        with contextlib.suppress(OSError):
            found.rmdir()
