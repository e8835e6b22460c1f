"""Asks services for answers at a steady rate: a program of its own, for inside a container.

Its one argument is JSON: `targets` (each `number`, `host`, `port`, `kind`: http, redis or tcp),
`rate` per second, `seconds` to go on for at most, `patience` in seconds. It ends sooner when its
standard input does: it does not outlive who started it. It prints a line for each probe, as it
ends: when it was due (seconds since 1970), the target's number, how it ended, milliseconds, and
the address its name gave (`-`: none, or it was asked by address).
Open loop: a probe is sent when it is due, whatever became of the one before.

It ends as `ok`, or by where it failed: `name`, it gave no address; `dead`, nobody is at the
address it gave; `connect`, somebody is there and does not listen; `answer`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

DNS_PORT = 53
OK, NAME, DEAD, CONNECT, ANSWER = "ok", "name", "dead", "connect", "answer"


class Failed(Exception):
    """How a probe failed."""


class Way:
    """How far a probe is: what failed if it ends now, and the address it goes to."""

    state, address = NAME, "-"


def resolver() -> str:
    """The address of the first name server of this container."""
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if words[:1] == ["nameserver"]:
            return words[1]
    return "127.0.0.11"


def question(name: str) -> tuple[int, bytes]:
    """A DNS query for the addresses (A) of a name, and its number."""
    number = random.randrange(65536)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return number, struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def addresses(answer: bytes) -> list[str]:
    """The IPv4 addresses in a DNS answer."""
    count = int.from_bytes(answer[6:8], "big")
    at = 12
    while answer[at]:
        at += answer[at] + 1
    at += 5
    found = []
    for _ in range(count):
        # A name is a pointer of two bytes, or labels up to a zero.
        if answer[at] & 0xC0:
            at += 2
        else:
            while answer[at]:
                at += answer[at] + 1
            at += 1
        kind, _, _, size = struct.unpack(">HHIH", answer[at : at + 10])
        at += 10
        if kind == 1 and size == 4:
            found.append(socket.inet_ntoa(answer[at : at + 4]))
        at += size
    return found


class Names(asyncio.DatagramProtocol):
    """One socket to the name server, for all questions."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bytes]] = {}
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        future = self.waiting.pop(int.from_bytes(data[:2], "big"), None)
        if future is not None and not future.done():
            future.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there just now: the questions time out."""

    async def resolve(self, name: str) -> list[str]:
        number, query = question(name)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting[number] = future
        try:
            if self.transport is not None:
                self.transport.sendto(query)
            return addresses(await future)
        finally:
            self.waiting.pop(number, None)


REQUESTS: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "http": (b"GET / HTTP/1.0\r\nHost: %s\r\nUser-Agent: quorate\r\n\r\n", (b"HTTP/",)),
    "redis": (b"PING\r\n", (b"+PONG", b"-NOAUTH")),
    "tcp": (b"", ()),
}


UNANSWERED = re.compile(rb"HTTP/\S+ 50[234]")
"""A router that says that nobody behind it answers (RFC 9110, 15.6)."""


def numeric(host: str) -> bool:
    """Whether it is an IPv4 address, and no name."""
    return host.replace(".", "").isdigit()


async def ask(names: Names, target: dict[str, Any], way: Way) -> None:
    """One probe.

    Raises:
        Failed: with what failed.
    """
    host = target["host"]
    by_address = numeric(host)
    try:
        found = [host] if by_address else await names.resolve(host)
        if not found:
            raise Failed(NAME)
        address = random.choice(found)
        way.state, way.address = (CONNECT, "-") if by_address else (DEAD, address)
        reader, writer = await asyncio.open_connection(address, target["port"])
        try:
            way.state = ANSWER
            request, expected = REQUESTS[target["kind"]]
            if request:
                writer.write(request % host.encode() if b"%s" in request else request)
                answer = await reader.read(64)
                if not answer.startswith(expected) or UNANSWERED.match(answer):
                    raise Failed(ANSWER)
        finally:
            writer.close()
    except (OSError, asyncio.CancelledError, struct.error, IndexError) as error:
        refused = isinstance(error, ConnectionRefusedError)
        raise Failed(CONNECT if refused and way.state == DEAD else way.state) from error


async def probe(
    names: Names, number: int, target: dict[str, Any], due: float, patience: float
) -> None:
    """One probe, and its line."""
    begun, way = time.time(), Way()
    status = OK
    try:
        await asyncio.wait_for(ask(names, target, way), patience)
    except (Failed, TimeoutError) as error:
        status = str(error) or way.state
    # One write each, so that whoever reads never sees half a line for long.
    took = (time.time() - begun) * 1000
    sys.stdout.write(f"{due:.3f} {number} {status} {took:.0f} {way.address}\n")
    sys.stdout.flush()


async def main() -> None:
    given = json.loads(sys.argv[1])
    loop = asyncio.get_running_loop()
    names = Names()
    # Where all is asked by address, there may be no way to a name server.
    if not all(numeric(target["host"]) for target in given["targets"]):
        server = (resolver(), DNS_PORT)
        await loop.create_datagram_endpoint(lambda: names, remote_addr=server)
    loop.add_reader(0, lambda: os.read(0, 1024) or os._exit(0))
    started, period = time.time(), 1 / given["rate"]
    running: set[asyncio.Task[None]] = set()
    turn = 0
    while time.time() - started < given["seconds"]:
        due = started + turn * period
        await asyncio.sleep(max(0.0, due - time.time()))
        for target in given["targets"]:
            asked = probe(names, target["number"], target, due, given["patience"])
            task = loop.create_task(asked)
            running.add(task)
            task.add_done_callback(running.discard)
        turn += 1
    await asyncio.gather(*running, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
