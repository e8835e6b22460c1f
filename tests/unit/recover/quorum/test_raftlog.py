"""How far a log reaches, from a segment as etcd writes it."""

from __future__ import annotations

import base64
import gzip

from hypothesis import given
from hypothesis import strategies as st

from quorate.recover.quorum.look import read_files, segment_end
from quorate.recover.quorum.raftlog import Reach, by_names, last_entry, newest


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def record(kind: int, data: bytes) -> bytes:
    """A record with its length before it, filled up to eight bytes as etcd does."""
    body = number(1, kind) + number(2, 0xDEADBEEF) + text(3, data)
    padding = -len(body) % 8
    head = len(body) | ((0x80 | padding) << 56 if padding else 0)
    return head.to_bytes(8, "little") + body + bytes(padding)


def entry(term: int, index: int, data: bytes = b"sealed") -> bytes:
    return record(2, number(1, 0) + number(2, term) + number(3, index) + text(4, data))


SEGMENT = (
    record(4, b"")
    + record(1, b"id of the cluster")
    + entry(1, 2)
    + record(3, number(1, 1) + number(3, 2))
    + entry(2, 300, b"x" * 5000)
)


def test_the_last_entry_before_the_space_set_aside() -> None:
    assert last_entry(SEGMENT + bytes(4096)) == Reach(term=2, index=300)
    assert last_entry(record(4, b"") + bytes(64)) is None


@given(cut=st.integers(0, len(SEGMENT)))
def test_a_torn_end_is_left_out(cut: int) -> None:
    found = last_entry(SEGMENT[:cut])
    assert found in (None, Reach(term=1, index=2), Reach(term=2, index=300))


@given(junk=st.binary(max_size=200))
def test_what_is_no_log_gives_nothing_and_never_fails(junk: bytes) -> None:
    last_entry(junk)
    segment_end(base64.b64encode(junk).decode())


def test_names_tell_how_far_it_reaches_at_least() -> None:
    names = ["0000000000000000-0000000000000000.wal", "0000000000000003-000000000000ee01.wal"]
    assert newest([*names, "0.tmp"]) == (names[1], names[0])
    snapshot = "0000000000000002-000000000000f000.snap"
    assert by_names([*names, snapshot]) == Reach(term=2, index=0xF000, least=True)
    assert by_names(names) == Reach(index=0xEE00, least=True)
    # What a later segment begins after has the snapshot's term, or a higher one.
    later = "0000000000000007-0000000000011171.wal"
    assert by_names([snapshot, later]) == Reach(term=2, index=0x11170, least=True)
    assert by_names(["raft/wal-v3-encrypted:", ""]) is None


def test_a_segment_that_was_sent_packed() -> None:
    packed = base64.encodebytes(gzip.compress(SEGMENT)).decode()
    assert segment_end(packed) == Reach(term=2, index=300)
    assert segment_end("") is None and segment_end("no base64!") is None


def test_what_a_server_without_a_swarm_prints() -> None:
    assert read_files("").node == ""
    assert read_files("@certificate\n\n@remotes\n\n@engine\n\n@log\n@end\n").peers == ()


FILES = """@certificate

@remotes
[{"node_id":"abc","addr":"192.0.2.1:2377"},{"node_id":"def","addr":"[2001:db8::1]:2377"}]
@engine
{"LocalAddr":"","RemoteAddr":"","ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"192.0.2.1:2377"}
@log
raft/snap-v3-encrypted:

raft/wal-v3-encrypted:
0000000000000000-0000000000000000.wal
@end
"""


def test_the_files_of_a_manager() -> None:
    found = read_files(FILES)
    assert found.peers == ("192.0.2.1", "2001:db8::1") and found.address == "192.0.2.1"
    assert found.segments == ("0000000000000000-0000000000000000.wal",)
    assert found.log == Reach(least=True)
