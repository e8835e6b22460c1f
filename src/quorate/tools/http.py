"""HTTP GET, directly or through a forwarded socket. No proxy, no redirect is followed.

Servers of a fleet are reached as they are named; a proxy of the person's would not
reach them.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from quorate.errors import MachineError, UnreachableError

TIMEOUT_SECONDS = 60.0
LARGEST_BYTES = 512 * 2**20
PIECE = 2**16
SHOWN = 200
"""Characters of an answer that an error shows."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where something answers; `path` is what its own paths begin with, without a last `/`.

    `socket`: a unix socket here that leads there (a forward).
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    socket: Path | None = None

    def __str__(self) -> str:
        default = {"http": 80, "https": 443}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == default else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def endpoint(self) -> str:
        """`host:port`, as ssh takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def through(self, path: Path) -> Address:
        """The same address, reached through a socket."""
        return replace(self, socket=path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    kind: str
    body: bytes
    location: str = ""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body)

    @property
    def shown(self) -> str:
        """The beginning of the body, on one line, for an error."""
        text = " ".join(self.body[: 4 * SHOWN].decode(errors="replace").split())
        return text[:SHOWN] + (" …" if len(text) > SHOWN else "")


def parse_address(url: str) -> Address:
    """The address in an `http://` or `https://` URL.

    Raises:
        ValueError: with a sentence that can be shown.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"`{url}` is not a URL ({error})") from None
    if parts.username or parts.password:
        raise ValueError("a URL must hold no user and password; they would end up in files")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"`{url}` is not a URL; write http://HOST:PORT")
    if parts.query or parts.fragment:
        raise ValueError(f"`{url}`: leave out what follows `?` or `#`")
    return Address(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or {"http": 80, "https": 443}[parts.scheme],
        path=parts.path.rstrip("/"),
    )


def get(
    address: Address,
    path: str,
    parameters: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Answer:
    """GET a path below an address, whatever status it answers with.

    Args:
        timeout: seconds for all of it.

    Raises:
        UnreachableError: nothing answers there, or not in time.
        MachineError: what answers does not speak HTTP, or answers without end.
    """
    query = f"?{urlencode(parameters)}" if parameters else ""
    deadline = time.monotonic() + timeout
    connection = _connection(address, timeout)
    try:
        connection.request("GET", f"{address.path}{path}{query}", headers=dict(headers or {}))
        response = connection.getresponse()
        body = _read(response, deadline)
        return Answer(
            status=response.status,
            kind=response.getheader("Content-Type") or "",
            body=body,
            location=response.getheader("Location") or "",
        )
    except TimeoutError as error:
        raise UnreachableError(
            f"{address} has not answered within {timeout:g} s",
            cause="it is overloaded, or something on the way drops packets",
            todo="try `curl` from here; ask for a shorter window",
        ) from error
    except ssl.SSLError as error:
        raise UnreachableError(f"no TLS connection to {address}", cause=str(error)) from error
    except OSError as error:
        raise _silent(address, error) from error
    except http.client.HTTPException as error:
        raise MachineError(
            f"{address} does not speak HTTP",
            cause=str(error) or type(error).__name__,
            todo="check the port",
        ) from error
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body; each piece has the connection's time limit, all together the deadline's."""
    pieces, size = [], 0
    while piece := response.read1(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_BYTES:
            raise MachineError(f"the answer is larger than {LARGEST_BYTES // 2**20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError
    left = response.length
    if left:
        raise http.client.IncompleteRead(b"", left)
    return b"".join(pieces)


def _silent(address: Address, error: OSError) -> UnreachableError:
    said = error.strerror or str(error) or "the connection is closed without an answer"
    if address.socket is not None:
        return UnreachableError(
            f"{address} does not answer on that server",
            cause=said,
            todo="check the port with `ss -lnt` there: the URL is as the server itself sees it",
        )
    return UnreachableError(
        f"{address} does not answer",
        cause=said,
        todo="check host and port; one that answers only on a server is reached through it",
    )


def _connection(address: Address, timeout: float) -> http.client.HTTPConnection:
    if address.scheme == "https":
        made: http.client.HTTPConnection = http.client.HTTPSConnection(
            address.host, address.port, timeout=timeout
        )
    else:
        made = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    if address.socket is not None:
        made.sock = _unix(address, timeout)
    return made


def _unix(address: Address, timeout: float) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout)
    try:
        stream.connect(str(address.socket))
        if address.scheme == "https":
            context = ssl.create_default_context()
            return context.wrap_socket(stream, server_hostname=address.host)
    except OSError as error:
        stream.close()
        raise _silent(address, error) from error
    return stream
