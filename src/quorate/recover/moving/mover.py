"""What runs inside the two containers of a move: beside the data, and where they go.

The one beside the data offers them to be read, by rsync's own server; the other brings them. Each
can tell what its tree of files is, exactly (trees.py).
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.errors import MachineError, UsageError
from quorate.recover.moving import trees
from quorate.tools import clock, command, filelock, rsync

MODULE, TOLD = "data", "told"
"""What is offered: the volumes, and what each of their files is."""
USER = "mover"
PROBE = ".quorate-probe"
PROBE_BYTES = 64 * 2**20
PROBE_SECONDS = 20.0
LOCK_SECONDS = 3600.0
PULL_SECONDS = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are inside a container of a move."""

    data: Path = Path("/data")
    state: Path = Path("/run/quorate-mover")
    password: Path = Path("/run/secrets/mover-password")
    port: int = rsync.PORT

    @property
    def told(self) -> Path:
        """The directory with what each file was when a tree was told last, and nothing else."""
        return self.state / TOLD


def serve(places: Places) -> None:
    """Become the server of the files; returns never.

    Raises:
        MachineError: this is no container of a move. CommandError: rsync is not installed.
    """
    command.replace_process(rsync.daemon(prepared(places)))


def prepared(places: Places, *, chroot: bool = True) -> Path:
    """Write the server's configuration and its password; where it is.

    Raises:
        MachineError: this is no container of a move.
    """
    password = _password(places)
    places.state.mkdir(parents=True, exist_ok=True)
    secrets = places.state / "secrets"
    secrets.touch(mode=0o600)
    secrets.write_text(f"{USER}:{password}\n")
    text = rsync.config(
        {MODULE: places.data, TOLD: places.told},
        user=USER,
        secrets=secrets,
        port=places.port,
        chroot=chroot,
    )
    places.told.mkdir(exist_ok=True)
    places.data.mkdir(parents=True, exist_ok=True)
    probe = places.data / PROBE
    with probe.open("wb") as file:
        file.truncate(PROBE_BYTES)
    configuration = places.state / "rsyncd.conf"
    configuration.write_text(text)
    return configuration


def pull(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Make these volumes the same as the source's, one after the other.

    Args:
        told: `host`, `volumes` (numbers), `checksum`, `tree` (tell the tree afterwards),
            `differing` (nothing but what differs between the tree that the source told last, and
            the one that was told here last: nobody may have written to either since; the tree
            is then told anew of these names alone).

    Raises:
        MachineError: it failed; what was brought so far stays.
    """
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        began = clock.monotonic()
        names = _differing(places, told) if told.get("differing") else None
        made = _brought(places, told, names)
        out: dict[str, Any] = {
            "seconds": round(clock.monotonic() - began, 3),
            "files": sum(one.files for one in made),
            "changed": sum(one.changed for one in made),
            "sent": sum(one.sent for one in made),
            "total": sum(one.total for one in made),
        }
        if told.get("tree"):
            out["tree"] = trees.tell(places.data, places.told, told["volumes"], only=names)
        return out


def tree(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the trees of these volumes are: a digest over all, files, bytes.

    Raises:
        MachineError: something cannot be read.
    """
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        live = bool(told.get("live"))
        return trees.tell(places.data, places.told, told["volumes"], live=live)


def room(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Of each volume: bytes free on its disk, and how many entries it has at its top."""
    found = []
    for number in told["volumes"]:
        directory = places.data / str(number)
        names = sorted(path.name for path in directory.iterdir())
        found.append({"free": shutil.disk_usage(directory).free, "entries": names[:5]})
    return {"volumes": found}


def rate(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Bytes per second from the source to here, by a bounded transfer."""
    into = places.state / "probe"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    try:
        # Only the probe: the directory itself holds the volumes.
        address = f"{_address(places, told['host'])}/{PROBE}"
        made = rsync.mirror(address, into, password_file=_private(places), timeout=PROBE_SECONDS)
    finally:
        shutil.rmtree(into, ignore_errors=True)
    return {"rate": round(PROBE_BYTES / max(made.seconds, 0.001))}


VERBS = {"pull": pull, "tree": tree, "room": room, "rate": rate}


def answer(places: Places, verb: str, text: str) -> dict[str, Any]:
    """Do what is told in JSON.

    Raises:
        UsageError: there is no such verb, or it cannot be read. Otherwise as the verbs do.
    """
    act = VERBS.get(verb)
    if act is None:
        # Imported for its verbs only: a service is down while a copy of files is compared.
        from quorate.recover.moving import following

        act = following.VERBS.get(verb)
    if act is None:
        raise UsageError(f"no such verb: {verb}", todo="this is for services that Quorate starts")
    try:
        told = json.loads(text)
    except ValueError as error:
        raise UsageError(f"what is told to `{verb}` is not JSON") from error
    try:
        places.state.mkdir(parents=True, exist_ok=True)
        return act(places, told)
    except OSError as error:
        raise MachineError(
            f"{error.filename or places.data}: {error.strerror or error}",
            cause="the disk is full or damaged, or the volume went",
        ) from error


def _brought(places: Places, told: dict[str, Any], names: list[str] | None) -> list[rsync.Made]:
    if names is None:
        return [_pull_one(places, told, number) for number in told["volumes"]]
    listed = places.state / "names"
    listed.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in names))
    return [
        rsync.mirror(
            f"{_address(places, told['host'])}/",
            places.data,
            password_file=_private(places),
            timeout=PULL_SECONDS,
            names=listed,
        )
    ]


def _differing(places: Places, told: dict[str, Any]) -> list[str] | None:
    """The names that differ by what both sides told last; None: not known by names alone."""
    theirs = places.state / "theirs"
    theirs.mkdir(exist_ok=True)
    address = f"{_address(places, told['host'], TOLD)}/"
    rsync.mirror(address, theirs, password_file=_private(places), timeout=PULL_SECONDS)
    return trees.differing(places.told, theirs)


def _pull_one(places: Places, told: dict[str, Any], number: int) -> rsync.Made:
    return rsync.mirror(
        f"{_address(places, told['host'])}/{number}/",
        places.data / str(number),
        password_file=_private(places),
        timeout=PULL_SECONDS,
        checksum=bool(told.get("checksum")),
    )


def _address(places: Places, host: str, module: str = MODULE) -> str:
    return f"rsync://{USER}@{host}:{places.port}/{module}"


def _private(places: Places) -> Path:
    """The password in a file that rsync takes: nobody else may read it."""
    file = places.state / "password"
    file.touch(mode=0o600)
    file.write_text(_password(places))
    return file


def _password(places: Places) -> str:
    try:
        return places.password.read_text().strip()
    except OSError as error:
        raise MachineError(
            f"{places.password} cannot be read",
            cause="this is what a service of `quorate move` runs, and nothing for people",
        ) from error
