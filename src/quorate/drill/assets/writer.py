"""Writes ids of its own to Postgres and Redis: a program for inside a container.

The first line of its standard input is JSON: `mode`, `run`, `vantage` (a number), `rate` per
second, `seconds`, `patience` in seconds, and `targets`, each with `number`, `host`, `port`,
`kind` (postgres or redis), `user`, `database`, `password`: passwords are in no argument. It ends
when its standard input does.

Mode `write` sends ids `VANTAGE:1`, `VANTAGE:2` … when they are due and prints a line for each, as
it ends: when it was due (seconds since 1970), target, id's number, how it ended, milliseconds.
`ok`: acknowledged. `failed`: not sent, or turned down. `unknown`: sent, and no answer came.
`refused`: it asks for a password that is not known. After a new connection those of its own
acknowledged ids that are no longer there are told: `missing`, with their count as number.

Mode `collect` reads all ids back, removes what was made, and prints JSON: target → ids, or null
where it could not be done in `seconds`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
from typing import Any

SCHEMA, TABLE = "quorate_drill", "quorate_drill.writes"
KEPT_SECONDS = 3600
"""Until Redis removes a key by itself, should nobody else."""
PAUSE = 0.5
DENIED = ("28000", "28P01")
"""Postgres' codes for a wrong password (manual, appendix A)."""


class Denied(Exception):
    """It asks for a password that is not known."""


class Rejected(Exception):
    """It answered, and did not do it. `surely`: and will not have done it."""

    def __init__(self, said: str, *, surely: bool = True) -> None:
        super().__init__(said)
        self.surely = surely


class Redis:
    """One connection to a Redis server; every id goes to the end of one list."""

    def __init__(self, target: dict[str, Any], run: str) -> None:
        self.target, self.key = target, f"quorate:drill:{run}"
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            self.target["host"], self.target["port"]
        )

    async def make(self) -> None:
        """A list is made by what is written to it."""

    async def write(self, word: str) -> None:
        self.send(("RPUSH", self.key, word), ("EXPIRE", self.key, str(KEPT_SECONDS)))
        first, _ = await self.reply(), await self.reply()
        if isinstance(first, Exception):
            raise first

    async def ids(self) -> set[str]:
        return {str(word) for word in await self.ask("LRANGE", self.key, "0", "-1")}

    async def remove(self) -> None:
        await self.ask("DEL", self.key)

    async def ask(self, *words: str) -> Any:
        self.send(words)
        found = await self.reply()
        if isinstance(found, Exception):
            raise found
        return found

    def send(self, *commands: tuple[str, ...]) -> None:
        lines = [
            part
            for words in commands
            for part in (f"*{len(words)}", *(p for w in words for p in (f"${len(w)}", w)))
        ]
        if self.writer is not None:
            self.writer.write(("\r\n".join(lines) + "\r\n").encode())

    async def reply(self) -> Any:
        """One answer (RESP2); an error is given back, so that what follows it is read too."""
        line = (await self.reader.readuntil(b"\r\n"))[:-2].decode()
        kind, rest = line[0], line[1:]
        if kind == "-":
            return Denied(rest) if rest.startswith("NOAUTH") else Rejected(rest)
        if kind == "*":
            return [await self.reply() for _ in range(int(rest))]
        if kind == "$":
            size = int(rest)
            return (await self.reader.readexactly(size + 2))[:-2].decode() if size >= 0 else None
        return rest

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Postgres:
    """One connection to a Postgres server; every id is a row, its own transaction.

    Messages are those of protocol 3.0 (PostgreSQL's manual, "Frontend/Backend Protocol").
    """

    def __init__(self, target: dict[str, Any], run: str) -> None:
        self.target = target
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            self.target["host"], self.target["port"]
        )
        given = ("user", self.target["user"], "database", self.target["database"])
        body = b"\0\3\0\0" + b"".join(word.encode() + b"\0" for word in given) + b"\0"
        self.writer.write((len(body) + 4).to_bytes(4, "big") + body)
        scram: Scram | None = None
        while (message := await self.message())[0] != b"Z":
            kind, body = message
            if kind != b"R":
                continue
            asked, rest = int.from_bytes(body[:4], "big"), body[4:]
            if asked == 3:
                self.send(b"p", self.target["password"].encode() + b"\0")
            elif asked == 10 and b"SCRAM-SHA-256\0" in rest:
                scram = Scram(self.target["password"])
                first = scram.first()
                self.send(b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first)
            elif asked == 11 and scram is not None:
                self.send(b"p", scram.final(rest))
            elif asked not in (0, 12):
                raise Denied("a way to log in that is not known here")

    async def make(self) -> None:
        made = f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE TABLE IF NOT EXISTS {TABLE} (id text)"
        try:
            await self.query(made)
        except Rejected:  # made by another at the same moment
            await self.query(made)

    async def write(self, word: str) -> None:
        await self.query(f"INSERT INTO {TABLE} VALUES ('{word}')")

    async def ids(self) -> set[str]:
        if await self.query(f"SELECT 1 FROM pg_namespace WHERE nspname = '{SCHEMA}'"):
            return set(await self.query(f"SELECT id FROM {TABLE}"))
        return set()

    async def remove(self) -> None:
        await self.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    async def query(self, text: str) -> list[str]:
        """The first column of what a simple query gives."""
        self.send(b"Q", text.encode() + b"\0")
        rows, error = [], None
        while True:
            try:
                kind, body = await self.message()
            except Rejected as said:
                error = said
                if not said.surely:
                    raise
                continue
            if kind == b"D":
                size = int.from_bytes(body[2:6], "big")
                rows.append(body[6 : 6 + size].decode())
            elif kind == b"Z":
                if error is not None:
                    raise error
                return rows

    def send(self, kind: bytes, body: bytes) -> None:
        if self.writer is not None:
            self.writer.write(kind + (len(body) + 4).to_bytes(4, "big") + body)

    async def message(self) -> tuple[bytes, bytes]:
        head = await self.reader.readexactly(5)
        body = await self.reader.readexactly(int.from_bytes(head[1:], "big") - 4)
        if head[:1] == b"E":
            fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
            if fields.get(b"C") in DENIED:
                raise Denied(fields.get(b"M", ""))
            # One that ends the connection may come after the work was done.
            surely = fields.get(b"V", fields.get(b"S")) == "ERROR"
            raise Rejected(fields.get(b"M", ""), surely=surely)
        return head[:1], body

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

    def __init__(self, password: str, *, user: str = "", nonce: str = "") -> None:
        self.password = password.encode()
        self.bare = f"n={user},r={nonce or secrets.token_urlsafe(18)}"

    def first(self) -> bytes:
        return f"n,,{self.bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        given = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salt, rounds = base64.b64decode(given["s"]), int(given["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        said = f"c=biws,r={given['r']}"
        signed = f"{self.bare},{challenge.decode()},{said}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{said},p={base64.b64encode(proof).decode()}".encode()


