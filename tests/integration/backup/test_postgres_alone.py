"""Databases of a real Postgres restored in place: names, and who is connected meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.sources import postgres_alone as alone
from quorate.backup.sources.postgres import Postgres
from quorate.errors import CommandError
from quorate.tools import pg
from tests import real_databases

TIME = "20260301_020000"
LONG = tuple(f"customer_portal_production_tenant_database_{end}" for end in "ab")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("postgresql")
    with real_databases.place() as made:
        yield made


@pytest.fixture
def server(place: Path) -> Iterator[pg.Server]:
    with scratch.postgres(pg.installed()[-1].major, place) as made:
        yield made


def run(server: pg.Server, database: str, script: str) -> list[object]:
    return pg.query(server, database, script, pg.installed()[-1])


def made(server: pg.Server, *names: str) -> None:
    for name in names:
        run(server, "postgres", f"CREATE DATABASE {name};")
        run(server, name, f"CREATE TABLE t (a text); INSERT INTO t VALUES ('{name} then');")


def has(server: pg.Server, name: str) -> list[object]:
    return run(server, name, "SELECT to_json(a) FROM t;")


@contextmanager
def connecting(server: pg.Server, database: str, clients: int) -> Iterator[None]:
    """Clients that stay connected, and connect again as soon as they are cut off."""
    over = threading.Event()
    argv = [pg.installed()[-1].argv("psql"), *pg.QUIET, "-d", pg.conninfo(server, database)]

    def client() -> None:
        while not over.is_set():
            subprocess.run([*argv, "-c", "SELECT pg_sleep(60)"], capture_output=True, check=False)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        end = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query ~ 'sleep' AND pid <> pg_backend_pid();"
        )
        while any(thread.is_alive() for thread in threads):
            run(server, "template1", end)


def test_names_that_begin_alike_are_kept_each_for_itself(server: pg.Server, place: Path) -> None:
    made(server, *LONG)
    source = Postgres(server=server)
    source.dump(place / "long")
    for name in LONG:
        run(server, name, f"UPDATE t SET a = '{name} now';")
    for name in LONG:
        done = alone.restore(source, place / "long", name, name, in_place=True, aside=TIME)
        assert done.half == "" and has(server, done.former) == [f"{name} now"]
        assert has(server, name) == [f"{name} then"]
    assert len(alone.put_back(source, TIME)) == 2
    for name in LONG:
        assert has(server, name) == [f"{name} now"]
        assert has(server, alone.former_name(name, TIME, "recovered")) == [f"{name} then"]


@pytest.mark.parametrize("undone", [True, False])
def test_the_database_that_the_service_names_is_nobodys_name_for_a_while(
    server: pg.Server, place: Path, undone: bool
) -> None:
    made(server, "shop")
    source = Postgres(server=replace(server, database="shop"))
    spool = place / f"own {undone}"
    source.dump(spool)
    run(server, "shop", "UPDATE t SET a = 'now';")
    run(server, "postgres", "ALTER DATABASE shop RENAME TO shop_before_x;")  # and killed
    if undone:
        assert "shop is what shop_before_x was" in alone.put_back(source, "x")[0]
        assert has(server, "shop") == ["now"]
        return
    alone.restore(source, spool, "shop", "shop", in_place=True, aside="x")
    assert has(server, "shop") == ["shop then"] and has(server, "shop_before_x") == ["now"]


def test_who_connects_again_and_again_is_cut_off(server: pg.Server, place: Path) -> None:
    made(server, "shop")
    source = Postgres(server=server)
    source.dump(place / "busy")
    for word in ("x", "y", "z"):
        with connecting(server, "shop", 8):
            alone.restore(source, place / "busy", "shop", "shop", in_place=True, aside=word)
            alone.put_back(source, word)
    assert has(server, "shop") == ["shop then"]


def test_one_that_fails_while_clients_come_back_is_as_it_was(
    server: pg.Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(server, "shop")
    source = Postgres(server=server)
    source.dump(place / "fails")
    run(server, "shop", "UPDATE t SET a = 'now';")

    def fail(*_: object, **__: object) -> None:
        time.sleep(1)  # the clients are in the new one by now
        raise CommandError("pg_restore failed")

    monkeypatch.setattr(alone, "fill", fail)
    with connecting(server, "shop", 4), pytest.raises(CommandError, match="pg_restore failed"):
        alone.restore(source, place / "fails", "shop", "shop", in_place=True, aside="w")
    assert has(server, "shop") == ["now"]


def test_a_database_that_nobody_can_connect_to_is_told(server: pg.Server, place: Path) -> None:
    made(server, "shop")
    source = Postgres(server=server)
    assert source.dump(place / "open").findings == ()
    run(server, "postgres", "ALTER DATABASE shop WITH ALLOW_CONNECTIONS false;")
    dumped = source.dump(place / "closed")
    assert "the database shop is not in it" in dumped.findings[0]
    assert not any("shop" in part for part in dumped.parts)
