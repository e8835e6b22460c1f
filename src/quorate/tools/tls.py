"""What a TLS server shows of itself."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

SECONDS = 10.0


def shown_certificate(path: Path, *, timeout: float = SECONDS) -> str:
    """The certificate (PEM) of the server behind a unix socket, whoever signed it.

    Raises:
        OSError: nothing answers there, or what does speaks no TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(timeout)
        raw.connect(str(path))
        with context.wrap_socket(raw) as wrapped:
            found = wrapped.getpeercert(binary_form=True)
    if not found:
        raise ssl.SSLError("no certificate was shown")
    return ssl.DER_cert_to_PEM_cert(found)
