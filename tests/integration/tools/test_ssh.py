"""ssh, with a stand-in for the program: what is asked of it, and what its failures become."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.errors import CommandError, UnreachableError
from quorate.tools import ssh

FAKE = Path(__file__).parents[2] / "fakes" / "ssh"
ALPHA = ssh.Target(name="alpha", host="192.0.2.1")


@pytest.fixture(autouse=True)
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in on PATH; the file gets one line per call."""
    log = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{FAKE}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SSH_LOG", str(log))
    return log


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A unix socket that answers every connection with one line."""
    path = tmp_path / "engine"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=_answer, args=(server,), daemon=True)
        thread.start()
        yield path
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


def _answer(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            client.sendall(b"hello")


def test_arguments_arrive_at_the_server_as_they_are() -> None:
    awkward = "a b'c\"d $HOME;*"
    assert ssh.run(ALPHA, ["printf", "%s", awkward]).stdout == awkward


def test_input_reaches_the_program() -> None:
    assert ssh.run(ALPHA, ["cat"], input="value").stdout == "value"


def test_a_failed_program_is_not_an_unreachable_server() -> None:
    with pytest.raises(
        CommandError, match=r"on alpha: `sh -c .*` ended with exit code 4"
    ) as caught:
        ssh.run(ALPHA, ["sh", "-c", "echo no space >&2; exit 4"])
    assert caught.value.cause == "no space"
    assert ssh.run(ALPHA, ["false"], check=False).code == 1


def test_secrets_are_masked_in_what_failed() -> None:
    with pytest.raises(CommandError) as caught:
        ssh.run(ALPHA, ["sh", "-c", "echo hunter2 >&2; false"], secrets=["hunter2"])
    assert "hunter2" not in str(caught.value.as_json())


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("root@192.0.2.1: Permission denied (publickey).", "refuses the ssh key"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "does not answer ssh"),
    ],
)
def test_ssh_itself_failing_says_why(said: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SSH_SAYS", said)
    for attempt in (lambda: ssh.run(ALPHA, ["true"], check=False), ssh.Forward(ALPHA).open):
        with pytest.raises(UnreachableError, match=what) as caught:
            attempt()
        assert caught.value.cause == said


def test_a_forward_reaches_the_socket_and_leaves_nothing_behind(engine: Path) -> None:
    target = ssh.Target(name="alpha", host="192.0.2.1", docker_socket=str(engine))
    with ssh.Forward(target) as forward:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(forward.path))
            assert client.recv(16) == b"hello"
        directory = forward.path.parent
        assert directory.stat().st_mode & 0o077 == 0
    assert not directory.exists()
    forward.close()


def test_a_forward_that_never_comes_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SSH_HANGS", "1")
    forward = ssh.Forward(ALPHA)
    with pytest.raises(UnreachableError, match="does not answer ssh"):
        forward.open(timeout=0.3)
    assert not forward.path.parent.exists()


def test_a_forward_uses_a_connection_of_its_own(engine: Path, calls: Path) -> None:
    target = ssh.Target(name="alpha", host="h", config=Path("/lab/ssh"), docker_socket=str(engine))
    with ssh.Forward(target):
        pass
    options = json.loads(calls.read_text().splitlines()[0])
    assert "ControlPath=none" in options
    assert "ExitOnForwardFailure=yes" in options
    assert options[options.index("-F") + 1] == "/lab/ssh"
