"""A real S3-compatible store (OpenStack Swift with s3api) on loopback, over TLS."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quorate.backup.place import Place, PlaceType
from tests.integration.backup import ground

PROGRAM = ground.ROOT / "src/quorate/lab/files/object_store.py"
PACKAGES = ("memcached", "swift-account", "swift-container", "swift-object", "swift-proxy")
PYTHON = "/usr/bin/python3"  # Debian's own, which has Swift
USER, SECRET = "office:backup", "st0re-secret"
STARTS_SECONDS = 240.0
FIRST_PORT, LAST_PORT, PORTS = 20_000, 30_000, 5
"""The store takes five ports in a row, below those the system gives to clients."""


@dataclass(kw_only=True)
class Store:
    """The store, which can be killed and started again."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    keys: dict[str, Path] = field(default_factory=dict)

    def place(self, name: str, path: str) -> Place:
        """A repository in it; `path` is bucket and prefix."""
        secret = self.directory / f"{name}.password"
        secret.write_text("in the store\n")
        return Place(
            name=name,
            type=PlaceType.S3,
            location=f"https://127.0.0.1:{self.port}/{path}",
            password_file=secret,
            credentials=dict(self.keys),
            ca=self.directory / "ca.pem",
        )

    def start(self) -> None:
        log = self.directory / "store.log"
        environment = {
            **{"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            "STORE_ACCESS_KEY": USER,
            "STORE_SECRET_KEY": SECRET,
            "STORE_CERTIFICATE": str(self.directory / "store.pem"),
        }
        argv = [PYTHON, str(PROGRAM), str(self.directory / "data"), "127.0.0.1", str(self.port)]
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                argv, env=environment, stdout=said, stderr=said, start_new_session=True
            )
        deadline = time.monotonic() + STARTS_SECONDS
        while "ready" not in log.read_text():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"the store did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it with all its servers at once, as a power cut does."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)
        self.process = None


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Store]:
    """A store with keys and a certificate of its own."""
    if not Path(PYTHON).exists() or not Path("/usr/bin/dpkg-query").exists():
        pytest.skip("needs Debian's Swift, and here is no Debian to install it on")
    subprocess.run([ground.ROOT / "scripts/packages.sh", *PACKAGES], check=True, timeout=900)
    _certificate(directory)
    keys = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in keys.items():
        (directory / name).write_text(value + "\n")
    store = Store(
        directory=directory, port=_ports(), keys={name: directory / name for name in keys}
    )
    store.start()
    try:
        yield store
    finally:
        store.kill()


def _certificate(directory: Path) -> None:
    key, shown = directory / "store.key", directory / "ca.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=store"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(shown)),
        ],
        check=True,
        capture_output=True,
    )
    (directory / "store.pem").write_text(shown.read_text() + key.read_text())


def _ports() -> int:
    """The first of as many free ports in a row as the store takes."""
    used = {
        int(line.split()[1].rpartition(":")[2], 16)
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    }
    begin = FIRST_PORT + os.getpid() * PORTS % (LAST_PORT - FIRST_PORT)
    candidates: list[int] = [*range(begin, LAST_PORT, PORTS), *range(FIRST_PORT, begin, PORTS)]
    return next(port for port in candidates if not used & set(range(port, port + PORTS)))
