"""A certificate is taken from a real TLS server that wants one of its clients."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.observe.certificate import validity
from quorate.tools import command
from quorate.tools.tls import shown_certificate


@pytest.fixture
def place() -> Iterator[Path]:
    """Short: the path of a unix socket has little room."""
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        yield Path(name)


def serve(place: Path, *, tls: bool) -> Path:
    """A server for one connection, which it ends without a word for a client it does not know."""
    names = ["-keyout", str(place / "key"), "-out", str(place / "certificate")]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
    command.run(["openssl", "req", "-x509", "-days", "90", *kind, *names])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "certificate", place / "key")
    context.verify_mode = ssl.CERT_REQUIRED
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(place / "s"))
    listening.listen()

    def once() -> None:
        with listening, listening.accept()[0] as raw, contextlib.suppress(OSError):
            if tls:
                context.wrap_socket(raw, server_side=True).close()

    threading.Thread(target=once, daemon=True).start()
    return place / "s"


def test_what_it_shows_to_a_stranger(place: Path) -> None:
    path = serve(place, tls=True)
    found = validity(shown_certificate(path))
    assert found == validity((place / "certificate").read_text())


def test_what_speaks_no_tls_has_none(place: Path) -> None:
    path = serve(place, tls=False)
    with pytest.raises(OSError):
        shown_certificate(path)
