"""What the pages of a runbook are made of: headings, blocks of commands, names. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from quorate.backup.bundle.content import Item
from quorate.backup.tags import SAFE
from quorate.fleet.model import Server

Paths = Mapping[str, str]
"""What a value is used for → its path in the opened recovery bundle."""


def block(commands: Iterable[str]) -> Iterator[str]:
    """A block of commands, to be typed as they are."""
    yield "```sh"
    yield from commands
    yield "```"
    yield ""


def paths_of(items: Iterable[Item]) -> dict[str, str]:
    """Where each value lies in the opened bundle."""
    return {use: item.path for item in items for use in item.uses}


def login(server: Server) -> str:
    """How a person reaches a server: `ssh -p 2222 ops@192.0.2.1`."""
    port = f"-p {server.ssh.port} " if server.ssh.port else ""
    user = f"{server.ssh.user}@" if server.ssh.user else ""
    return f"ssh {port}{user}{server.address}"


def directory(source: str) -> str:
    """A source's name as a directory's."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", source)


def tag(source: str) -> str:
    """A source's name as it stands in the tags of its copies, for a shell."""
    return shlex.quote(quote(source, safe=SAFE))


def value(path: str) -> str:
    """A file of the opened bundle, for a shell."""
    return f'"$RECOVERY/{path}"'
