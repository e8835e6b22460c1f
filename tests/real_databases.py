"""Real database servers for tests, on this machine only, by unix sockets."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {
    "postgresql": lambda: any(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
    "mariadb-server": lambda: bool(_found("mariadbd")),
    "redis-server": lambda: bool(_found("redis-server")),
}
"""Package → whether its server is here."""


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def need(package: str) -> None:
    """Have a server's package, without a server of its own that runs."""
    if NEEDED[package]():
        return
    if not shutil.which("apt-get"):
        pytest.skip(f"needs {package}, and here is no apt-get to install it with")
    with never_started():
        script = str(ROOT / "scripts" / "packages.sh")
        done = subprocess.run([script, package], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert NEEDED[package]()


@contextlib.contextmanager
def never_started() -> Iterator[None]:
    """Packages start no services in the block: Debian's own way of saying so."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists() or not policy.parent.stat().st_mode & 0o200:
        yield
        return
    try:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    except PermissionError:  # not root: sudo installs, and its services are the machine's
        yield
        return
    try:
        yield
    finally:
        policy.unlink()


def until(there: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A directory that the servers' users can get to, as pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="quorate-test-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of this size, as `2m`."""
    with tempfile.TemporaryDirectory(prefix="quorate-disk-") as made:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", made]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            pytest.skip("needs to be root to mount a small file system")
        try:
            yield Path(made)
        finally:
            subprocess.run(["umount", "--lazy", made], check=True)
