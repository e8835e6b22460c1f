"""The office's data at a tiny size, made in real servers here; and that copies of it are right."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from benchmarks import office_data
from benchmarks.office_data import TINY, Door
from quorate.backup import filetree, scratch
from quorate.backup.repository import store
from quorate.backup.sources import base
from quorate.backup.sources.mariadb import MariaDB
from quorate.backup.sources.postgres import Postgres
from quorate.backup.sources.redis import Redis
from quorate.tools import pg
from tests import real_databases
from tests.integration.backup import ground
from tests.integration.backup.servers import AT_ONCE

pytestmark = [pytest.mark.slow, pytest.mark.drill]
STAND_IN = ground.ROOT / "src/quorate/lab/assets/gitlab_standin.py"


@pytest.fixture
def place() -> Iterator[Path]:
    with real_databases.place() as made:
        yield made


def door(**variables: str) -> Door:
    """Runs lines here, with these variables."""

    def run(service: str, line: str, words: Sequence[str]) -> str:
        done = subprocess.run(
            ["sh", "-ec", line, *words],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_postgres(place: Path) -> None:
    real_databases.need("postgresql")
    newest = pg.installed()[-1]
    with scratch.postgres(newest.major, place) as server:
        programs = f"{newest.directory}:{os.environ['PATH']}"
        here = door(PGHOST=server.host, PATH=programs)
        made, again = (
            office_data.postgres(here, "db", TINY.postgres, user=server.user, database="postgres")
            for _ in range(2)
        )
        assert made.counts == again.counts == {"databases": 3, "roles": 4}
        assert made.size > TINY.postgres
        source = Postgres(server=server)
        source.dump(place / "spool")
    assert base.prove(source, place / "spool", place) == ()


def test_mariadb(place: Path) -> None:
    real_databases.need("mariadb-server")
    with scratch.mariadb(place) as server:
        client = f"mariadb --socket={server.host} -u {server.user}"
        door()("db", f"{client} -e 'CREATE DATABASE appwrite'", [])
        made, again = (
            office_data.mariadb(door(), "db", TINY.mariadb, database="appwrite", client=client)
            for _ in range(2)
        )
        assert made.counts == again.counts == {"databases": 2, "tables": 5}
        assert made.size > 0.8 * TINY.mariadb
        source = MariaDB(server=server)
        source.dump(place / "spool")
    assert base.prove(source, place / "spool", place) == ()


def test_redis(place: Path) -> None:
    real_databases.need("redis-server")
    with scratch.redis(place=place, settings=AT_ONCE) as server:
        client = f"redis-cli -s {server.host}"
        made = office_data.redis(door(), "cache", TINY.keys, client=client)
        assert made.counts == {"keys": TINY.keys}
        names = door()("cache", f"{client} --scan", []).splitlines()
        kinds = {door()("cache", f"{client} TYPE '{name}'", []).strip() for name in names[:200]}
        assert kinds == {"string", "hash", "list", "set", "zset", "stream"}
        source = Redis(server=server, place=place)
        source.dump(place / "spool")
    assert base.prove(source, place / "spool", place) == ()


def test_files(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("owners take root")
    root = tmp_path / "spool" / "data"
    root.mkdir(parents=True)
    made = office_data.files(door(), "files", TINY.files, root=str(root))
    first = filetree.manifest_of(root)
    assert office_data.files(door(), "files", TINY.files, root=str(root)) == replace(
        made, seconds=ANY
    )
    again = filetree.manifest_of(root).parts
    assert {name: part for name, part in again.items() if name != "."} == {
        name: part for name, part in first.parts.items() if name != "."
    }
    kinds = made.counts["kinds"]
    assert set(kinds) == {"file", "empty", "sparse", "pipe", "link", "hard link"}
    assert sum(kinds.values()) == TINY.files
    sparse = next(path for path in root.rglob("*") if path.lstat().st_size > 2**23)
    assert sparse.stat().st_blocks * 512 < 2**20
    near = ground.made(tmp_path, "near")
    stored = store(near, ground.payload(tmp_path / "spool", "1"))
    near.restic.restore(stored.id, tmp_path / "restored")
    (restored,) = (tmp_path / "restored").rglob("office")
    assert filetree.manifest_of(restored).parts == filetree.manifest_of(root / "office").parts


def test_gitlab(tmp_path: Path) -> None:
    programs, root = tmp_path / "programs", tmp_path / "root"
    programs.mkdir()
    for name in ("gitlab-ctl", "gitlab-standin", "gitlab-backup"):
        shutil.copy(STAND_IN, programs / name)
        (programs / name).chmod(0o755)
    here = door(PATH=f"{programs}:{os.environ['PATH']}", GITLAB_STANDIN_ROOT=str(root))
    made = office_data.gitlab(here, "gitlab", TINY.issues, root=str(root))
    assert made.size > 10_000
    assert "is done." in here("gitlab", "gitlab-backup create", [])
