"""A dead man's switch: a URL that is asked after each good round. It holds a token: never shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quorate.deploy.values import read_value
from quorate.errors import MachineError, UsageError
from quorate.fleet.model import Fleet
from quorate.tools import http

TIMEOUT_SECONDS = 10.0
GOOD = range(200, 300)


def heartbeat_of(fleet: Fleet) -> Callable[[], None] | None:
    """What sends a heartbeat; None: the fleet file names none.

    It raises CheckError where the URL's source gives none, UsageError where that is no URL,
    MachineError where nobody takes it.
    """
    source = fleet.backup.heartbeat
    if source is None:
        return None
    directory = fleet.path.absolute().parent

    def beat() -> None:
        value = read_value("of backup.heartbeat", source, directory=directory)
        send(value.decode(errors="replace").strip())

    return beat


def send(url: str) -> None:
    """Ask a URL once.

    Raises:
        UsageError: it is none.
        MachineError: what answers there does not take it; UnreachableError: nothing does.
    """
    try:
        whole = http.parse_address(url)
    except ValueError:
        raise UsageError(
            "what `backup.heartbeat` names holds no URL",
            todo="put https://HOST/PATH there, without a user and without `?`",
        ) from None
    # Without its path, which no error may show.
    answer = http.get(replace(whole, path=""), whole.path or "/", timeout=TIMEOUT_SECONDS)
    if answer.status not in GOOD:
        raise MachineError(
            f"the heartbeat was answered with {answer.status} by {whole.host}",
            todo="look whether the URL is still the right one",
        )
