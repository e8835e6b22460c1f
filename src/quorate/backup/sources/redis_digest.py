"""What is in a Redis, from the commands by which it would write itself anew. Pure.

A rewritten append-only file has each key once, with all its commands in a row.
Lists and streams are hashed in their order; of sets, hashes and sorted sets the
members' hashes are added up, so that neither their order nor how Redis encodes
them matters. Times of expiry are a part of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO

from quorate.errors import MachineError

MASK = 2**64 - 1
TYPES = {
    b"SET": "strings",
    b"RPUSH": "lists",
    b"SADD": "sets",
    b"ZADD": "sorted sets",
    b"HMSET": "hashes",
    b"HSET": "hashes",
    b"XADD": "streams",
}
PAIRED = (b"ZADD", b"HMSET", b"HSET")
"""Commands whose arguments belong together two by two."""
UNORDERED = (b"SADD", *PAIRED, b"HPEXPIREAT")


@dataclass
class _Sum:
    count: int = 0
    total: int = 0

    def add(self, value: int) -> None:
        self.count += 1
        self.total = (self.total + value) & MASK


@dataclass
class _Key:
    """The key whose commands are being read."""

    name: bytes
    type: str
    total: int = 0
    ordered: list[int] = field(default_factory=list)

    def digest(self) -> int:
        # In order: each step depends on all before.
        return _hash(self.name, self.type.encode(), *_numbers(self.total, *self.ordered))


def _hash(*texts: bytes) -> int:
    """A number of 64 bits; of other texts, another one, also where they are cut elsewhere."""
    made = blake2b(digest_size=8)
    for text in texts:
        made.update(b"%d:" % len(text))
        made.update(text)
    return int.from_bytes(made.digest(), "big")


def _numbers(*values: int) -> list[bytes]:
    return [value.to_bytes(8, "big") for value in values]


def commands(file: BinaryIO) -> Iterator[list[bytes]]:
    """The commands in an append-only file.

    Raises:
        MachineError: it is none, or ends in the middle of a command.
    """
    while line := file.readline():
        if line.startswith(b"#"):  # an annotation
            continue
        words = []
        for _ in range(_size(line, b"*")):
            size = _size(file.readline(), b"$")
            word = file.read(size + 2)
            if len(word) != size + 2 or not word.endswith(b"\r\n"):
                raise _broken()
            words.append(word[:-2])
        yield words


def _size(line: bytes, mark: bytes) -> int:
    if not (line.startswith(mark) and line.endswith(b"\r\n") and line[1:-2].isdigit()):
        raise _broken()
    return int(line[1:-2])


def _broken() -> MachineError:
    return MachineError(
        "what a scratch Redis wrote of itself cannot be read",
        cause="its disk is full, or it wrote it in another format",
        todo="make room where scratch servers have their data",
    )


def parts(file: BinaryIO) -> dict[str, str]:
    """Keys by database and type, and when they expire: part → `COUNT:DIGEST`.

    Raises:
        MachineError: the file cannot be read.
    """
    sums: dict[str, _Sum] = {}
    database, key = b"0", None
    for words in commands(file):
        verb = words[0].upper()
        if verb == b"SELECT":
            _close(key, database, sums)
            database, key = words[1], None
        elif verb == b"PEXPIREAT":
            _of(sums, f"times of expiry in database {database.decode()}").add(_hash(*words[1:]))
        elif verb in (b"FUNCTION", b"MULTI", b"EXEC"):
            if verb == b"FUNCTION":
                _of(sums, "functions").add(_hash(*words[1:]))
        else:
            name = words[2] if verb == b"XGROUP" else words[1]
            if key is None or key.name != name:
                _close(key, database, sums)
                key = _Key(name, TYPES.get(verb, "values of modules"))
            _take(key, verb, words)
    _close(key, database, sums)
    return {name: f"{each.count}:{each.total:016x}" for name, each in sums.items()}


def _take(key: _Key, verb: bytes, words: Sequence[bytes]) -> None:
    """Add a command to its key."""
    if verb in PAIRED:
        for first, second in zip(words[2::2], words[3::2], strict=True):
            pair = (second, _score(first)) if verb == b"ZADD" else (first, second)
            key.total = (key.total + _hash(*pair)) & MASK
    elif verb in UNORDERED:
        for word in words[2:]:
            key.total = (key.total + _hash(word)) & MASK
    elif verb == b"RPUSH":
        for word in words[2:]:
            key.ordered[:] = [_hash(*_numbers(*key.ordered), word)]
    else:
        key.ordered[:] = [_hash(*_numbers(*key.ordered), *words)]


def _score(text: bytes) -> bytes:
    """A score in one way of writing, whatever version wrote it."""
    return repr(float(text)).encode()


def _close(key: _Key | None, database: bytes, sums: dict[str, _Sum]) -> None:
    if key is not None:
        _of(sums, f"{key.type} in database {database.decode()}").add(key.digest())


def _of(sums: dict[str, _Sum], name: str) -> _Sum:
    return sums.setdefault(name, _Sum())


def keys_in(made: dict[str, str]) -> int:
    """How many keys there are, by a manifest's parts."""
    return sum(
        int(value.partition(":")[0])
        for name, value in made.items()
        if " in database " in name and not name.startswith("times of expiry")
    )
