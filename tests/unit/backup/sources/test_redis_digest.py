"""The digest of a Redis: by what is in it, not by how it is written down."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources import redis_digest as digest
from quorate.errors import MachineError

WORDS = st.binary(max_size=6)


def written(*commands: tuple[bytes, ...]) -> bytes:
    out = b""
    for command in commands:
        out += b"*%d\r\n" % len(command)
        out += b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
    return out


def parts(*commands: tuple[bytes, ...]) -> dict[str, str]:
    return digest.parts(io.BytesIO(written((b"SELECT", b"0"), *commands)))


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4).map(tuple), max_size=5))
def test_any_words_are_read_as_written(commands: list[tuple[bytes, ...]]) -> None:
    read = list(digest.commands(io.BytesIO(written(*commands))))
    assert [tuple(command) for command in read] == commands


@given(st.integers(1, 60))
def test_a_file_that_was_cut_is_refused(size: int) -> None:
    whole = written((b"SELECT", b"0"), (b"SET", b"key", b"va\r\nlue"))
    at_an_end = (len(written((b"SELECT", b"0"))), len(whole))
    if size not in at_an_end and size < len(whole):
        with pytest.raises(MachineError, match="cannot be read"):
            digest.parts(io.BytesIO(whole[:size]))


@pytest.mark.parametrize("verb", [b"SADD", b"HMSET", b"ZADD"])
@given(st.lists(WORDS, min_size=1, unique=True), st.randoms())
def test_members_count_in_any_order_and_in_any_pieces(
    verb: bytes, members: list[bytes], chance: random.Random
) -> None:
    def words(member: bytes) -> list[bytes]:
        if verb == b"HMSET":
            return [member, b"value of " + member]
        return [b"1.5", member] if verb == b"ZADD" else [member]

    def command(chosen: list[bytes]) -> tuple[bytes, ...]:
        return (verb, b"key", *(word for member in chosen for word in words(member)))

    shuffled = chance.sample(members, len(members))
    middle = len(members) // 2
    pieces = [piece for piece in (shuffled[:middle], shuffled[middle:]) if piece]
    assert parts(command(members)) == parts(*map(command, pieces))


@given(st.lists(WORDS, min_size=2))
def test_a_list_counts_in_its_order_and_in_any_pieces(items: list[bytes]) -> None:
    whole = parts((b"RPUSH", b"key", *items))
    assert whole == parts(*((b"RPUSH", b"key", item) for item in items))
    if items != items[::-1]:
        assert whole != parts((b"RPUSH", b"key", *items[::-1]))


def test_keys_count_in_any_order() -> None:
    one, two = (b"SET", b"a", b"1"), (b"SET", b"b", b"2")
    assert parts(one, two) == parts(two, one)


@pytest.mark.parametrize(
    "other",
    [
        ((b"SET", b"a", b"2"),),
        ((b"SET", b"b", b"1"),),
        ((b"SET", b"a1", b""),),
        ((b"RPUSH", b"a", b"1"),),
        ((b"SADD", b"a", b"1"),),
        ((b"SET", b"a", b"1"), (b"PEXPIREAT", b"a", b"99")),
        ((b"SELECT", b"1"), (b"SET", b"a", b"1")),
        (),
    ],
)
def test_any_other_content_is_another_digest(other: tuple[tuple[bytes, ...], ...]) -> None:
    assert parts((b"SET", b"a", b"1")) != parts(*other)


def test_scores_are_numbers() -> None:
    assert parts((b"ZADD", b"z", b"3", b"m")) == parts((b"ZADD", b"z", b"3.0", b"m"))
    assert parts((b"ZADD", b"z", b"3", b"m")) != parts((b"ZADD", b"z", b"3.5", b"m"))
    assert parts((b"ZADD", b"z", b"inf", b"m")) != parts((b"ZADD", b"z", b"-inf", b"m"))


def test_fields_and_values_are_not_swapped_or_joined() -> None:
    one = parts((b"HMSET", b"h", b"a", b"b"))
    assert one != parts((b"HMSET", b"h", b"b", b"a"))
    assert one != parts((b"HMSET", b"h", b"ab", b""))


def test_a_stream_is_all_of_its_commands() -> None:
    entry = (b"XADD", b"s", b"1-1", b"f", b"v")
    group = (b"XGROUP", b"CREATE", b"s", b"readers", b"0-0")
    both = parts(entry, group)
    assert both["streams in database 0"].startswith("1:")
    assert both != parts(entry)


def test_keys_are_counted() -> None:
    made = parts(
        (b"SET", b"a", b"1"), (b"PEXPIREAT", b"a", b"99"), (b"FUNCTION", b"LOAD", b"#!lua"),
        (b"SELECT", b"3"), (b"SADD", b"a", b"x"), (b"SADD", b"b", b"x"),
    )  # fmt: skip
    assert digest.keys_in(made) == 3
    assert made["times of expiry in database 0"].startswith("1:")
    assert made["functions"].startswith("1:")
