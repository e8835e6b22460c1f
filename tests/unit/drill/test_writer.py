"""The program that writes, as far as it can be tested without a network."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

import quorate.drill


def program() -> ModuleType:
    path = Path(quorate.drill.__path__[0]) / "assets" / "writer.py"
    spec = importlib.util.spec_from_file_location("writer", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Sent:
    """A writer's side of a connection, kept."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None: ...


def connected(store: Any, answer: bytes) -> Sent:
    """Give a store a connection on which the other side says just this, and goes."""
    store.reader, store.writer = asyncio.StreamReader(), Sent()
    store.reader.feed_data(answer)
    store.reader.feed_eof()
    sent: Sent = store.writer
    return sent


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def row(text: bytes) -> bytes:
    return message(b"D", b"\0\1" + len(text).to_bytes(4, "big") + text)


def error(code: bytes, severity: bytes = b"ERROR") -> bytes:
    return message(b"E", b"S" + severity + b"\0V" + severity + b"\0C" + code + b"\0Mno\0\0")


READY = message(b"Z", b"I")
DONE = message(b"C", b"INSERT 0 1\0") + READY


def test_the_example_of_rfc_7677() -> None:
    scram = program().Scram("pencil", user="user", nonce="rOprNGfwEbeRWgbNEkqO")
    assert scram.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert scram.final(challenge) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )


def test_a_list_in_redis_and_a_server_that_wants_a_password() -> None:
    writer = program()

    async def go() -> None:
        store = writer.Redis({}, "r")
        sent = connected(store, b":1\r\n:1\r\n*2\r\n$3\r\n0:1\r\n$3\r\n1:7\r\n")
        await store.write("0:1")
        assert sent.data.startswith(
            b"*3\r\n$5\r\nRPUSH\r\n$15\r\nquorate:drill:r\r\n$3\r\n0:1\r\n*3"
        )
        assert await store.ids() == {"0:1", "1:7"}
        connected(
            store, b"-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n"
        )
        with pytest.raises(writer.Denied):
            await store.write("0:2")
        connected(store, b"-READONLY you can't\r\n:0\r\n")
        with pytest.raises(writer.Rejected):
            await store.write("0:3")

    asyncio.run(go())


def test_rows_of_postgres_and_what_an_error_says() -> None:
    writer = program()

    async def go() -> None:
        store = writer.Postgres({}, "r")
        sent = connected(store, message(b"N", b"\0") + row(b"0:1") + row(b"1:2") + DONE)
        assert await store.query("SELECT") == ["0:1", "1:2"]
        assert sent.data == b"Q\0\0\0\x0bSELECT\0"
        connected(store, error(b"25006") + READY + DONE)
        with pytest.raises(writer.Rejected) as readonly:
            await store.write("0:1")
        assert readonly.value.surely
        await store.write("0:2")  # the connection is as before
        connected(store, error(b"57P01", b"FATAL"))
        with pytest.raises(writer.Rejected) as ended:
            await store.write("0:3")
        assert not ended.value.surely
        connected(store, error(b"28P01", b"FATAL"))
        with pytest.raises(writer.Denied):
            await store.query("SELECT")

    asyncio.run(go())


class Fake:
    """A store whose next ends are given: `ok`, or what is raised; `hang` answers never."""

    ends: ClassVar[list[Any]] = []
    opened: ClassVar[int] = 0
    held: ClassVar[set[str]] = set()

    def __init__(self, target: object, run: str) -> None: ...

    async def open(self) -> None:
        type(self).opened += 1

    async def make(self) -> None: ...

    async def write(self, word: str) -> None:
        end = self.ends.pop(0)
        if end == "hang":
            await asyncio.sleep(60)
        if isinstance(end, Exception):
            raise end
        self.held.add(word)

    async def ids(self) -> set[str]:
        return set(self.held)

    async def remove(self) -> None:
        self.held.clear()

    def close(self) -> None: ...


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = program()
    monkeypatch.setattr(Fake, "ends", [])
    monkeypatch.setattr(Fake, "opened", 0)
    monkeypatch.setattr(Fake, "held", set())
    monkeypatch.setitem(made.STORES, "fake", Fake)
    return made


def target(writer: Any, *ends: Any) -> Any:
    Fake.ends.extend(ends)
    given = {"vantage": 0, "patience": 0.05, "run": "r", "seconds": 1.0}
    return writer.Target(given, {"number": 3, "kind": "fake"})


def written(found: Any, count: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    async def go() -> None:
        for number in range(1, count + 1):
            await found.write(number, 100.0)

    asyncio.run(go())
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert all((len(line), line[1]) == (5, "3") for line in lines)
    return [f"{line[2]} {line[3]}" for line in lines]


def test_only_what_was_sent_and_not_answered_is_unknown(
    writer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = ("ok", "hang", "ok", OSError("reset"), writer.Rejected("full"), "ok")
    found = target(writer, *ends, writer.Rejected("going", surely=False))
    assert written(found, 7, capsys) == [
        *("1 ok", "2 unknown", "3 ok", "4 unknown", "5 failed", "6 ok", "7 unknown"),
    ]
    # A refusal leaves the connection as it is; all else that went wrong makes a new one.
    assert Fake.opened == 3
    assert found.acknowledged == {"0:1", "0:3", "0:6"}


def test_what_cannot_be_connected_to_was_not_sent(
    writer: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: Fake) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(Fake, "open", refuse)
    assert written(target(writer), 2, capsys) == ["1 failed", "2 failed"]


def test_what_is_gone_is_told_at_the_next_connection(
    writer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = target(writer, "ok", "ok", OSError("lost"), "ok", "ok")
    assert written(found, 2, capsys) == ["1 ok", "2 ok"]
    Fake.held.clear()
    found.acknowledged.add("0:0")

    async def go() -> None:
        await found.write(3, 100.0)
        await found.write(4, 100.0)
        await found.write(5, 100.0)

    asyncio.run(go())
    lines = [" ".join(line.split()[2:4]) for line in capsys.readouterr().out.splitlines()]
    assert lines == ["3 unknown", "3 missing", "4 ok", "5 ok"]


def test_who_asks_for_a_password_is_left_alone(
    writer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(target(writer, writer.Denied("")), 3, capsys) == ["1 refused"]


def test_what_was_written_is_read_back_and_removed(writer: Any) -> None:
    found = target(writer)
    Fake.held.update({"0:2", "1:1"})
    assert asyncio.run(found.collect()) == ["0:2", "1:1"]
    assert Fake.held == set()


def test_a_removal_without_an_answer_does_not_lose_what_was_read(
    writer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    async def remove(self: Fake) -> None:
        Fake.held.clear()
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionResetError

    monkeypatch.setattr(Fake, "remove", remove)
    monkeypatch.setattr(writer, "PAUSE", 0.0)
    Fake.held.add("0:2")
    assert asyncio.run(target(writer).collect()) == ["0:2"]
    assert len(tries) == 2
