"""restic's answers, read leniently: fields come and go between 0.14 and 0.19. Pure.

Times are UTC, sizes bytes. What is missing or odd becomes a default, as a
repository may hold what other versions and other people wrote.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NEVER = datetime(1, 1, 1, tzinfo=UTC)
CLOSING = "at least one source file could not be read"


def unread(lines: Iterable[str]) -> tuple[str | None, ...]:
    """The paths that a backup could not read, by its error lines; None for one that names none.

    restic's closing words, which say only that there was something, are no such line.
    """
    found = []
    for line in lines:
        said = whole(line)
        if isinstance(said, dict) and said.get("message_type") == "error":
            found.append(str(said["item"]) if said.get("item") else None)
        elif CLOSING not in line:
            found.append(None)
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A snapshot as restic lists it. `original` is set once it was tagged or copied."""

    id: str
    time: datetime
    tree: str
    hostname: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original: str | None = None

    @property
    def lasting(self) -> str:
        """The id that stays when restic tags or copies a snapshot."""
        return self.original or self.id


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a backup came to; `added` is what the repository grew by, as far as restic tells."""

    snapshot: str
    size: int
    files: int
    added: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far something is."""

    done: int
    total: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes per second so far."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Node:
    """A file, directory … inside a snapshot; `path` begins with a slash."""

    path: str
    type: str
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A snapshot and everything inside it."""

    entry: Entry
    nodes: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds a repository, since when; `exclusive` keeps everybody out."""

    id: str
    time: datetime
    hostname: str = ""
    pid: int = 0
    exclusive: bool = False


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What a prune would do: bytes written anew first, then bytes removed."""

    repack: int
    remove: int


def whole(text: str) -> Any:
    """A JSON document, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def messages(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects among lines of output.

    A name may hold what Python also takes for the end of a line, and JSON leaves as it is: U+0085.
    """
    for line in text.split("\n"):
        said = whole(line) if line.startswith("{") else None
        if isinstance(said, dict):
            yield said


def moment(text: object) -> datetime:
    """A time as restic writes it (nanoseconds, any zone), in UTC; `NEVER` if it is none."""
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)))
    except ValueError:
        return NEVER
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return NEVER


def entries(text: str) -> tuple[Entry, ...]:
    """The answer of `snapshots`: what has no id is left out."""
    said = whole(text)
    listed = said if isinstance(said, list) else []
    found = (_entry(item) for item in listed if isinstance(item, dict))
    return tuple(entry for entry in found if entry.id)


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(
        id=_text(item, "id"),
        time=moment(item.get("time")),
        tree=_text(item, "tree"),
        hostname=_text(item, "hostname"),
        paths=_texts(item.get("paths")),
        tags=_texts(item.get("tags")),
        original=_text(item, "original") or None,
    )


def summary(text: str) -> Summary | None:
    """The last message of a backup; None if it never came."""
    said = [item for item in messages(text) if item.get("message_type") == "summary"]
    if not said or not _text(said[-1], "snapshot_id"):
        return None
    last = said[-1]
    return Summary(
        snapshot=_text(last, "snapshot_id"),
        size=number(last, "total_bytes_processed"),
        files=number(last, "total_files_processed"),
        added=number(last, "data_added_packed") or number(last, "data_added"),
        seconds=duration if isinstance(duration := last.get("total_duration"), float) else 0.0,
    )


def progress(line: str, seconds: float) -> Progress | None:
    """A status line as progress, and the summary as its end; None if it is neither."""
    said = whole(line) if line.startswith("{") else None
    if not isinstance(said, dict):
        return None
    if said.get("message_type") == "summary":
        read = number(said, "total_bytes_processed") or number(said, "total_bytes")
        return Progress(done=read, total=read, seconds=seconds) if read else None
    if said.get("message_type") != "status":
        return None
    done = number(said, "bytes_done") or number(said, "bytes_restored")
    return Progress(done=done, total=number(said, "total_bytes"), seconds=seconds)


def listing(text: str) -> Listing | None:
    """The answer of `ls`; None if the snapshot itself is not in it."""
    entry, nodes = None, []
    for item in messages(text):
        kind = item.get("message_type") or item.get("struct_type")
        if kind == "snapshot":
            entry = _entry(item)
        elif kind == "node":
            path, type, size = _text(item, "path"), _text(item, "type"), number(item, "size")
            nodes.append(Node(path=path, type=type, size=size))
    return Listing(entry=entry, nodes=tuple(nodes)) if entry and entry.id else None


def lock(id: str, text: str) -> Lock:
    """The answer of `cat lock`; one that cannot be read is as old as time."""
    item = whole(text)
    item = item if isinstance(item, dict) else {}
    return Lock(
        id=id,
        time=moment(item.get("time")),
        hostname=_text(item, "hostname"),
        pid=number(item, "pid"),
        exclusive=bool(item.get("exclusive")),
    )


UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def prune_plan(text: str) -> PrunePlan | None:
    """What `prune --dry-run` tells; None if it cannot be read.

    `to repack: 12 blobs / 3.4 MiB` is written anew before anything goes.
    """
    found = dict(re.findall(r"^([a-z ]+):\s+\d+ blobs / (.+)$", text, re.MULTILINE))
    sizes = {key: size(value) for key, value in found.items()}
    repack, remove = sizes.get("to repack"), sizes.get("total prune")
    if repack is None or remove is None:
        return None
    return PrunePlan(repack=repack, remove=remove)


def size(text: str) -> int | None:
    """`2.862 MiB` as bytes, rounded up to what the digits may have hidden."""
    match = re.match(r"([\d.]+) (B|KiB|MiB|GiB|TiB)\b", text.strip())
    if match is None:
        return None
    unit = UNITS[match[2]]
    return int(float(match[1]) * unit) + (unit // 1000 if unit > 1 else 0)


def number(item: Mapping[str, Any], key: str) -> int:
    """A whole number, 0 if it is missing or none."""
    value = item.get(key)
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    listed: Iterable[object] = value if isinstance(value, list) else ()
    return tuple(item for item in listed if isinstance(item, str))
