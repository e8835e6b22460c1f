"""A password as Postgres keeps it (RFC 5802, RFC 7677), so that no statement has the word itself.

Statements may be logged by the server, and be looked at in pg_stat_activity.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

ITERATIONS = 4096
SALT_BYTES = 16
_FORM = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


def verifier(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """What `CREATE ROLE … PASSWORD` takes in the place of the password.

    Raises:
        ValueError: it has other than printable ASCII characters, which would have to be normalized.
    """
    if not password or not (password.isascii() and password.isprintable()):
        raise ValueError("write the password in printable ASCII characters")
    used = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), used, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(used)}${_text(stored)}:{_text(server)}"


def fits(password: str, kept: str) -> bool:
    """Whether what Postgres keeps is of this password."""
    match = _FORM.fullmatch(kept)
    if match is None or not password:
        return False
    made = verifier(password, salt=base64.b64decode(match[2]), iterations=int(match[1]))
    return hmac.compare_digest(made, kept)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
