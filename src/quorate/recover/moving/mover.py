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
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.backup.filetree import digest_of, manifest_of
from quorate.errors import MachineError, UsageError
from quorate.recover.moving import standby
from quorate.tools import clock, command, filelock, rsync

MODULE = "data"
USER = "mover"
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
        module=MODULE,
        path=places.data,
        user=USER,
        secrets=secrets,
        port=places.port,
        chroot=chroot,
    )
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
        told: `host`, `volumes` (numbers), `checksum`, `tree` (tell the tree afterwards).

    Raises:
        MachineError: it failed; what was brought so far stays.
    """
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        began = clock.monotonic()
        made = [_pull_one(places, told, number) for number in told["volumes"]]
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


def cluster(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Who owns a data directory and what is above it in its volume; whether it is alone there."""
    here, chain, alone = places.data / "0", [], True
    for part in (*Path(told["below"]).parts, ""):
        state = here.stat()
        chain.append([state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)])
        if part:
            alone = alone and [path.name for path in here.iterdir()] == [part]
            here /= part
    return {"chain": chain, "alone": alone and (here / "PG_VERSION").exists()}


def look_primary(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the primary of a replica is."""
    del places
    return standby.look(told)


def follow(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Make a streaming replica here."""
    replica = _replica(places, told)
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        here = places.data / "0"
        for part, (owner, group, mode) in zip(
            ("", *Path(told["below"]).parts), told["chain"], strict=True
        ):
            here = here / part if part else here
            here.mkdir(exist_ok=True)
            os.chown(here, owner, group)
            here.chmod(mode)
        try:
            return standby.begin(replica, told, told["found"])
        except MachineError:
            _stop(places, replica)
            raise


def rest(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the replica is, once its primary has shut down."""
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        return dict(standby.end(_replica(places, told)))


def unfollow(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Stop the replica."""
    with filelock.hold(places.state / "lock", what="a move", timeout=LOCK_SECONDS):
        _stop(places, _replica(places, told))
    return {}


def dismiss(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """Take what admits a replica out of the primary again."""
    del places
    standby.dismiss(told)
    return {}


def control(places: Places, told: dict[str, Any]) -> dict[str, Any]:
    """What the cluster at the source is, by its own record."""
    return dict(standby.at_source(places.data / "0" / told["below"]))


def _stop(places: Places, replica: standby.Standby) -> None:
    """Stop a replica, whose directory is none any more: its files are written over."""
    (places.state / "standby" / standby.DONE).unlink(missing_ok=True)
    standby.stop(replica)


def _replica(places: Places, told: dict[str, Any]) -> standby.Standby:
    owner, group, _ = told["chain"][-1]
    return standby.Standby(
        data=places.data / "0" / told["below"],
        state=places.state / "standby",
        owner=owner,
        group=group,
        user=str(told["reach"].get("user") or "postgres"),
    )


VERBS = {
    **{"pull": pull, "tree": tree, "room": room, "rate": rate},
    **{"cluster": cluster, "look-primary": look_primary, "follow": follow, "rest": rest},
    **{"unfollow": unfollow, "dismiss": dismiss, "control": control},
}


def answer(places: Places, verb: str, text: str) -> dict[str, Any]:
    """Do what is told in JSON.

    Raises:
        UsageError: there is no such verb, or it cannot be read. Otherwise as the verbs do.
    """
    act = VERBS.get(verb)
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


def _pull_one(places: Places, told: dict[str, Any], number: int) -> rsync.Made:
    return rsync.mirror(
        f"{_address(places, told['host'])}/{number}/",
        places.data / str(number),
        password_file=_private(places),
        timeout=PULL_SECONDS,
        checksum=bool(told.get("checksum")),
    )


def _address(places: Places, host: str) -> str:
    return f"rsync://{USER}@{host}:{places.port}/{MODULE}"


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
    whole = hashlib.sha256()
    files = size = 0
    with (places.state / "tree.txt").open("w", encoding="utf-8", errors="surrogateescape") as out:
        for number in volumes:
            found = manifest_of(places.data / str(number), live=live, digest=digests)
            for name, part in found.parts.items():
                line = f"{number}/{name}\t{part}\n"
                whole.update(line.encode("utf-8", "surrogateescape"))
                out.write(json.dumps(line) + "\n")
            files += len(found.parts)
            size += sum(int(part.partition(":")[0]) for part in found.parts.values())
    kept.write_text(json.dumps(digests.used))
    seconds = round(clock.monotonic() - began, 3)
    return {"digest": whole.hexdigest(), "files": files, "size": size, "seconds": seconds}


def _read(kept: Path) -> dict[str, str]:
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
