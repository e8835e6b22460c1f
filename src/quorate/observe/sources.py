"""Engines as people name them on a command line: `ssh://user@host:port`, `host`, a socket."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.errors import UsageError
from quorate.tools import docker, ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quorate.tools.docker import DockerClient

LOCAL_SOCKET = "/var/run/docker.sock"
_SSH = re.compile(
    r"(?:ssh://)?(?:(?P<user>[A-Za-z0-9_.\-]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9][A-Za-z0-9_.\-]*)(?::(?P<port>\d{1,5}))?/?"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """An engine: behind a socket here, or on a server that `target` reaches."""

    text: str
    socket: Path | None = None
    target: ssh.Target | None = None

    @contextmanager
    def open(self, *, timeout: float) -> Iterator[DockerClient]:
        """A client for it, for as long as the block lasts.

        Args:
            timeout: seconds that a single answer may take.

        Raises:
            UnreachableError: the server does not answer. EngineError: its engine does not.
        """
        if self.target is not None:
            with docker.connect(self.target, timeout=timeout) as client:
                yield client
            return
        client = docker.connect_socket(self.socket or Path(LOCAL_SOCKET), timeout=timeout)
        try:
            yield client
        finally:
            client.close()


def parse_source(text: str, *, config: Path | None = None) -> Source:
    """An engine from what somebody typed; "" is this machine's own.

    Raises:
        UsageError: it cannot be read.
    """
    said = text or os.environ.get("DOCKER_HOST", "") or LOCAL_SOCKET
    if said.startswith(("unix://", "/", "./")):
        return Source(text=text or said, socket=Path(said.removeprefix("unix://")))
    match = _SSH.fullmatch(said)
    if match is None or int(match["port"] or 1) > 65535:
        raise UsageError(
            f"`{said}` is no engine",
            cause="engines on TCP ports are not supported" if said.startswith("tcp:") else None,
            todo="write ssh://user@host, or the path of a socket",
        )
    host = match["host"].strip("[]")
    port = int(match["port"]) if match["port"] else None
    target = ssh.Target(name=host, host=host, user=match["user"], port=port, config=config)
    return Source(text=said, target=target)
