"""Jobs for volumes with SQLite files, configs, Swarm's state, a server: `quorate backup job`."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quorate.backup import catalogue
from quorate.backup.bundle import making
from quorate.backup.jobs.model import Mounted
from quorate.backup.model import Kind
from quorate.backup.place import Repository
from quorate.fleet.datasets import BUNDLE
from quorate.fleet.read import read_fleet
from quorate.tools.age import Key
from tests.integration.backup import ground, working
from tests.integration.backup.working import Said
from tests.real_packages import programs

FLEET = """\
version: 1
name: shop
servers:
  one: {{address: one, role: manager, cpus: 4, memory: 8G}}
  two: {{address: two, cpus: 4, memory: 8G}}
stacks:
  app: {{files: [app.yaml]}}
backup:
  repositories:
    away:
      sftp: {{host: away.example, path: /q}}
      password: {{file: password.txt}}
      offsite: true
  bundle: {{recipients: [{recipient}]}}
"""


@pytest.fixture(scope="session")
def age(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return programs("age", tmp_path_factory.mktemp("age"), "age", "age-keygen")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def about(kind: Kind, id: str, **more: Any) -> dict[str, Any]:
    return {"source": id, "kind": kind, **more}


def there_and_back(near: Repository, spool: Path, target: Path, said: dict[str, Any]) -> list[Said]:
    """Backed up, proven, restored into a directory."""
    at = working.at(near.place)
    done = [
        working.done(working.job("backup", at, **said), spool),
        working.done(working.job("prove", at, **said), spool),
        working.done(working.job("restore", at, **said, target_path=str(target)), spool),
    ]
    (copy,) = catalogue.read(near)
    assert copy.proven and copy.source == said["source"]
    assert working.empty(spool)
    return done


@contextmanager
def adding(path: Path) -> Iterator[None]:
    """A thread that adds pairs of rows to a database, each pair in one transaction."""
    ended = threading.Event()

    def work() -> None:
        with closing(sqlite3.connect(path, timeout=60)) as data:
            number = 0
            while not ended.wait(0.005):
                number += 1
                data.execute("INSERT INTO t VALUES (?, 'debit')", (number,))
                data.execute("INSERT INTO t VALUES (?, 'credit')", (number,))
                data.commit()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_volume_with_a_database_that_is_written_to(
    near: Repository, spool: Path, tmp_path: Path
) -> None:
    data = ground.tree(tmp_path / "mounted")
    live = data / "db" / "app.sqlite3"
    live.parent.mkdir()
    with closing(sqlite3.connect(live)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t (number INTEGER, side TEXT)")
    volumes = [Mounted(name="wiki", path=str(data)).model_dump()]
    target = tmp_path / "target"
    said = about(Kind.VOLUME, "volume/wiki", volumes=volumes, sqlite=["db/*.sqlite3"])
    with adding(live):
        there_and_back(near, spool, target, said)
    assert sorted(path.name for path in target.iterdir()) == ["big", "db", "sub"]
    assert [path.name for path in (target / "db").iterdir()] == ["app.sqlite3"]
    with closing(sqlite3.connect(target / "db/app.sqlite3")) as restored:
        found = restored.execute(
            "SELECT count(*) FILTER (WHERE side = 'debit'), "
            "count(*) FILTER (WHERE side = 'credit') FROM t"
        ).fetchone()
    assert found[0] == found[1]
    assert (target / "big").read_bytes() == (data / "big").read_bytes()


def test_a_database_that_is_named_and_not_there(
    near: Repository, spool: Path, tmp_path: Path
) -> None:
    data = ground.tree(tmp_path / "mounted")
    volumes = [Mounted(name="wiki", path=str(data)).model_dump()]
    told = working.job("backup", working.at(near.place), volumes=volumes, sqlite=["gone.db"])
    said = working.run(told, spool)
    assert said.code == 6 and "there is no file gone.db in the volume" in said.why
    assert catalogue.read(near) == () and working.empty(spool)


def test_the_fleets_files(near: Repository, spool: Path, tmp_path: Path) -> None:
    given = tmp_path / "fleet"
    given.mkdir()
    (given / "fleet.yaml").write_text("fleet: office\n")
    target = tmp_path / "target"
    there_and_back(near, spool, target, about(Kind.CONFIGS, "configs", given=str(given)))
    assert (target / "tree/fleet.yaml").read_text() == "fleet: office\n"


def test_the_recovery_bundle(
    near: Repository, spool: Path, tmp_path: Path, age: tuple[Path, ...]
) -> None:
    """Sealed with the real age, stored and proven as jobs do it, restored, opened with the key."""
    key, directory = tmp_path / "recovery.key", tmp_path / "fleet"
    subprocess.run([str(age[1]), "-o", str(key)], check=True, capture_output=True)
    recipient = key.read_text().partition("public key: ")[2].split()[0]
    directory.mkdir()
    (directory / "fleet.yaml").write_text(FLEET.format(recipient=recipient))
    (directory / "app.yaml").write_text("services: {web: {image: nginx}}\n")
    (directory / "password.txt").write_text("planted-7c1f\n")
    fleet = read_fleet(directory / "fleet.yaml")
    sealed = making.seal(fleet, made=datetime.now(UTC))
    assert b"planted-7c1f" not in sealed.data and b"app.yaml" not in sealed.data
    given, target = tmp_path / "given", tmp_path / "target"
    given.write_bytes(sealed.data)
    there_and_back(near, spool, target, about(Kind.CONFIGS, BUNDLE, given=str(given)))
    (bundle,) = target.rglob("recovery-bundle.age")
    record = making.restore(bundle, Key(identity=key), tmp_path / "opened")
    assert record.file == "fleet/fleet.yaml"
    assert (tmp_path / "opened/fleet/password.txt").read_text() == "planted-7c1f\n"
    assert read_fleet(tmp_path / "opened" / record.file).digest == fleet.digest
    again = making.seal(fleet, made=datetime.now(UTC))
    assert again.data != sealed.data and again.same == sealed.same
    (directory / "password.txt").write_text("another\n")
    assert making.seal(fleet, made=datetime.now(UTC)).same != sealed.same


def test_the_fleets_files_that_nobody_gave(near: Repository, spool: Path) -> None:
    told = working.job("backup", working.at(near.place), **about(Kind.CONFIGS, "configs"))
    said = working.run(told, spool)
    assert said.code == 2 and "`given`" in said.why


def test_a_server(near: Repository, spool: Path, tmp_path: Path) -> None:
    host = tmp_path / "host"
    (host / "etc/docker").mkdir(parents=True)
    (host / "etc/docker/daemon.json").write_text("{}\n")
    said = about(Kind.SYSTEM, "system/box1", given=str(host))
    target = tmp_path / "target"
    backed_up, *_ = there_and_back(near, spool, target, said)
    assert "it is no Debian system" in backed_up.answer.findings[0]
    assert (target / "tree/etc/docker/daemon.json").read_text() == "{}\n"
    over = working.job("restore", working.at(near.place), **said, in_place=True)
    refused = working.run(over, spool)
    assert refused.code == 2 and "is not restored in place" in refused.why


@contextmanager
def fake_engine(directory: Path) -> Iterator[Path]:
    """The socket of a fake manager with one service."""
    state = {
        "managers": ["box1"],
        "workers": [],
        "leader": "box1",
        "down": [],
        "services": {"shop_app": ["box1"]},
        "root": "/var/lib/docker",
    }
    (directory / "state.json").write_text(json.dumps(state))
    program = [sys.executable, str(ground.ROOT / "tests/fakes/engine.py")]
    with subprocess.Popen(
        [*program, str(directory), str(directory / "state.json")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ground.ROOT)},
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline()
            yield directory / "box1.sock"
        finally:
            process.kill()


def test_a_swarms_state(near: Repository, spool: Path, tmp_path: Path) -> None:
    sockets = tmp_path / "s"
    sockets.mkdir()
    target = tmp_path / "target"
    with fake_engine(sockets) as socket:
        there_and_back(near, spool, target, about(Kind.SWARM, "swarm", given=str(socket)))
    kept = json.loads((target / "tree/services/shop_app.json").read_text())
    assert kept["Mode"] == {"Replicated": {"Replicas": 1}}
    assert (target / "tree/restore.sh").read_text().startswith("#!/bin/sh")


def test_hooks_without_a_container(near: Repository, spool: Path, tmp_path: Path) -> None:
    data = ground.tree(tmp_path / "mounted")
    volumes = [Mounted(name="wiki", path=str(data)).model_dump()]
    told = working.job("backup", working.at(near.place), volumes=volumes, before=["flush"])
    said = working.run(told, spool)
    assert said.code == 2 and "container" in said.why
    assert catalogue.read(near) == ()
