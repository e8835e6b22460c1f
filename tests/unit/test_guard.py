"""The guard of the unit tests sees every way out, and cannot be swallowed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.conftest import Guard

TRUE = sys.executable


def _connect_unix() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/nonexistent/socket")


def _connect_inet() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 1))


def _connect_ex() -> None:
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", 1))


def _bind() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def _send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 1))


def _asyncio_process() -> None:
    asyncio.run(_start())


async def _start() -> None:
    await asyncio.create_subprocess_exec(TRUE, "-V")


WAYS_OUT: dict[str, Callable[[], object]] = {
    "subprocess.run": lambda: subprocess.run([TRUE, "-V"], check=False),
    "subprocess.Popen": lambda: subprocess.Popen([TRUE, "-V"]),
    "os.system": lambda: os.system("true"),
    "os.popen": lambda: os.popen("true"),
    "os.execv": lambda: os.execv(TRUE, [TRUE, "-V"]),
    "os.posix_spawn": lambda: os.posix_spawn(TRUE, [TRUE, "-V"], {}),
    "os.spawnv": lambda: os.spawnv(os.P_WAIT, TRUE, [TRUE, "-V"]),
    "os.fork": os.fork,
    "pty.fork": pty.fork,
    "asyncio process": _asyncio_process,
    "connect to a unix socket": _connect_unix,
    "connect to an address": _connect_inet,
    "connect_ex": _connect_ex,
    "bind": _bind,
    "send a datagram": _send,
    "look up a name": lambda: socket.getaddrinfo("localhost", 80),
    "gethostbyname": lambda: socket.gethostbyname("localhost"),
    "create_connection": lambda: socket.create_connection(("localhost", 1)),
}


@pytest.mark.parametrize("way", WAYS_OUT.values(), ids=WAYS_OUT.keys())
def test_every_way_out_is_closed(way: Callable[[], object], guard: Guard) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^a unit test .*tests/integration"):
        way()
    assert guard.tried
    guard.tried.clear()


def test_code_that_swallows_errors_does_not_swallow_the_guard(guard: Guard) -> None:
    with pytest.raises(pytest.fail.Exception), contextlib.suppress(Exception):
        subprocess.run([TRUE, "-V"], check=False)
    guard.tried.clear()


def test_what_a_bare_except_swallowed_is_remembered(guard: Guard) -> None:
    with contextlib.suppress(BaseException):
        subprocess.run([TRUE, "-V"], check=False)
    assert len(guard.tried) == 1
    guard.tried.clear()


def test_files_stay_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
