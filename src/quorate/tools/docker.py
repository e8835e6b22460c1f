"""Docker engines, here or on a server, through the Docker SDK.

This is the only module that imports the SDK; its import costs about 0.2 s, so
it happens on first use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.errors import EngineError
from quorate.tools import command, ssh

if TYPE_CHECKING:
    from docker import DockerClient as DockerClient

API_TIMEOUT_SECONDS = 30


def connect_socket(path: Path | str, *, timeout: float = API_TIMEOUT_SECONDS) -> DockerClient:
    """A client for the engine behind a unix socket.

    Raises:
        EngineError: nothing answers there, or its API is too old.
    """
    import docker
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(base_url=f"unix://{path}", timeout=int(timeout))
        client.ping()
        return client
    except (DockerException, OSError) as error:
        raise EngineError(
            f"no Docker engine answers on {path}",
            cause=str(error),
            todo="start the engine (`systemctl start docker`) and check that this user may use it",
        ) from error


@contextmanager
def connect(target: ssh.Target, *, timeout: float = API_TIMEOUT_SECONDS) -> Iterator[DockerClient]:
    """A client for the engine of a server, over ssh.

    Raises:
        UnreachableError: the server does not answer ssh.
        EngineError: the server answers, its engine does not.
    """
    with ssh.Forward(target).open() as forward:
        try:
            client = connect_socket(forward.path, timeout=timeout)
        except EngineError as error:
            raise EngineError(
                f"the Docker engine on {target.name} does not answer",
                cause=error.cause,
                todo=f"on {target.name}: `systemctl status docker`; the ssh user must be allowed "
                "to use it (group docker)",
            ) from error
        try:
            yield client
        finally:
            client.close()


def engine_errors() -> tuple[type[Exception], ...]:
    """What a call to an engine may raise: its refusals, and a broken connection."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return (DockerException, RequestException)


def log_tail(client: DockerClient, service: str, lines: int) -> tuple[str, ...]:
    """The last log lines of a service; a note in their place when the engine cannot give them."""
    try:
        stream = client.api.service_logs(
            service, stdout=True, stderr=True, tail=str(lines), follow=False, timestamps=False
        )
        text = b"".join(stream).decode(errors="replace")
    except engine_errors() as error:
        return (f"(no log lines: {error})",)
    return tuple([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def cli(
    socket: Path | str,
    *arguments: str,
    input: str | bytes | None = None,
    timeout: float = 60.0,
    check: bool = True,
    secrets: Sequence[str] = (),
) -> command.Result:
    """Run the `docker` program against the engine behind a unix socket.

    For what the SDK does not do well: `exec` with standard input, `import`,
    `stack deploy`. Builds use the classic builder, since an engine of a
    distribution often comes without buildx.

    Raises:
        CommandError: not installed, timed out, or (with `check`) failed.
    """
    return command.run(
        ["docker", "-H", f"unix://{socket}", *arguments],
        input=input,
        timeout=timeout,
        # A DOCKER_CONTEXT or DOCKER_HOST of the person must not take part.
        env={"DOCKER_BUILDKIT": "0", "DOCKER_HOST": "", "DOCKER_CONTEXT": ""},
        check=check,
        secrets=secrets,
    )
