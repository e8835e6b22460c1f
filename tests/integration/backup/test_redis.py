"""A real Redis: dumped, loaded elsewhere, compared; and everything that goes wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.sources import base
from quorate.backup.sources import redis as source
from quorate.backup.sources.redis import Redis
from quorate.errors import MachineError, QuorateError, RefusedError
from quorate.tools import command
from quorate.tools import redis as red
from tests import real_databases
from tests.integration.backup.servers import AT_ONCE

DATA = Path(__file__).parent / "redis_data.txt"
PASSWORD = "p'w\"d ü"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("redis-server")
    with real_databases.place() as made:
        yield made


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[red.Server]:
    """The source, with a password."""
    with scratch.redis(place=place, settings=AT_ONCE) as opened:
        said = command.run(opened.argv(), input=DATA.read_text()).stdout
        assert "ERR" not in said, said
        red.ask(opened, "CONFIG", "SET", "requirepass", PASSWORD)
        yield replace(opened, password=PASSWORD)


@pytest.fixture(scope="module")
def dumped(server: red.Server, place: Path) -> Path:
    Redis(server=server, place=place).dump(place / "spool")
    return place / "spool"


def fakes(monkeypatch: pytest.MonkeyPatch, place: Path, **scripts: str) -> None:
    """Fake programs before the real ones: `$REAL` is the real one, `$into` the file to write."""
    made = place / f"fake-{len(list(place.glob('fake-*')))}"
    made.mkdir()
    for name, script in scripts.items():
        program = name.replace("_", "-")
        (made / program).write_text(
            f'#!/bin/sh\nREAL={shutil.which(program)}\nfor last in "$@"; do into=$last; done\n'
            'case "$*" in *--rdb*|*dump.rdb*|*--version*) ;; *) exec $REAL "$@";; esac\n'
            f"{script}\n"
        )
        (made / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(made), prepend=":")


def fails(redis: Redis, spool: Path) -> QuorateError:
    """The error of a dump that fails and leaves nothing behind."""
    with pytest.raises(MachineError) as caught:
        redis.dump(spool)
    assert not spool.exists() or list(spool.iterdir()) == []
    assert PASSWORD not in str(caught.value.as_json())
    return caught.value


def test_what_is_loaded_is_what_was_dumped(server: red.Server, dumped: Path, place: Path) -> None:
    parts = base.manifest(dumped).parts
    counts = {name: value.partition(":")[0] for name, value in parts.items()}
    assert counts == {
        "keys": "22",
        "strings in database 0": "7",
        "times of expiry in database 0": "1",
        "lists in database 0": "3",
        "sets in database 0": "3",
        "hashes in database 0": "2",
        "sorted sets in database 0": "3",
        "streams in database 0": "2",
        "strings in database 5": "1",
        "sets in database 5": "1",
        "functions": "1",
    }
    assert base.prove(Redis(server=server), dumped, place) == ()


def test_keys_that_expire_after_the_dump_are_no_difference(place: Path) -> None:
    with scratch.redis(place=place) as server:
        command.run(server.argv(), input="SET stays 1\nSET goes 1 PX 8000\n")
        spool = place / "expiring"
        parts = Redis(server=server, place=place).dump(spool).parts
        assert parts["times of expiry in database 0"].startswith("1:")
        real_databases.until(lambda: red.ask(server, "EXISTS", "goes") == "0")
        time.sleep(0.1)
        assert base.prove(Redis(server=server), spool, place) == ()


def test_how_redis_keeps_a_value_does_not_matter(server: red.Server, place: Path) -> None:
    small = {"hash-max-listpack-entries": "0", "zset-max-listpack-entries": "0",
             "set-max-intset-entries": "0", "list-max-listpack-size": "1"}  # fmt: skip
    script = "\n".join(
        line for line in DATA.read_text().splitlines() if " PX " not in line and "READ" not in line
    )
    made = []
    for settings in ({}, small):
        with scratch.redis(place=place, settings=AT_ONCE | settings) as other:
            command.run(other.argv(), input=script)
            spool = place / f"kept-{len(settings)}"
            made.append(Redis(server=other, place=place).dump(spool).parts)
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ("SET number 12346", ["strings in database 0"]),
        ("LSET list 0 z", ["lists in database 0"]),
        ("HSET hash field other", ["hashes in database 0"]),
        ("ZADD scores 1.25 low", ["sorted sets in database 0"]),
        ("SREM wide m7", ["sets in database 0"]),
        ("XACK stream readers 1-1", ["streams in database 0"]),
        ("PEXPIREAT later 4102444800000", ["times of expiry in database 0"]),
        ("SWAPDB 5 6", [f"{kind} in database {n}" for kind in ("sets", "strings") for n in "56"]),
    ],
)
def test_any_change_is_found_and_named(
    dumped: Path, place: Path, change: str, changed: list[str]
) -> None:
    with scratch.redis(dumped / "dump.rdb", place, AT_ONCE) as other:
        red.ask(other, "REPLICAOF", "NO", "ONE")
        red.ask(other, *change.split())
        parts = Redis(server=other, place=place).dump(place / f"changed by {change}").parts
    was = base.manifest(dumped).parts
    assert sorted(each for each in {*was, *parts} if was.get(each) != parts.get(each)) == changed


def test_it_is_put_into_an_empty_directory_only(dumped: Path, place: Path) -> None:
    data = place / "data"
    data.mkdir()
    source.restore(dumped, data)
    assert (data / "dump.rdb").read_bytes() == (dumped / "dump.rdb").read_bytes()
    with pytest.raises(RefusedError, match="nothing was changed"):
        source.restore(dumped, data)


TAMPERED = {
    "cut": ('truncate -s -20 "$into"', "is not whole"),
    "empty": (': > "$into"', "is not whole"),
    "flipped byte": (
        'printf X | dd of="$into" bs=1 seek=300 conv=notrunc 2>/dev/null', "is not whole"
    ),
}  # fmt: skip


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="redis-cli that ends with 0 and leaves a file cut",
    seen="an error; the spool is empty",
)
@pytest.mark.parametrize("name", TAMPERED)
def test_a_dump_that_was_cut_and_exits_with_0_does_not_count(
    server: red.Server, place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    act, said = TAMPERED[name]
    fakes(monkeypatch, place, redis_cli=f'$REAL "$@" || exit\n{act}\nexit 0')
    assert said in fails(Redis(server=server, place=place), place / "cut").what


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="a whole dump of an empty Redis in place of the right one",
    seen="an error; nothing counts",
)
def test_a_whole_dump_of_something_else_does_not_count(
    server: red.Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scratch.redis(place=place, settings=AT_ONCE) as other:
        red.dump(other, place / "nothing.rdb", timeout=30)
    fakes(monkeypatch, place, redis_cli=f'cp {place}/nothing.rdb "$into"')
    error = fails(Redis(server=server, place=place), place / "else")
    assert "the dump is empty" in error.what


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to redis-cli",
    seen="an error; the spool is empty",
)
def test_a_killed_redis_cli_leaves_nothing(
    server: red.Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes(monkeypatch, place, redis_cli='head -c 100 /dev/zero > "$into"\nkill -9 $$')
    assert "by signal 9" in fails(Redis(server=server, place=place), place / "killed").what


@pytest.mark.fault(
    "disk full: spool",
    injected="a small spool for Redis",
    seen="an error; the spool is empty",
)
def test_a_full_spool_is_said_and_emptied(server: red.Server, place: Path) -> None:
    with real_databases.small_disk("4k") as disk:
        error = fails(Redis(server=server, place=place), disk)
    assert "No space left" in f"{error.what} {error.cause}", error.lines()


@pytest.mark.fault(
    "source vanished",
    injected="Redis ends in the middle of a dump",
    seen="an error; the spool is empty",
)
def test_a_server_that_vanishes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch.redis(place=place, settings=AT_ONCE) as server:
        red.ask(server, "SET", "a", "1")
        stop = f"$REAL -s {server.host} DEBUG SEGFAULT; $REAL -s {server.host} SHUTDOWN NOSAVE"
        fakes(monkeypatch, place, redis_cli=f'{stop} >/dev/null 2>&1\n$REAL "$@"')
        assert fails(Redis(server=server, place=place), place / "gone").cause


@pytest.mark.fault(
    "wrong password",
    injected="a wrong password for Redis",
    seen="an error; the password is nowhere",
)
def test_a_wrong_password_is_said(server: red.Server, place: Path) -> None:
    error = fails(Redis(server=replace(server, password="guessed"), place=place), place / "wrong")
    assert "check the password" in str(error.todo), error.lines()
    assert "guessed" not in str(error.as_json())


@pytest.mark.fault(
    "client and server of different major versions",
    injected="a redis-server here that is older than the Redis that is backed up",
    seen="refused",
)
def test_a_redis_that_is_too_old_is_refused(
    server: red.Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes(monkeypatch, place, redis_server='echo "Redis server v=5.0.14 sha=00000000:0"')
    error = fails(Redis(server=server, place=place), place / "old")
    assert "the programs here are only 5.0.14" in error.what


@pytest.mark.fault(
    "role lacking rights",
    injected="a Redis user without rights",
    seen="an error with what grants them",
)
def test_a_user_that_may_too_little_is_told_what_to_grant(server: red.Server, place: Path) -> None:
    red.ask(server, "ACL", "SETUSER", "backup", "on", ">secret", "+info")
    redis = Redis(server=replace(server, user="backup", password="secret"), place=place)
    error = fails(redis, place / "lacking")
    assert "as an administrator: ACL SETUSER backup " in str(error.todo), error.lines()
    red.ask(server, *str(error.todo).removeprefix("as an administrator: ").split())
    assert redis.dump(place / "lacking").parts["lists in database 0"].startswith("3:")
