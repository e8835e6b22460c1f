"""Unit tests cannot hurt the developer: no process, no connection, no name lookup.

An audit hook sees every way Python has of starting a program or reaching a
network, from whatever module. It is armed only while a unit test runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache

import pytest
from typer.main import get_command

FORBIDDEN = {
    "subprocess.Popen": "starts a program",
    "os.system": "starts a program",
    "os.exec": "becomes another program",
    "os.posix_spawn": "starts a program",
    "os.spawn": "starts a program",
    "os.startfile": "starts a program",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "pty.spawn": "starts a program",
    "socket.connect": "opens a connection",
    "socket.bind": "opens a port",
    "socket.sendto": "sends a packet",
    "socket.sendmsg": "sends a packet",
    "socket.getaddrinfo": "looks up a name",
    "socket.gethostbyname": "looks up a name",
    "socket.gethostbyaddr": "looks up a name",
}


class Guard:
    """The state of the hook: armed or not, and what was tried meanwhile."""

    def __init__(self) -> None:
        self.armed = False
        self.tried: list[str] = []

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        """Fail the test at the very call; not an Exception, so nothing swallows it."""
        if not self.armed or event not in FORBIDDEN:
            return
        shown = ", ".join(repr(argument) for argument in arguments)[:200]
        said = (
            f"a unit test {FORBIDDEN[event]}: {event}({shown}). "
            "Test the deciding part with values, or move the test to tests/integration."
        )
        self.tried.append(said)
        pytest.fail(said)


_guard = Guard()
sys.addaudithook(_guard.hook)


@pytest.fixture(scope="session", autouse=True)
def commands_once() -> Iterator[None]:
    """Have Typer make click's commands of an application once: there are eighty of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(autouse=True)
def guard() -> Iterator[Guard]:
    """Forbid processes and sockets during the test.

    The guard's own tests empty `tried`; in any other test an entry there means
    that something swallowed the failure, and it is raised again here.
    """
    _guard.tried.clear()
    _guard.armed = True
    try:
        yield _guard
    finally:
        _guard.armed = False
    if _guard.tried:
        pytest.fail(_guard.tried[0])