STORES: dict[str, type[Redis] | type[Postgres]] = {"redis": Redis, "postgres": Postgres}
LOST = (OSError, EOFError)
"""What a connection that goes away raises; `asyncio.IncompleteReadError` is an EOFError."""


class Target:
    """One target: a connection, made again where it was lost, and what was acknowledged."""

    def __init__(self, given: dict[str, Any], target: dict[str, Any]) -> None:
        self.given, self.target = given, target
        self.number: int = target["number"]
        self.acknowledged: set[str] = set()
        self.missing = 0
        self.refused = False
        self.turn = asyncio.Lock()
        self.store: Redis | Postgres | None = None

    async def write(self, number: int, due: float) -> None:
        """Write one id, and its line."""
        begun, status = time.time(), "failed"
        word = f"{self.given['vantage']}:{number}"
        try:
            async with asyncio.timeout(self.given["patience"]), self.turn:
                if self.refused:
                    return
                store = await self.connected()
                status = "unknown"
                try:
                    await store.write(word)
                except Rejected as said:
                    if not said.surely:
                        self.drop()
                    raise
                except BaseException:
                    # What was cut short must not have its answer taken for the next one's.
                    self.drop()
                    raise
            status = "ok"
            self.acknowledged.add(word)
        except Denied:
            self.refused, status = True, "refused"
        except Rejected as said:
            status = "failed" if said.surely else status
        except (TimeoutError, *LOST):
            pass
        self.say(due, number, status, (time.time() - begun) * 1000)

    async def connected(self) -> Redis | Postgres:
        """The connection; what is missing is told when it is a new one."""
        if self.store is None:
            store = STORES[self.target["kind"]](self.target, self.given["run"])
            try:
                await store.open()
                await store.make()
                if self.acknowledged:
                    await self.compare(store)
            except BaseException:
                store.close()
                raise
            self.store = store
        return self.store

    async def compare(self, store: Redis | Postgres) -> None:
        gone = len(self.acknowledged - await store.ids())
        if gone > self.missing:
            self.missing = gone
            self.say(time.time(), gone, "missing", 0)

    async def collect(self) -> list[str] | None:
        """All ids that are there, from whatever vantage; then everything made is removed."""
        ids: set[str] | None = None
        deadline = time.time() + self.given["seconds"]
        while time.time() < deadline:
            store = STORES[self.target["kind"]](self.target, self.given["run"])
            try:
                async with asyncio.timeout(self.given["patience"]):
                    await store.open()
                    # Read once: where the removal's answer was lost, a second look finds none.
                    ids = await store.ids() if ids is None else ids
                    await store.remove()
                    return sorted(ids)
            except (TimeoutError, Rejected, *LOST):
                await asyncio.sleep(PAUSE)
            except Denied:
                return []  # who is not let in has not written
            finally:
                store.close()
        return None

    def drop(self) -> None:
        if self.store is not None:
            self.store.close()
            self.store = None

    def say(self, due: float, number: int, status: str, milliseconds: float) -> None:
        # One write each, so that whoever reads never sees half a line for long.
        sys.stdout.write(f"{due:.3f} {self.number} {number} {status} {milliseconds:.0f}\n")
        sys.stdout.flush()


async def write(given: dict[str, Any], targets: list[Target]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(0, lambda: os.read(0, 1024) or os._exit(0))
    started, period = time.time(), 1 / given["rate"]
    running: set[asyncio.Task[None]] = set()
    turn = 0
    while time.time() - started < given["seconds"]:
        due = started + turn * period
        await asyncio.sleep(max(0.0, due - time.time()))
        turn += 1
        for target in targets:
            task = loop.create_task(target.write(turn, due))
            running.add(task)
            task.add_done_callback(running.discard)
    await asyncio.gather(*running, return_exceptions=True)


async def main() -> None:
    given = json.loads(sys.stdin.readline())
    targets = [Target(given, each) for each in given["targets"]]
    if given["mode"] == "write":
        await write(given, targets)
    else:
        found = await asyncio.gather(*(each.collect() for each in targets))
        print(json.dumps({each.number: ids for each, ids in zip(targets, found, strict=True)}))


if __name__ == "__main__":
    asyncio.run(main())
