"""Redis: an RDB file as the server sends it to a replica, checked, loaded, and digested.

A running server cannot be asked for a digest of the moment at which it sent its
data. So the manifest is taken from the dump itself, loaded into a scratch server
beside the spool: it proves that what comes out of a repository later is what
went in, and that it loads. That it is what the server had is known by its own
checksum, and by the number of keys before and after.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quorate.backup import scratch
from quorate.backup.model import Kind, Manifest
from quorate.backup.policy.manifests import Restored
from quorate.backup.sources import base, redis_digest
from quorate.errors import CommandError, MachineError, RefusedError
from quorate.tools import clock
from quorate.tools import redis as red

DUMP = "dump.rdb"
POLL_SECONDS = 0.05
FUNCTIONS = 7
"""The major version since when a Redis keeps functions, which FLUSHALL leaves."""
SLACK = 0.1
"""The share of keys by which a dump may differ from what a busy server had before and after."""
SLACK_KEYS = 1000
"""So many keys may always have come and gone."""


@dataclass(frozen=True, kw_only=True)
class Redis:
    """A Redis server as a source.

    `seconds`: the longest that a dump or a load may take. `place`: where a
    scratch server's data goes, three times as large as the dump.
    """

    server: red.Server
    seconds: float = base.DUMP_SECONDS
    place: Path | None = None
    kind: Kind = field(default=Kind.REDIS, init=False)

    def dump(self, spool: Path) -> Manifest:
        """Dump all databases; see `base.DumpedSource`.

        Raises:
            MachineError: a right is lacking, a program failed, or the dump is not whole.
        """
        version = red.info(self.server, "server").get("redis_version", "")
        _require(version)
        with base.filling(spool):
            path = spool / DUMP
            before = keys(self.server)
            red.dump(self.server, path, timeout=self.seconds)
            after = keys(self.server)
            red.check(path, timeout=self.seconds)
            parts = digested(path, self.place, self.seconds)
            suspicious = doubtful(redis_digest.keys_in(parts), before, after)
            if suspicious:
                raise MachineError(
                    suspicious,
                    cause="the dump was cut short, or the server lost its data meanwhile",
                    todo="look at the server, and dump again; this dump does not count",
                )
            made = Manifest(
                kind=self.kind, version=version, parts=parts | {"keys": f"{sum_of(parts)}:all"}
            )
            base.publish(spool, made)
        return made

    def try_out(self, directory: Path, place: Path | None = None) -> Restored:
        """Load a dump into a scratch server; see `base.DumpedSource`."""
        dumped = base.manifest(directory)
        began = clock.monotonic()
        red.check(directory / DUMP, timeout=self.seconds)
        parts = digested(directory / DUMP, place or self.place, self.seconds)
        found = Manifest(
            kind=self.kind, version=dumped.version, parts=parts | {"keys": f"{sum_of(parts)}:all"}
        )
        return Restored(manifest=found, seconds=clock.monotonic() - began)


def restore(directory: Path, data: Path) -> None:
    """Put a dump into the data directory of a Redis that is not running; it loads it as it starts.

    Raises:
        RefusedError: there are data already, which would be lost or loaded instead.
        MachineError: the dump is not complete, or cannot be copied.
    """
    base.manifest(directory)
    there = [path for path in data.iterdir() if path.suffix in (".rdb", ".aof")]
    there += [path for path in data.glob("appendonlydir/*")]
    if there:
        raise RefusedError(
            f"{data} has data already ({there[0].name}); nothing was changed",
            todo="restore into an empty directory",
        )
    new = data / f".{DUMP}.new"
    try:
        shutil.copyfile(directory / DUMP, new)
        new.replace(data / DUMP)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise MachineError(f"the dump could not be put into {data}: {error.strerror}") from error


def fill(
    server: red.Server, directory: Path, *, place: Path | None, seconds: float, over: bool
) -> None:
    """Fill a running Redis from a dump, by the commands that make it anew.

    Args:
        over: whether what is in it may be removed first.

    Raises:
        RefusedError: there are keys in it; nothing was changed.
        MachineError: the dump is not complete, does not load, or the server refuses something.
    """
    base.manifest(directory)
    red.check(directory / DUMP, timeout=seconds)
    if keys(server) and not over:
        raise RefusedError(
            f"the Redis on {server.host} has keys; nothing was changed",
            todo="restore into an empty one, or say that it is to be over the source",
        )
    with as_commands(directory / DUMP, place, seconds) as written:
        if over:
            red.ask(server, "FLUSHALL", timeout=seconds)
            if red.version_in(red.info(server, "server").get("redis_version", ""))[0] >= FUNCTIONS:
                red.ask(server, "FUNCTION", "FLUSH")
        red.pipe(server, written, timeout=seconds)


def sum_of(parts: dict[str, str]) -> int:
    """How many keys there are; a Redis without any says so too."""
    return redis_digest.keys_in(parts)


def doubtful(dumped: int, before: int, after: int) -> str | None:
    """What is wrong with the number of keys in a dump; None where nothing is. Pure."""
    low, high = min(before, after), max(before, after)
    if low * (1 - SLACK) - SLACK_KEYS <= dumped <= high * (1 + SLACK) + SLACK_KEYS:
        if dumped or not low:
            return None
        return f"the dump is empty, and the server had {low} keys"
    return f"the dump has {dumped} keys, and the server had {before} before it and {after} after"


def keys(server: red.Server) -> int:
    """How many keys a server has, in all its databases.

    Raises:
        CommandError: it does not answer.
    """
    found = red.info(server, "keyspace")
    fields = (dict(pair.split("=") for pair in text.split(",")) for text in found.values())
    return sum(int(each["keys"]) for each in fields)


def digested(path: Path, place: Path | None, seconds: float) -> dict[str, str]:
    """What is in an RDB file, by a scratch server that loads it.

    Raises:
        MachineError: it does not load it, or cannot write what it has.
    """
    with (
        as_commands(path, place, seconds) as written,
        written.open("rb", buffering=1 << 20) as file,
    ):
        return redis_digest.parts(file)


@contextmanager
def as_commands(path: Path, place: Path | None, seconds: float) -> Iterator[Path]:
    """What is in an RDB file as commands that make it anew, by a scratch server that loads it.

    Raises:
        MachineError: it does not load it, or cannot write what it has.
    """
    with scratch.redis(path, place, patience=seconds) as server:
        red.ask(server, "CONFIG", "SET", "appendonly", "yes")
        deadline = clock.monotonic() + seconds
        while not _written(red.info(server, "persistence")):
            if clock.monotonic() > deadline:
                raise MachineError(f"a scratch Redis did not write its keys in {seconds:.0f} s")
            clock.sleep(POLL_SECONDS)
        data = Path(red.ask(server, "CONFIG", "GET", "dir").splitlines()[1])
        (written,) = [*data.glob("appendonlydir/*.base.aof"), *data.glob("appendonly.aof")]
        yield written


def _written(persistence: dict[str, str]) -> bool:
    """Whether the rewrite has ended. Raises MachineError where it failed."""
    waiting = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
    if any(persistence.get(key) != "0" for key in waiting):
        return False
    if persistence.get("aof_last_bgrewrite_status") != "ok":
        raise MachineError(
            "a scratch Redis could not write what it has",
            cause="there is no room where its data lies",
            todo="name a larger place for scratch servers",
        )
    return persistence.get("aof_enabled") == "1"


def _require(version: str) -> None:
    """Raises CommandError where the programs here are of an older major version."""
    here, there = red.version_here(), red.version_in(version)
    if here[0] < there[0]:
        raise CommandError(
            f"the server is Redis {version}, and the programs here are only "
            f"{'.'.join(map(str, here))}",
            cause="an older Redis cannot load what a newer one dumps, so that it could not be "
            "proven",
            todo=f"install Redis {there[0]} or newer here, then retry",
        )
