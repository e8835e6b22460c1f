"""Servers are reached with the system's OpenSSH, so that a person's own
configuration, agent and jump hosts apply. A server's Docker engine is reached
by forwarding its unix socket to one in a private directory: nothing listens on
a network address, and one ssh process serves any number of API calls.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from quorate.errors import UnreachableError
from quorate.tools import command

CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where and how a server answers ssh.

    `config` is an ssh_config file used instead of the person's own (the lab
    writes one); None means the person's own.
    """

    name: str
    host: str
    user: str | None = None
    port: int | None = None
    config: Path | None = None
    docker_socket: str = "/var/run/docker.sock"

    def argv(self, *options: str) -> list[str]:
        """The ssh command line up to and including the destination."""
        out = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_SECONDS}"]
        out += ["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=2"]
        if self.config is not None:
            out += ["-F", str(self.config)]
        if self.port is not None:
            out += ["-p", str(self.port)]
        if self.user is not None:
            out += ["-l", self.user]
        return [*out, *options, "--", self.host]


def run(
    target: Target,
    argv: Sequence[str],
    *,
    input: str | bytes | None = None,
    timeout: float = 60.0,
    check: bool = True,
    secrets: Sequence[str] = (),
) -> command.Result:
    """Run a program on a server; like :func:`quorate.tools.command.run`.

    Raises:
        UnreachableError: ssh itself failed (its exit code 255).
        CommandError: the program failed (with `check`) or timed out.
    """
    full = [*target.argv(), join(argv)]
    result = command.run(full, input=input, timeout=timeout, check=False, secrets=secrets)
    if result.code == 255:
        raise unreachable(target, result.stderr)
    if check and not result.ok:
        from quorate.errors import CommandError

        shown = command.mask(join(argv), secrets)
        raise CommandError(
            f"on {target.name}: `{shown}` ended with exit code {result.code}",
            cause=command.mask(command.last_lines(result.stderr or result.stdout), secrets) or None,
        )
    return result


def unreachable(target: Target, stderr: str) -> UnreachableError:
    """Put ssh's own words into an error with a cause and an advice."""
    said = command.last_lines(stderr, 3)
    where = target.name if target.host == target.name else f"{target.name} ({target.host})"
    if "Permission denied" in said:
        return UnreachableError(
            f"{where} refuses the ssh key",
            cause=said,
            todo=f"make `{join(target.argv())} true` work, then retry",
        )
    if "Host key verification failed" in said or "IDENTIFICATION HAS CHANGED" in stderr:
        return UnreachableError(
            f"{where} shows a host key that ssh does not trust",
            cause=said,
            todo=f"check the server's key, then connect once with `{join(target.argv())} true`",
        )
    return UnreachableError(
        f"{where} does not answer ssh",
        cause=said or "the server is down, or its address in the fleet file is wrong",
        todo="check that the server is on, and `address` and `ssh` in the fleet file",
    )


def _accepts(path: Path) -> bool:
    """Whether something accepts connections on the socket: it exists a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class Forward:
    """A server's Docker socket, forwarded to a private unix socket here.

    Use as a context manager; `path` is the local socket. `remote` is something
    else to forward: a socket's path, or `host:port` as the server sees it.
    """

    def __init__(self, target: Target, remote: str | None = None) -> None:
        self.target = target
        self.remote = remote or target.docker_socket
        self._directory = Path(tempfile.mkdtemp(prefix="quorate-"))
        self.path = self._directory / "s"
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def open(self, timeout: float = CONNECT_TIMEOUT_SECONDS + 5) -> Forward:
        """Start the forward and wait until it is there.

        Raises:
            UnreachableError: ssh ended, or nothing came up in `timeout` seconds.
        """
        log_file = self._directory / "log"
        options = ["-T", "-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]
        options += ["-L", f"{self.path}:{self.remote}"]
        # `cat` ends with its input, and that with this process: even when it is
        # killed, no forward to a server's engine stays behind.
        argv = [*self.target.argv(*options), "cat"]
        try:
            self._process = command.spawn(argv, log_file=log_file, tied=True)
        except FileNotFoundError:
            # Closed by another thread meanwhile, and the directory with it.
            raise unreachable(self.target, "it was closed before it was open") from None
        deadline = time.monotonic() + timeout
        while self._closed or not _accepts(self.path):
            if self._closed or self._process.poll() is not None or time.monotonic() > deadline:
                said = ""
                with contextlib.suppress(FileNotFoundError):
                    said = log_file.read_text(errors="replace")
                self.close()
                raise unreachable(self.target, said)
            time.sleep(0.02)
        return self

    @property
    def alive(self) -> bool:
        """Whether its ssh process runs."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the forward; safe to call twice."""
        self._closed = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=3)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(timeout=3)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Forward:
        return self if self._process else self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()
