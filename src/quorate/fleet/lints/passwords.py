"""Passwords in clear in a service's environment. The value itself is never shown."""

from __future__ import annotations

import re

from quorate.fleet.interpolate import GIVEN
from quorate.fleet.lints.context import Context
from quorate.fleet.merge import as_pairs
from quorate.fleet.model import Service

_NAME = re.compile(
    r"(^|_)(PASS|PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|APIKEY|API_KEY|PRIVATE_KEY|SECRET_KEY"
    r"|ACCESS_KEY|OPENSSL_KEY_V1|CREDENTIALS)(_|$|\d)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"(_FILE|_PATH|_DIR|_URL|_URI|_HOST|_NAME|_USER|_TTL|_EXPIRY|_EXPIRATION|_EXPIRES?(_IN)?"
    r"|_LIFETIME|_LENGTH|_TYPE|_ENABLED?|_POLICY|_MIN|_MAX|_HEADER|_ISSUER|_ALGORITHM|_ID)$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    rf"{GIVEN}*|true|false|yes|no|on|off|none|null|\d{1, 5}|/.*|__fill_in__", re.IGNORECASE
)
_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.\-]*://[^/\s:@]+:(?P<password>[^/\s:@]+)@", re.IGNORECASE)


def lint(context: Context) -> None:
    """Report variables that look like passwords and are written out in the compose file."""
    for service in context.swarm_services:
        _service(context, service)


def _service(context: Context, service: Service) -> None:
    written = context.view(service).value("environment")
    pairs = as_pairs(written) if written is not None else None
    if pairs is None:
        return
    as_written = context.project(service).written
    for key, value in pairs.items():
        mark = pairs.at(key)
        text = as_written.get(mark, "" if value is None else str(value))
        if _in_clear(key, text.removeprefix(f"{key}=")):
            what = f"`{key}` of `{service.id}` looks like a password in clear"
            context.problems.add("Q513", mark, what)


def _in_clear(key: str, text: str) -> bool:
    """Whether a value holds a password as it was written; what variables give is not."""
    address = _IN_ADDRESS.search(text)
    if address is not None and address["password"].strip(GIVEN):
        return True
    named = _NAME.search(key) and not _ELSEWHERE.search(key)
    return bool(named and not _HARMLESS.fullmatch(text))
