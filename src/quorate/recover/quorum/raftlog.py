"""How far the log of a manager's raft reaches, from its files. Pure.

Swarm keeps it as etcd does (its packages `wal` and `raftpb`): segments `SEQUENCE-INDEX.wal` of
records, each with a length of eight bytes before it; a segment's space is set aside at once, so it
ends in zeros. Of an entry only the data is encrypted; its term and index are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quorate.fleet.model import Model

ENTRY = 2
LENGTH = 8
LENGTH_MASK = (1 << 56) - 1
PADDED = 1 << 63


class Reach(Model):
    """The last entry of a log. The higher one is the more advanced: term first, then index.

    `least`: the log was not read to its end, and may reach further.
    """

    term: int = 0
    index: int = 0
    least: bool = False

    @property
    def order(self) -> tuple[int, int]:
        return self.term, self.index


def newest(names: Iterable[str]) -> tuple[str, ...]:
    """The segment that is written to, among the files of a log's directory, and the one before."""
    segments = [name for name in names if name.endswith(".wal") and "-" in name]
    return tuple(sorted(segments, reverse=True)[:2])


def by_names(names: Iterable[str]) -> Reach | None:
    """What the names of segments and snapshots tell: the log reaches at least so far.

    The term is a snapshot's: that of what follows it is the same or a higher one.
    """
    found = []
    for name in names:
        stem, _, kind = name.rpartition(".")
        first, _, second = stem.partition("-")
        try:
            numbers = int(first, 16), int(second, 16)
        except ValueError:
            continue
        if kind == "snap":
            found.append(Reach(term=numbers[0], index=numbers[1]))
        elif kind == "wal":
            # A segment is named by the entry it begins with: what is before it is there.
            found.append(Reach(index=max(0, numbers[1] - 1)))
    if not found:
        return None
    term, index = max(one.term for one in found), max(one.index for one in found)
    return Reach(term=term, index=index, least=True)


def last_entry(segment: bytes) -> Reach | None:
    """The last entry in a segment; None where there is none. A torn end is left out."""
    last = None
    for kind, data in _records(segment):
        if kind == ENTRY:
            fields = dict(_fields(data))
            term, index = fields.get(2), fields.get(3)
            if isinstance(term, int) and isinstance(index, int):
                last = Reach(term=term, index=index)
    return last


def _records(segment: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + LENGTH <= len(segment):
        head = int.from_bytes(segment[at : at + LENGTH], "little")
        size = head & LENGTH_MASK
        padding = (head >> 56) & 0x7 if head & PADDED else 0
        at += LENGTH
        if head == 0 or at + size > len(segment):
            return
        fields = dict(_fields(segment[at : at + size]))
        at += size + padding
        kind, data = fields.get(1), fields.get(3, b"")
        if not isinstance(kind, int) or not isinstance(data, bytes):
            return
        yield kind, data


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: numbers and strings of bytes; ends at anything else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 0x7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(message, at)
            yield number, message[at : at + size]
            at += size
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
