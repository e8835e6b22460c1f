"""rsync: a directory made the same as another one that a server of rsync's own offers.

All that a file is goes along: owners by number, modes, times to the nanosecond, links, devices,
extended attributes and access lists. What is not there any more goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate.errors import MachineError
from quorate.tools import clock, command

PORT = 873
VANISHED = 24
"""Files went while they were read: of a tree in use that is nothing to worry about."""
REASONS = {
    5: "the password is not the one that the server has, or it offers no such directory",
    10: "the server of the files cannot be reached",
    12: "the connection broke",
    23: "some files could not be read or written",
    30: "the connection stood still",
}
UNREACHED = 10
CONNECT_TRIES, CONNECT_WAIT = 10, 1.0
"""A name may take some seconds until it is known in a network of the swarm."""
QUIET_SECONDS = 120
"""With nothing coming for this long, a connection counts as broken."""
CONFIG = """\
port = {port}
use chroot = {chroot}
numeric ids = yes
uid = root
gid = root
reverse lookup = no
log file = /dev/stderr
max verbosity = 0
"""
OFFERED = """\
[{module}]
path = {path}
read only = yes
list = no
auth users = {user}
secrets file = {secrets}
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a run did: seconds, files that were sent anew, bytes of them, bytes over the wire.

    `total`: bytes of all files there are.
    """

    seconds: float
    files: int
    changed: int
    sent: int
    total: int


def config(
    offered: Mapping[str, Path], *, user: str, secrets: Path, port: int, chroot: bool
) -> str:
    """The configuration of a server that offers directories to be read, each by a name. Pure."""
    head = CONFIG.format(port=port, chroot="yes" if chroot else "no\nmunge symlinks = no")
    return head + "".join(
        OFFERED.format(module=module, path=path, user=user, secrets=secrets)
        for module, path in offered.items()
    )


def daemon(configuration: Path) -> list[str]:
    """The server's command line."""
    return ["rsync", "--daemon", "--no-detach", f"--config={configuration}"]


def mirror(
    address: str,
    into: Path,
    *,
    password_file: Path,
    timeout: float,
    checksum: bool = False,
    names: Path | None = None,
) -> Made:
    """Make a directory the same as a server's.

    Args:
        address: `rsync://USER@HOST:PORT/MODULE/PATH/`.
        checksum: read every file on both sides, whatever its time and size say.
        names: a file of names, a zero byte after each: only these are looked at, whatever their
            time and size say, and go where they are not there any more; of a directory only
            itself.

    Raises:
        CommandError: rsync is not installed, or did not end in time.
        MachineError: it failed; what was brought so far stays.
    """
    argv = [
        *("rsync", "--archive", "--hard-links", "--acls", "--xattrs", "--numeric-ids"),
        *("--sparse", "--modify-window=-1", "--stats"),
        *("--timeout", str(QUIET_SECONDS), "--password-file", str(password_file)),
        *(["--checksum"] if checksum else []),
        *(_named(names) if names else ["--delete-delay"]),
        *("--", address, f"{into}/"),
    ]
    for _ in range(CONNECT_TRIES):
        done = command.run(argv, timeout=timeout, check=False)
        if done.code != UNREACHED:
            break
        clock.sleep(CONNECT_WAIT)
    if done.code not in (0, VANISHED):
        raise _failed(done, into)
    return stats(done.stdout, done.seconds)


def _named(names: Path) -> list[str]:
    return ["--ignore-times", "--delete-missing-args", "--force", "--from0",
            f"--files-from={names}"]  # fmt: skip


def stats(text: str, seconds: float = 0.0) -> Made:
    """What `--stats` tells. Pure."""
    return Made(
        seconds=seconds,
        files=_figure(text, "Number of regular files transferred"),
        changed=_figure(text, "Total transferred file size"),
        sent=_figure(text, "Total bytes received"),
        total=_figure(text, "Total file size"),
    )


def _figure(text: str, name: str) -> int:
    found = re.search(rf"^{re.escape(name)}: ([\d,.]+)", text, re.MULTILINE)
    return int(re.sub(r"[,.]", "", found[1])) if found else 0


def _failed(done: command.Result, into: Path) -> MachineError:
    said = command.last_lines(done.stderr, 3)
    full = "No space left" in done.stderr
    return MachineError(
        f"the files could not be brought into {into}",
        cause="; ".join(filter(None, (REASONS.get(done.code, ""), said)))
        or f"rsync ended with exit code {done.code}",
        todo="make room on the disk" if full else "see that both servers are up, and go on",
    )
