"""Commands for `redis-cli --pipe`: KEYS keys of every type, always the same.

`python3 redis_keys.py KEYS`, Python's standard library alone. Of 20 keys 9 are strings, 3 hashes,
3 lists, 2 sets, 2 sorted sets and 1 a stream; every hundredth string expires in the year 2100.
"""

import sys

BATCH = 10_000
FAR = b"4102444800"


def packed(*words: bytes) -> bytes:
    """A command as Redis' protocol has it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def value(number: int) -> bytes:
    """16 bytes that look like noise."""
    first = number * 0x9E3779B97F4A7C15 % 2**64
    return b"%016x" % (first ^ (first >> 29))


def commands(number: int) -> bytes:
    """The commands that make one key."""
    kind, name = number % 20, b"%07d" % number
    if kind < 9:
        if number % 100 == 0:
            return packed(b"SET", b"session:" + name, value(number), b"EXAT", FAR)
        return packed(b"SET", b"string:" + name, value(number) + value(number + 1))
    if kind < 12:
        pairs = (b"name", value(number), b"seen", name, b"\x00odd\r\n", b"\xff")
        return packed(b"HSET", b"hash:" + name, *pairs)
    if kind < 15:
        return packed(b"RPUSH", b"list:" + name, b"first", value(number), b"first", name)
    if kind < 17:
        return packed(b"SADD", b"set:" + name, name, value(number), b"%d" % number)
    if kind < 19:
        pairs = (b"1.5", b"low", b"%d.25" % number, value(number), b"-inf", b"least")
        return packed(b"ZADD", b"sorted:" + name, *pairs)
    stream = b"stream:" + name
    return (
        packed(b"XADD", stream, b"1-1", b"field", value(number))
        + packed(b"XADD", stream, b"1-2", b"field", name)
        + packed(b"XGROUP", b"CREATE", stream, b"readers", b"0")
    )


def main() -> None:
    """Write them all, after what was there before is gone."""
    keys, out = int(sys.argv[1]), sys.stdout.buffer
    out.write(packed(b"FLUSHALL"))
    for start in range(0, keys, BATCH):
        out.write(b"".join(map(commands, range(start, min(start + BATCH, keys)))))


if __name__ == "__main__":
    main()
