"""Reaching an engine, and what is said when none answers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from quorate.errors import EngineError, UnreachableError
from quorate.tools import docker, ssh

FAKE = Path(__file__).parents[2] / "fakes" / "ssh"


class Engine(BaseHTTPRequestHandler):
    """Answers the two calls the SDK makes before any other."""

    version = b'{"ApiVersion": "1.47", "MinAPIVersion": "1.24", "Version": "27.0"}'

    def do_GET(self) -> None:
        body = self.version if self.path.endswith("/version") else b"OK"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A unix socket behind which something answers like an engine."""
    path = tmp_path / "docker.sock"
    with ThreadingUnixStreamServer(str(path), Engine) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield path
        server.shutdown()
        thread.join()


@pytest.fixture
def fake_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{FAKE}:{os.environ['PATH']}")


def test_a_socket_where_an_engine_answers(engine: Path) -> None:
    client = docker.connect_socket(engine)
    assert client.version()["Version"] == "27.0"
    client.close()


def test_no_socket_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no Docker engine answers") as caught:
        docker.connect_socket(tmp_path / "nothing")
    assert caught.value.todo


@pytest.mark.usefixtures("fake_ssh")
def test_the_engine_of_a_server(engine: Path) -> None:
    target = ssh.Target(name="alpha", host="192.0.2.1", docker_socket=str(engine))
    with docker.connect(target) as client:
        assert client.version()["Version"] == "27.0"


@pytest.mark.usefixtures("fake_ssh")
def test_a_server_that_answers_while_its_engine_does_not(tmp_path: Path) -> None:
    target = ssh.Target(name="alpha", host="h", docker_socket=str(tmp_path / "nothing"))
    with pytest.raises(EngineError, match="the Docker engine on alpha does not answer"):
        docker.connect(target).__enter__()


@pytest.mark.usefixtures("fake_ssh")
def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SSH_SAYS", "ssh: connect to host h port 22: No route to host")
    with pytest.raises(UnreachableError, match=r"alpha \(h\) does not answer ssh"):
        docker.connect(ssh.Target(name="alpha", host="h")).__enter__()
