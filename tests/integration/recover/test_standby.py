"""A replica of a real Postgres that is written to: nothing that was acknowledged is missing."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from quorate.backup import scratch
from quorate.errors import CommandError
from quorate.recover.moving import mover, standby
from quorate.recover.moving.mover import Places
from quorate.recover.moving.replica import different
from quorate.recover.moving.standby import SAME, Standby
from quorate.tools import command, pg
from tests import real_databases

PASSWORD = "not:to'be guessed"
SETTINGS = {"wal_level": "replica", "max_wal_senders": "8", "max_connections": "57"}


@dataclass
class Primary:
    """A Postgres on loopback, that asks for a password there."""

    data: Path
    where: scratch.Room
    programs: pg.Programs
    port: int
    password_file: Path

    @property
    def told(self) -> dict[str, Any]:
        return {
            "reach": {
                "host": "127.0.0.1",
                "port": self.port,
                "user": "keeper",
                "password_file": str(self.password_file),
            }
        }

    def ask(self, script: str) -> list[Any]:
        server = pg.Server(host=str(self.where.directory), port=self.port, user=scratch.ADMIN)
        return pg.query(server, "postgres", script, self.programs)


def free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(where: scratch.Room, data: Path, port: int) -> Iterator[None]:
    """The server of a data directory, with a fast shutdown at the end."""
    programs = pg.installed()[-1]
    server = pg.Server(host=str(where.directory), port=port, user=scratch.ADMIN)
    argv = [programs.argv("postgres"), "-D", str(data), f"--port={port}"]
    argv += [f"--unix_socket_directories={where.directory}", "--listen_addresses=127.0.0.1"]
    argv += [f"--{key}={value}" for key, value in SETTINGS.items()]
    ask = partial(pg.query, server, "postgres", "SELECT 1", programs)
    with scratch.running(where.as_user(*argv), where, ask, end="INT"):
        yield


@pytest.fixture
def place() -> Iterator[Path]:
    real_databases.need("postgresql")
    with real_databases.place() as made:
        yield made


@pytest.fixture
def source(place: Path) -> Iterator[Primary]:
    """A cluster that does not run yet."""
    programs = pg.installed()[-1]
    with scratch.room("postgres", place) as where:
        data = where.directory / "data"
        init = [programs.argv("initdb"), "-D", str(data), "-U", scratch.ADMIN, "--auth=trust"]
        command.run(where.as_user(*init), timeout=120, cwd=where.directory)
        hba = f"local all {scratch.ADMIN} trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (data / "pg_hba.conf").write_text(hba)
        file = place / "password"
        file.write_text(PASSWORD)
        made = Primary(
            data=data, where=where, programs=programs, port=free_port(), password_file=file
        )
        with running(where, data, made.port):
            quoted = PASSWORD.replace("'", "''")
            made.ask(
                f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}'; CREATE TABLE t(i int)"
            )
        yield made


@pytest.fixture
def replica(source: Primary, place: Path) -> Iterator[Standby]:
    state = source.data.stat()
    made = Standby(
        data=place / "volume",
        state=place / "state",
        owner=state.st_uid,
        group=state.st_gid,
        user="keeper",
    )
    yield made
    if (made.data / "postmaster.pid").exists():
        standby.stop(made)


def written(source: Primary, enough: threading.Event) -> list[int]:
    """Rows that were acknowledged, one after the other, until it is enough."""
    done: list[int] = []
    while not enough.is_set():
        try:
            source.ask(f"INSERT INTO t VALUES ({len(done)})")
        except CommandError:
            break
        done.append(len(done))
    return done


def test_what_a_replica_would_leave_out_is_named(source: Primary) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, "wal_level", "logical")
        with running(source.where, source.data, source.port):
            assert standby.look(source.told)["lacks"] == ""
            source.ask('CREATE DATABASE "odd \'name"')
            server = pg.Server(
                host=str(source.where.directory), port=source.port, user=scratch.ADMIN
            )
            pg.query(server, "odd 'name", "CREATE UNLOGGED TABLE u (i int)", source.programs)
            assert "odd 'name.u is unlogged" in standby.look(source.told)["lacks"]
            pg.query(server, "odd 'name", "DROP TABLE u", source.programs)
            source.ask("SELECT 1 FROM pg_create_logical_replication_slot('far', 'pgoutput')")
            assert "logical slot far" in standby.look(source.told)["lacks"]


def test_who_streams_by_a_slot_finds_it_at_the_new_place(source: Primary, replica: Standby) -> None:
    ask = "SELECT to_json(slot_name || ' ' || (restart_lsn IS NOT NULL)) FROM pg_replication_slots"
    with running(source.where, source.data, source.port):
        source.ask("SELECT 1 FROM pg_create_physical_replication_slot('receiver', true)")
        found = standby.look(source.told)
        standby.begin(replica, source.told, found)
        standby.begin(replica, source.told, found)  # as after a kill
    was, now = standby.at_source(source.data), standby.end(replica)
    assert different(was, now) == []
    with running(source.where, replica.data, source.port):
        assert source.ask(ask) == ["receiver true"]


def test_a_replica_has_all_that_was_acknowledged_and_runs_as_the_same_server(
    source: Primary, replica: Standby
) -> None:
    rows: list[int] = []
    with running(source.where, source.data, source.port):
        found = standby.look(source.told)
        assert found["lacks"] == "" and found["settings"]["max_connections"] == "57"
        enough = threading.Event()
        writer = threading.Thread(target=lambda: rows.extend(written(source, enough)))
        writer.start()
        try:
            standby.begin(replica, source.told, found)
            # As after a kill: it is there, and goes on.
            standby.begin(replica, source.told, found)
        finally:
            enough.set()
            writer.join()
        assert standby.MARK not in (source.data / "pg_hba.conf").read_text()
    was = standby.at_source(source.data)
    now = standby.end(replica)
    assert was["state"] == "shut down" and now["state"] == "shut down in recovery"
    assert {name: now[name] for name in SAME} == {name: was[name] for name in SAME}
    assert standby.MARK not in (replica.data / "pg_hba.conf").read_text()
    assert (replica.data / "postgresql.auto.conf").read_bytes() == (
        source.data / "postgresql.auto.conf"
    ).read_bytes()
    assert rows
    with running(source.where, replica.data, source.port):
        assert source.ask("SELECT pg_is_in_recovery()::text::json") == [False]
        there = source.ask("SELECT i FROM t")
        assert set(rows) <= set(there)
        source.ask("INSERT INTO t VALUES (-1)")


def test_a_killed_copy_is_made_anew(source: Primary, replica: Standby) -> None:
    with running(source.where, source.data, source.port):
        (replica.data / "base").mkdir(parents=True)
        (replica.data / "base" / "half").write_text("of a file")
        standby.begin(replica, source.told, standby.look(source.told))
        assert not (replica.data / "base" / "half").exists()


def test_what_the_primary_did_not_hand_over_is_seen(source: Primary, replica: Standby) -> None:
    with running(source.where, source.data, source.port):
        standby.begin(replica, source.told, standby.look(source.told))
    now = standby.end(replica)
    with running(source.where, source.data, source.port):
        source.ask("INSERT INTO t VALUES (7)")
    was = standby.at_source(source.data)
    assert {name: now[name] for name in SAME} != {name: was[name] for name in SAME}


def test_a_primary_that_lets_nobody_replicate_is_left_as_it_was(
    source: Primary, replica: Standby
) -> None:
    before = (source.data / "pg_hba.conf").read_text()
    SETTINGS["wal_level"], kept = "minimal", SETTINGS["wal_level"]
    SETTINGS["max_wal_senders"], senders = "0", SETTINGS["max_wal_senders"]
    try:
        with running(source.where, source.data, source.port):
            found = standby.look(source.told)
            assert "wal_level" in found["lacks"]
            with pytest.raises(CommandError):
                standby.begin(replica, source.told, found)
    finally:
        SETTINGS["wal_level"], SETTINGS["max_wal_senders"] = kept, senders
    assert (source.data / "pg_hba.conf").read_text() == before
    shutil.rmtree(replica.data, ignore_errors=True)


def test_by_the_words_that_the_two_containers_are_told(source: Primary, place: Path) -> None:
    sides = []
    for name in ("serving", "waiting"):
        (place / name).mkdir()
        sides.append(Places(data=place / name, state=place / f"{name}-state"))
    serving, waiting = sides
    (serving.data / "0").symlink_to(source.data)
    (waiting.data / "0").mkdir()

    def tell(side: Places, verb: str, **told: Any) -> dict[str, Any]:
        return mover.answer(side, verb, json.dumps(told))

    with running(source.where, source.data, source.port):
        found = tell(waiting, "look-primary", **source.told)
        cluster = tell(serving, "cluster", below="")
        assert cluster["alone"] and found["data"] == str(source.data)
        way = {**source.told, "below": "", "chain": cluster["chain"]}
        tell(waiting, "follow", **way, found=found)
        source.ask("INSERT INTO t VALUES (1)")
        tell(waiting, "dismiss", **source.told)
    was, now = tell(serving, "control", below=""), tell(waiting, "rest", **way)
    assert different(was, now) == []
    tell(waiting, "unfollow", **way)
    assert not (waiting.state / "standby" / standby.DONE).exists()
