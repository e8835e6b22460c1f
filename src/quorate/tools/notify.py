"""Messages to people: mail, chat, webhooks, by Apprise. Its URLs are secret, whole and in parts.

This is the only module that imports Apprise, on first use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

from quorate.errors import MachineError
from quorate.tools import command

SHORTEST_SECRET = 3
"""Parts of a URL that are shorter are in every text anyway."""

_one_at_a_time = threading.Lock()


def send(name: str, url: str, *, title: str, body: str, bad: bool = False) -> None:
    """Send a message to one address.

    Args:
        name: what the address is called; nothing else of it is shown.
        bad: whether something is wrong.

    Raises:
        MachineError: it is none that Apprise knows, or what is there does not take it.
    """
    import apprise

    with _one_at_a_time, _heard() as said:
        door = apprise.Apprise()
        if not door.add(url.strip()):
            raise MachineError(
                f"the address {name} under `backup.notify.to` is none",
                cause=f"Apprise knows no such URL{_scheme(url)}",
                todo="write one as https://github.com/caronc/apprise/wiki shows them",
            )
        kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.INFO
        taken = door.notify(
            body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
    if not taken:
        why = command.mask(" ".join(said[-2:]), _parts(url))
        raise MachineError(
            f"the message to {name} was not taken",
            cause=why or None,
            todo="`quorate backup notify --test` tries each address",
        )


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise says meanwhile: it returns no reasons. Nothing of it is printed."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, ear = logging.getLogger("apprise"), Ear(level=logging.WARNING)
    former = logger.propagate
    logger.addHandler(ear)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(ear)
        logger.propagate = former


def _scheme(url: str) -> str:
    scheme, found, _ = url.strip().partition("://")
    return f" ({scheme}://…)" if found and scheme.isalnum() and len(scheme) < 20 else ""


def _parts(url: str) -> list[str]:
    """All of a URL that may be secret, the longest first, as written and as meant."""
    found = {url.strip()}
    try:
        parts = urlsplit(url.strip())
        found |= {parts.username or "", parts.password or "", parts.path.strip("/")}
        found |= set(parts.path.split("/")) | {value for _, value in parse_qsl(parts.query)}
    except ValueError:
        found |= set(url.replace("@", "/").replace(":", "/").split("/"))
    every = found | {unquote(part) for part in found}
    return sorted((one for one in every if len(one) > SHORTEST_SECRET), key=len, reverse=True)
