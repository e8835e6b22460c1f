"""Restores in place that keep what was there: done again after a kill, and put back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.jobs.model import NOTHING_KEPT, NOWHERE
from quorate.backup.place import Repository
from quorate.tools import mariadb, pg
from quorate.tools import redis as red
from tests.integration.backup import servers, working
from tests.integration.backup.servers import Source

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with servers.place() as made:
        yield made


@pytest.fixture
def spool(place: Path) -> Iterator[Path]:
    made = place / "spool"
    yield made
    shutil.rmtree(made, ignore_errors=True)


def back(source: Source, near: Repository, spool: Path) -> tuple[str, ...]:
    """What is said when what was kept is put back."""
    told = source.job("back", near, in_place=True, aside="x")
    told = told.model_copy(update={"repository": NOWHERE})
    return working.done(told, spool).answer.findings


def test_a_postgres(place: Path, near: Repository, spool: Path) -> None:
    with servers.postgres(place) as source:
        working.done(source.job("backup", near), spool)
        programs = pg.installed()[-1]
        admin = pg.Server(host=source.reach.host, user=scratch.ADMIN)

        def rows(database: str) -> int:
            (found,) = pg.query(admin, database, "SELECT count(*) FROM t", programs)
            return int(found)

        assert back(source, near, spool) == (NOTHING_KEPT,)
        pg.query(admin, "shop", "DELETE FROM t WHERE i > 7", programs)
        told = source.job("restore", near, in_place=True, aside="x")
        working.done(told, spool)
        assert (rows("shop"), rows("shop_before_x")) == (20000, 7)
        # Whoever does it again finds it done; or what a killed one had left, which is kept too.
        working.done(told, spool)
        assert (rows("shop"), rows("shop_before_x")) == (20000, 7)
        pg.query(admin, "shop", "DELETE FROM t WHERE i > 100", programs)
        said = working.done(told, spool).answer.findings
        (half,) = [text for text in said if "a killed restore had left" in text and "shop" in text]
        assert rows(half.rpartition(" ")[2]) == 100
        assert (rows("shop"), rows("shop_before_x")) == (20000, 7)
        # Killed between the two: its name is nobody's.
        pg.query(admin, "postgres", "ALTER DATABASE shop RENAME TO lost", programs)
        working.done(told, spool)
        assert (rows("shop"), rows("shop_before_x")) == (20000, 7)
        assert any("shop is what shop_before_x was" in text for text in back(source, near, spool))
        assert (rows("shop"), rows("shop_recovered_x")) == (7, 20000)
        assert NOTHING_KEPT not in back(source, near, spool)
        assert rows("shop") == 7


def test_what_a_former_restore_has_kept_is_not_kept_once_more(
    place: Path, near: Repository, spool: Path
) -> None:
    with servers.postgres(place) as source:
        admin = pg.Server(host=source.reach.host, user=scratch.ADMIN)

        def databases() -> set[str]:
            listed = "SELECT to_json(datname) FROM pg_database WHERE NOT datistemplate"
            return set(map(str, pg.query(admin, "template1", listed, pg.installed()[-1])))

        there = databases()
        for aside in ("20260101_020304", "20260101_020305", "20260101_020306"):
            working.done(source.job("backup", near, run=aside), spool)
            told = source.job("restore", near, in_place=True, aside=aside, run=f"back {aside}")
            said = working.done(told, spool).answer.findings
            there |= {f"{one}_before_{aside}" for one in there if "_before_" not in one}
            assert databases() == there
        assert "shop_before_20260101_020304 is left as it is: a former restore has kept it" in said


def test_a_redis(place: Path, near: Repository, spool: Path) -> None:
    with servers.redis(place) as source:
        server = red.Server(host=source.reach.host, password=servers.PASSWORD)
        working.done(source.job("backup", near), spool)
        assert back(source, near, spool) == (NOTHING_KEPT,)
        red.ask(server, "SET", "key:1", "changed")
        red.ask(server, "DEL", "key:2")
        told = source.job("restore", near, in_place=True, aside="x")
        assert "is kept on box1" in working.done(told, spool).answer.findings[0]
        assert red.ask(server, "GET", "key:1") == "1"
        red.ask(server, "FLUSHALL")  # as after a kill in mid-way
        working.done(told, spool)
        assert red.ask(server, "DBSIZE") == "3000"
        assert "has again what was kept" in back(source, near, spool)[0]
        assert red.ask(server, "GET", "key:1") == "changed" and red.ask(server, "DBSIZE") == "2999"


def test_a_mariadb(place: Path, near: Repository, spool: Path) -> None:
    with servers.maria(place) as source:
        programs = mariadb.installed()
        admin = mariadb.Server(host=source.reach.host, user=scratch.ADMIN)
        count = "SELECT COUNT(*) FROM shop.t;"
        working.done(source.job("backup", near), spool)
        mariadb.lines(admin, "DELETE FROM shop.t WHERE a > 9;", programs)
        told = source.job("restore", near, in_place=True, aside="x")
        working.done(told, spool)  # not proven, but what it replaces is kept
        assert mariadb.query(admin, count, programs) == [5000]
        mariadb.lines(admin, "DROP DATABASE shop;", programs)
        working.done(told, spool)
        assert mariadb.query(admin, count, programs) == [5000]
        assert "has again what was kept" in back(source, near, spool)[0]
        assert mariadb.query(admin, count, programs) == [9]


def test_a_volume(tmp_path: Path, near: Repository, spool: Path) -> None:
    volume = tmp_path / "0"
    volume.mkdir()
    (volume / "page").write_text("as it was")
    about = {"volumes": [{"name": "pages", "path": str(volume)}], "still": True}
    working.done(working.job("backup", working.at(near.place), **about), spool)
    (volume / "page").write_text("spoiled")
    more = {**about, "in_place": True, "aside": "x"}
    told = working.job("restore", working.at(near.place), **more)
    assert "is kept in .quorate-restore-kept-x/former of pages" in str(
        working.done(told, spool).answer.findings
    )
    assert (volume / "page").read_text() == "as it was"
    working.done(told, spool)
    assert (volume / "page").read_text() == "as it was"
    working.done(working.job("back", NOWHERE, **more), spool)
    assert (volume / "page").read_text() == "spoiled"
