"""A real Pushgateway and a real Alertmanager, on this machine only (Debian's packages)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quorate.tools.http import Address, parse_address
from tests.integration.backup import ground
from tests.real_packages import programs
from tests.real_prometheus import free_port

START_SECONDS = 60.0
RESENT_SECONDS = 10
RESENT = f"--rules.alert.resend-delay={RESENT_SECONDS}s"
"""For Prometheus: what fired before it had found the Alertmanager is told ten seconds later, and
not a minute. Of what it tells no more, an Alertmanager thinks that it goes on for four times that.
"""


@contextlib.contextmanager
def pushgateway(place: Path) -> Iterator[Address]:
    """A gateway that holds nothing yet; where it answers."""
    (program,) = programs("prometheus-pushgateway", place, "prometheus-pushgateway")
    address = parse_address(f"http://127.0.0.1:{free_port()}")
    argv = [
        str(program),
        f"--web.listen-address={address.endpoint}",
        "--persistence.file=",  # Debian's keeps what was pushed in /var/lib, for the next one
    ]
    with _running(argv, address, place):
        yield address


@contextlib.contextmanager
def alertmanager(place: Path, config: Path) -> Iterator[Address]:
    """An Alertmanager with this configuration, its data in `place`; where it answers."""
    # Installed, as it looks for its templates in /usr/share.
    program = ground.install("prometheus-alertmanager", "prometheus-alertmanager")
    address = parse_address(f"http://127.0.0.1:{free_port()}")
    argv = [
        program,
        f"--config.file={config}",
        f"--storage.path={place}/data",
        f"--web.listen-address={address.endpoint}",
        "--cluster.listen-address=",  # alone: it looks for no others
    ]
    with _running(argv, address, place):
        yield address


@contextlib.contextmanager
def _running(argv: list[str], address: Address, place: Path) -> Iterator[None]:
    log = place / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(argv, stdout=stream, stderr=stream, cwd=place)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _ready(address):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{argv[0]} did not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _ready(address: Address) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/-/ready", timeout=2):
            return True
    except OSError:
        return False


def arrived(address: Address) -> dict[str, list[dict[str, Any]]]:
    """What goes on by an Alertmanager: name of the alert → all that it was told of each."""
    with urllib.request.urlopen(f"{address}/api/v2/alerts", timeout=10) as answer:
        listed = json.load(answer)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in listed:
        found.setdefault(one["labels"]["alertname"], []).append(one)
    return found
