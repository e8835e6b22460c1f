"""What runs inside the two containers of a move: beside the data, and where they go.

The one beside the data offers them to be read, by rsync's own server; the other brings them. Each
can tell what its tree of files is, exactly. What it has read once it reads again only where
the engine's kernel says that the file has changed since (its time of change of state, which
no program can set).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.backup.filetree import SEVERAL_NAMES, digest_of, manifest_of
from quorate.errors import MachineError, UsageError
from quorate.tools import clock, command, filelock, rsync

MODULE, TOLD = "data", "told"
"""What is offered: the volumes, and what each of their files is."""
USER = "mover"
TREE = "tree.json"
"""What each file was when a tree was told last."""
PROBE = ".quorate-probe"
PROBE_BYTES = 64 * 2**20
PROBE_SECONDS = 20.0
LOCK_SECONDS = 3600.0
PULL_SECONDS = 24 * 3600.0
SETTLED_NS = 2 * 10**9
"""A file that changed its state so shortly ago may change again with the same time."""


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


@dataclass
class Digests:
    """Digests that were read, by what the file was then."""

    kept: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    began: int = 0

    def __call__(self, path: str, state: os.stat_result) -> str:
        key = (
            f"{state.st_dev}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"
        )
        found = self.kept.get(key) or digest_of(path)
        if state.st_ctime_ns < self.began - SETTLED_NS:
            self.used[key] = found
        return found


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
            the one that was told here last: nobody may have written to either since).

    Raises:
        MachineError: it failed; what was brought so far stays.
    """
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        began = clock.monotonic()
        made = _brought(places, told)
        out: dict[str, Any] = {
            "seconds": round(clock.monotonic() - began, 3),
            "files": sum(one.files for one in made),
            "changed": sum(one.changed for one in made),
            "sent": sum(one.sent for one in made),
            "total": sum(one.total for one in made),
        }
        if told.get("tree"):
            out["tree"] = _tree(places, told["volumes"])
        return out


def tree(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the trees of these volumes are: a digest over all, files, bytes.

    Raises:
        MachineError: something cannot be read.
    """
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        return _tree(places, told["volumes"], live=bool(told.get("live")))


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


def _brought(places: Places, told: dict[str, Any]) -> list[rsync.Made]:
    names = _differing(places, told) if told.get("differing") else None
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
    """The names, each below its volume's number, that differ by what both sides told last.

    None: it is not known, or a file of several names is among them, which would have to be
    brought by all of its names at once.
    """
    theirs = places.state / "theirs"
    theirs.mkdir(exist_ok=True)
    address = f"{_address(places, told['host'], TOLD)}/"
    rsync.mirror(address, theirs, password_file=_private(places), timeout=PULL_SECONDS)
    here, there = _lines(places.told / TREE), _lines(theirs / TREE)
    if not here or not there:
        return None
    if any(SEVERAL_NAMES in line for line in here ^ there):
        return None
    return names_of(here - there, there - here)


def names_of(former: Iterable[str], present: Iterable[str]) -> list[str]:
    """The names of lines that are there, and of those that are not there any more. Pure.

    What was below a directory that is gone, or is none any more, goes with it.
    """
    found = {line.rpartition("\t")[0] for line in present}
    gone = {line.rpartition("\t")[0] for line in former} - found
    files = {
        name
        for name, _, what in (line.rpartition("\t") for line in present)
        if not what.startswith("0:directory;")
    }
    left = {name for name in gone if name.rpartition("/")[0] not in gone | files}
    # The top of a volume is its own part `.`, which rsync would take for a mark.
    return sorted(name.removesuffix("/.") for name in found | left)


def _lines(file: Path) -> set[str]:
    try:
        return set(json.loads(file.read_text()))
    except (OSError, ValueError):
        return set()


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


def _tree(places: Places, volumes: Sequence[int], *, live: bool = False) -> dict[str, Any]:
    began = clock.monotonic()
    kept = places.state / "digests.json"
    digests = Digests(kept=_read(kept), began=int(clock.now().timestamp() * 1e9))
    lines: list[str] = []
    size = 0
    for number in volumes:
        found = manifest_of(places.data / str(number), live=live, digest=digests)
        lines += [f"{number}/{name}\t{part}\n" for name, part in found.parts.items()]
        size += sum(int(part.partition(":")[0]) for part in found.parts.values())
    # Names have every sign but one; and one call is a tenth of the time of 100,000.
    places.told.mkdir(exist_ok=True)
    (places.told / TREE).write_text(json.dumps(lines))
    kept.write_text(json.dumps(digests.used))
    whole = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    seconds = round(clock.monotonic() - began, 3)
    return {"digest": whole, "files": len(lines), "size": size, "seconds": seconds}


def _read(kept: Path) -> dict[str, str]:
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
