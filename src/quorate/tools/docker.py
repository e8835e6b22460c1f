"""Docker engines, here or on a server, through the Docker SDK.

This is the only module that imports the SDK; its import costs about 0.2 s, so
it happens on first use.
"""

from __future__ import annotations

import io
import math
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quorate.errors import EngineError
from quorate.tools import command, ssh

if TYPE_CHECKING:
    from docker import DockerClient as DockerClient
    from requests import Response

API_TIMEOUT_SECONDS = 30
DISK_USE_SECONDS = 600
PIECE = 1 << 20


def connect_socket(path: Path | str, *, timeout: float = API_TIMEOUT_SECONDS) -> DockerClient:
    """A client for the engine behind a unix socket.

    Raises:
        EngineError: nothing answers there, or its API is too old.
    """
    import docker
    from docker.errors import DockerException

    _close_sockets_that_fail()
    try:
        _ping(path, timeout)
        return docker.DockerClient(base_url=f"unix://{path}", timeout=int(timeout))
    except (DockerException, OSError) as error:
        raise EngineError(
            f"no Docker engine answers on {path}",
            cause=str(error),
            todo="start the engine (`systemctl start docker`) and check that this user may use it",
        ) from error


@cache
def _close_sockets_that_fail() -> None:
    """Mend the SDK: when it cannot connect, it leaves the socket open."""
    from docker.transport import unixconn

    class Connection(unixconn.UnixHTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.settimeout(self.timeout)
                self.sock.connect(self.unix_socket)
            except OSError:
                self.sock.close()
                raise

    # The pool looks the class up by this name each time it opens a connection.
    setattr(unixconn, "UnixHTTPConnection", Connection)  # noqa: B010


def _ping(path: Path | str, timeout: float) -> None:
    """Ask whether an engine answers; the SDK would leave its socket open where none does.

    Raises:
        OSError: nothing listens, or what listens closes the connection.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout)
        probe.connect(str(path))
        probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        if not probe.recv(1):
            raise ConnectionError("the connection is closed without an answer")


@contextmanager
def connect(target: ssh.Target, *, timeout: float = API_TIMEOUT_SECONDS) -> Iterator[DockerClient]:
    """A client for the engine of a server, over ssh.

    Raises:
        UnreachableError: the server does not answer ssh.
        EngineError: the server answers, its engine does not.
    """
    with ssh.Forward(target).open() as forward:
        client = through(forward, timeout=timeout)
        try:
            yield client
        finally:
            client.close()


def through(forward: ssh.Forward, *, timeout: float = API_TIMEOUT_SECONDS) -> DockerClient:
    """A client for the engine behind an open forward.

    Raises:
        EngineError: the server answers, its engine does not.
    """
    name = forward.target.name
    try:
        return connect_socket(forward.path, timeout=timeout)
    except EngineError as error:
        raise EngineError(
            f"the Docker engine on {name} does not answer",
            cause=error.cause,
            todo=f"on {name}: `systemctl status docker`; the ssh user must be allowed "
            "to use it (group docker)",
        ) from error


def engine_errors() -> tuple[type[Exception], ...]:
    """What a call to an engine may raise: its refusals, and a broken connection."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return (DockerException, RequestException)


def words(error: Exception) -> str:
    """What the engine itself said: its explanation when it gave one, else the error's text."""
    return str(getattr(error, "explanation", None) or error)


def status_of(error: Exception) -> int | None:
    """The HTTP status of an engine's refusal; None when it did not answer at all."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


@contextmanager
def translated(what: str, *, todo: str | None = None) -> Iterator[None]:
    """Turn whatever a call to an engine raises inside the block into an EngineError.

    Raises:
        EngineError: with `what`, the engine's own words as the cause, and `todo`.
    """
    try:
        yield
    except engine_errors() as error:
        raise EngineError(what, cause=words(error), todo=todo) from error


def disk_use(client: DockerClient) -> dict[str, Any]:
    """Images, containers and volumes with their sizes, as `docker system df` asks for them.

    An engine measures every volume for it, which on a large disk takes minutes. Raises what
    `engine_errors` names.
    """
    api = client.api
    answer = api.get(f"{api.base_url}/v{api.api_version}/system/df", timeout=DISK_USE_SECONDS)
    if not answer.ok:
        raise refusal("what uses the disk", answer)
    found = answer.json()
    return found if isinstance(found, dict) else {}


def set_restart_policy(client: DockerClient, container: str, name: str, retries: int = 0) -> None:
    """Give a container another restart policy, running or not; `retries` for `on-failure`.

    Raises what `engine_errors` names.
    """
    policy = {"Name": name, "MaximumRetryCount": retries if name == "on-failure" else 0}
    _send(client, f"/containers/{container}/update", {}, {"RestartPolicy": policy}, None)


def update_config_labels(client: DockerClient, identity: str, labels: Mapping[str, str]) -> None:
    """Replace the labels of a Swarm config; the engine lets nothing else of it change.

    The SDK has no call for this. Raises what `engine_errors` names; status 404
    when the config is gone.
    """
    api = client.api
    found = api.inspect_config(identity)
    spec = {**found["Spec"], "Labels": dict(labels)}
    url = f"{api.base_url}/v{api.api_version}/configs/{identity}/update"
    version = found["Version"]["Index"]
    answer = api.post(url, params={"version": str(version)}, json=spec, timeout=API_TIMEOUT_SECONDS)
    if not answer.ok:
        from docker.errors import APIError

        raise APIError(f"config {identity} was not updated", response=answer)


def create_service(
    client: DockerClient, spec: Mapping[str, Any], auth: Mapping[str, str] | None = None
) -> str:
    """Create a service from a spec in the engine's own form; its id.

    `auth`: user and password for the image's registry. The SDK's own call would send those of
    the person's configuration. Raises what `engine_errors` names.
    """
    return str(_send(client, "/services/create", {}, spec, auth).get("ID") or "")


def update_service(
    client: DockerClient,
    identity: str,
    version: int,
    spec: Mapping[str, Any],
    auth: Mapping[str, str] | None = None,
) -> None:
    """Give a service a spec as the engine itself has it; `version` is the index it was read with.

    The SDK's own call takes a service apart and loses what it does not know. Without `auth`,
    credentials of the registry stay those of the service. Raises what `engine_errors` names;
    status 404 when the service is gone.
    """
    params = {"version": str(version), "registryAuthFrom": "spec"}
    _send(client, f"/services/{identity}/update", params, spec, auth)


def _send(
    client: DockerClient,
    path: str,
    params: Mapping[str, str],
    body: Mapping[str, Any],
    auth: Mapping[str, str] | None,
) -> dict[str, Any]:
    api = client.api
    headers = {}
    if auth:
        from docker.auth import encode_header

        headers = {"X-Registry-Auth": encode_header(dict(auth))}
    answer = api.post(
        f"{api.base_url}/v{api.api_version}{path}",
        params=dict(params),
        json=dict(body),
        headers=headers,
        timeout=API_TIMEOUT_SECONDS,
    )
    if not answer.ok:
        raise refusal(path, answer)
    found = answer.json()
    return found if isinstance(found, dict) else {}


def log_lines(
    client: DockerClient, service: str, *, lines: int | None, errors: bool = False
) -> list[str]:
    """The last lines a service wrote to standard output, or to standard error.

    `lines` None: all. A line longer than 16 KiB counts as several. Raises what `engine_errors`
    names, also when the engine of a task's server does not answer.
    """
    stream = client.api.service_logs(
        service,
        stdout=not errors,
        stderr=errors,
        tail="all" if lines is None else str(lines),
        follow=False,
        timestamps=False,
        is_tty=False,
    )
    text = b"".join(stream).decode(errors="replace")
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


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


def execute(
    client: DockerClient, container: str, argv: Sequence[str], *, user: str = ""
) -> tuple[int, str]:
    """Run a program in a container to its end: its exit code, and all that it printed.

    There is no time limit: the next piece of output is waited for however long it takes. The
    SDK's own call loses output that arrives together with the engine's answer.

    Raises:
        EngineError: the container is gone or not running.
    """
    api, what = client.api, f"`{argv[0]}` could not be run in the container {container[:40]}"
    with translated(what):
        made = str(api.exec_create(container, list(argv), user=user)["Id"])
        url = f"{api.base_url}/v{api.api_version}/exec/{made}/start"
        answer = api.post(url, json={"Detach": False, "Tty": False}, timeout=None)
        if not answer.ok:
            raise refusal(what, answer)
        code = api.exec_inspect(made).get("ExitCode")
    return (-1 if code is None else int(code)), unframed(answer.content).decode(errors="replace")


def stop(client: DockerClient, container: str, grace: float) -> None:
    """Tell a container's program to end, and wait for it; after `grace` seconds it is killed.

    One that has ended, or is gone, is no error.

    Raises:
        EngineError: it could not be ended.
    """
    try:
        client.api.stop(container, timeout=math.ceil(grace))
    except engine_errors() as error:
        if status_of(error) != 404:
            raise EngineError(
                f"the container {container[:40]} could not be stopped", cause=words(error)
            ) from error


def unframed(stream: bytes) -> bytes:
    """What a program wrote, without the eight bytes that the engine puts before each piece.

    They are the stream's number, three zeros, and the piece's length, the high byte first:
    https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerAttach
    """
    out, at = [], 0
    while at + 8 <= len(stream):
        end = at + 8 + int.from_bytes(stream[at + 4 : at + 8], "big")
        out.append(stream[at + 8 : end])
        at = end
    return b"".join(out)


def take_out(client: DockerClient, container: str, path: str, into: Path) -> None:
    """Copy a file out of a container, to a file here.

    Raises:
        EngineError: there is no such file, or the container is gone.
        OSError: there is no room here.
    """
    import tarfile

    what = f"{path} could not be taken out of the container {container[:40]}"
    with translated(what), _whole(what):
        chunks, _ = client.api.get_archive(container, path)
        pieces = _Pieces(chunks)
        with tarfile.open(fileobj=io.BufferedReader(pieces, PIECE), mode="r|") as archive:
            member = archive.next()
            found = archive.extractfile(member) if member and member.isfile() else None
            if member is not None and found is not None:
                with into.open("wb") as out:
                    shutil.copyfileobj(found, out, PIECE)
                if into.stat().st_size != member.size:
                    raise tarfile.ReadError("it ends in the middle of the file")
        pieces.drain()
        if found is None:
            raise EngineError(f"{path} is no file in the container {container[:40]}")


@contextmanager
def _whole(what: str) -> Iterator[None]:
    """An archive that breaks off, as an EngineError."""
    import tarfile

    try:
        yield
    except tarfile.TarError as error:
        raise EngineError(
            what, cause=f"{error}; the connection to the engine broke, or there is no such file"
        ) from error


class _Pieces(io.RawIOBase):
    """What comes piece by piece, as a file that can be read once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._left = iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        return True

    def drain(self) -> None:
        """Take what is left: an answer that is not read to its end keeps its connection."""
        for _ in self._pieces:
            pass

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def put_in(client: DockerClient, container: str, directory: str, archive: Iterator[bytes]) -> None:
    """Unpack a tar archive, piece by piece, into a directory of a container.

    Raises:
        EngineError: the directory is not there, or there is no room.
    """
    with translated(f"nothing could be put into {directory} in the container {container[:40]}"):
        client.api.put_archive(container, directory, archive)


def create(client: DockerClient, path: str, body: Mapping[str, object], what: str) -> None:
    """Make something from a mapping of the engine's own form, whatever is in it.

    Raises:
        EngineError: the engine refuses; `what` says what it was, in words.
    """
    api = client.api
    with translated(f"{what} could not be made"):
        answer = api.post(
            f"{api.base_url}/v{api.api_version}{path}", json=dict(body), timeout=API_TIMEOUT_SECONDS
        )
        if not answer.ok:
            raise refusal(what, answer)


def refusal(what: str, answer: Response) -> Exception:
    """An engine's refusal, with its own words, as the SDK would raise it."""
    from docker.errors import APIError

    try:
        said = str(answer.json().get("message") or "")
    except ValueError:
        said = answer.text
    return APIError(f"{what}: refused", response=answer, explanation=said)
