"""When an X.509 certificate is valid, and whose it is: as much of DER as that takes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from quorate.observe.deep_model import Validity

PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
VERSION, UTC_TIME, LONG_TIME = 0xA0, 0x17, 0x18
BEFORE_VALIDITY = 3  # serial number, algorithm, issuer (RFC 5280, section 4.1)
BEFORE_SUBJECT = 4
NAMES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
"""What of a subject is read: attribute types 2.5.4.3, 2.5.4.10, 2.5.4.11."""
FORMATS = {UTC_TIME: "%y%m%d%H%M%SZ", LONG_TIME: "%Y%m%d%H%M%SZ"}


def validity(pem: str) -> Validity:
    """Of the first certificate in the text.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    try:
        since = _content(_after(pem, BEFORE_VALIDITY))
        until = since[_length(since) :]
        return Validity(since=_time(since), until=_time(until))
    except (IndexError, KeyError, UnicodeDecodeError, binascii.Error) as error:
        raise ValueError("the certificate cannot be read") from error


def subject(pem: str) -> dict[str, str]:
    """Whose the first certificate in the text is: `CN`, `O` and `OU`, as far as they are there.

    Of a node of Swarm they are its id, its swarm's, and swarm-manager or swarm-worker (swarmkit,
    ca/certificates.go).

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    try:
        rest = _content(_after(pem, BEFORE_SUBJECT))
        found = {}
        while rest:
            pair = _content(_content(rest))
            name = NAMES.get(_content(pair))
            if name is not None:
                found[name] = _content(pair[_length(pair) :]).decode()
            rest = rest[_length(rest) :]
        return found
    except (IndexError, UnicodeDecodeError, binascii.Error) as error:
        raise ValueError("the certificate cannot be read") from error


def _after(pem: str, elements: int) -> bytes:
    """What is left of the first certificate after its version and so many elements more."""
    found = PEM.search(pem)
    if found is None:
        raise ValueError("no certificate is there")
    rest = _content(_content(base64.b64decode(found.group(1), validate=False)))
    if rest[0] == VERSION:
        rest = rest[_length(rest) :]
    for _ in range(elements):
        rest = rest[_length(rest) :]
    return rest


def _head(data: bytes) -> tuple[int, int]:
    """Where an element's content begins, and its length."""
    if data[1] < 0x80:
        return 2, data[1]
    count = data[1] & 0x7F
    return 2 + count, int.from_bytes(data[2 : 2 + count], "big")


def _content(data: bytes) -> bytes:
    start, length = _head(data)
    return data[start : start + length]


def _length(data: bytes) -> int:
    """Of a whole element, head and content."""
    start, length = _head(data)
    return start + length


def _time(data: bytes) -> datetime:
    text = _content(data).decode("ascii")
    return datetime.strptime(text, FORMATS[data[0]]).replace(tzinfo=UTC)
