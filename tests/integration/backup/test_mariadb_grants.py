"""A real MariaDB: grants on single things and what needs them, and times that a restore sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.model import Manifest
from quorate.backup.sources import base
from quorate.backup.sources.mariadb import MariaDB
from quorate.tools import mariadb
from tests import real_databases


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("mariadb-server")
    with real_databases.place() as made:
        yield made


def proven(place: Path, name: str, prepare: str) -> tuple[Manifest, tuple[str, ...]]:
    """What is dumped of a server of its own that this has prepared, and what its proof says."""
    with scratch.mariadb(place) as server:
        mariadb.lines(server, prepare, mariadb.installed())
        source = MariaDB(server=server)
        made = source.dump(place / name)
        return made, base.prove(source, place / name, place)


SINGLE = """
CREATE DATABASE shop; CREATE DATABASE aa; CREATE DATABASE zz;
CREATE TABLE shop.t (a INT PRIMARY KEY, b INT); INSERT INTO shop.t VALUES (1, 2);
CREATE TABLE aa.child (a INT REFERENCES shop.t (a)); INSERT INTO aa.child VALUES (1);
CREATE TABLE zz.child (a INT REFERENCES shop.t (a)); INSERT INTO zz.child VALUES (1);
CREATE USER app@'%' IDENTIFIED BY 'x'; CREATE USER `o``dd name`@localhost;
CREATE ROLE clerks; GRANT clerks TO app@'%' WITH ADMIN OPTION;
GRANT SELECT, INSERT (b) ON shop.t TO app@'%'; GRANT SELECT ON shop.t TO clerks;
GRANT UPDATE ON aa.* TO app@'%'; GRANT SELECT (a) ON zz.child TO `o``dd name`@localhost;
DELIMITER //
CREATE DEFINER=app@'%' FUNCTION shop.f() RETURNS INT READS SQL DATA
  BEGIN RETURN (SELECT MAX(a) FROM shop.t); END//
CREATE PROCEDURE shop.p() BEGIN SELECT 1; END//
DELIMITER ;
GRANT EXECUTE ON FUNCTION shop.f TO app@'%'; GRANT EXECUTE ON PROCEDURE shop.p TO clerks;
CREATE DEFINER=app@'%' TRIGGER shop.noting BEFORE INSERT ON shop.t
  FOR EACH ROW SET NEW.b = shop.f();
CREATE DEFINER=app@'%' EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.t;
CREATE DEFINER=app@'%' SQL SECURITY DEFINER VIEW shop.z_first AS
  SELECT a, shop.f() AS f FROM shop.t;
GRANT SELECT ON shop.z_first TO app@'%'; GRANT SELECT (f) ON shop.z_first TO clerks;
CREATE DEFINER=app@'%' SQL SECURITY DEFINER VIEW shop.above AS SELECT a, f FROM shop.z_first;
"""
"""Grants on single tables, columns, views and routines, and what needs them to be made anew."""


def test_grants_on_single_things_come_back_and_what_needs_them(place: Path) -> None:
    made, differences = proven(place, "single", SINGLE)
    assert {"account app.`%`", "role clerks", "views of shop"} < set(made.parts)
    assert differences == ()


@pytest.mark.parametrize("gone", ["", "DROP USER app@'%'; DROP ROLE clerks;"])
def test_grants_on_single_things_do_not_stop_a_restore_in_place(place: Path, gone: str) -> None:
    with scratch.mariadb(place) as server:
        programs = mariadb.installed()
        mariadb.lines(server, SINGLE, programs)
        source = MariaDB(server=server)
        spool = place / f"in-place-{len(gone)}"
        made = source.dump(spool)
        mariadb.lines(server, gone, programs)
        source.clear(spool, others=True)
        found = source.restore(spool).manifest.parts
        # Who restores is an account of this server, and keeps what it may.
        own = {"account quorate_scratch.localhost"}
        assert {part for part in made.parts if found.get(part) != made.parts[part]} <= own


STALE = {
    "table": "DROP TABLE shop.t;",
    "database": "DROP DATABASE shop;",
}


@pytest.mark.parametrize("name", STALE)
def test_what_was_granted_on_something_dropped_does_not_stop_a_restore(
    place: Path, name: str
) -> None:
    """MariaDB keeps such grants, and does not take them again."""
    prepare = """
    CREATE DATABASE shop; CREATE TABLE shop.t (a INT); CREATE TABLE shop.u (a INT);
    CREATE FUNCTION shop.f() RETURNS INT RETURN 1; CREATE VIEW shop.v AS SELECT shop.f() AS one;
    CREATE USER app@'%'; GRANT SELECT, UPDATE (a) ON shop.t TO app@'%';
    GRANT SELECT ON shop.u TO app@'%'; GRANT EXECUTE ON FUNCTION shop.f TO app@'%';
    GRANT CREATE, DROP ON shop.later TO app@'%';
    """
    made, differences = proven(place, f"stale-{name}", prepare + STALE[name])
    assert made.parts["account app.`%`"].startswith("4:" if name == "table" else "2:")
    assert differences == ()


def test_a_grant_that_is_not_taken_is_named_when_all_else_is_there(place: Path) -> None:
    prepare = """
    CREATE DATABASE shop; CREATE TABLE shop.t (a INT, b INT); CREATE VIEW shop.v AS SELECT 1 AS a;
    CREATE USER app@'%'; GRANT SELECT (a, b) ON shop.t TO app@'%';
    ALTER TABLE shop.t DROP COLUMN b;
    """
    _, (said,) = proven(place, "not-taken", prepare)
    assert said.startswith("account app.`%`")


def test_when_a_row_became_what_it_is_is_no_difference(place: Path) -> None:
    """A table's own columns for that are set anew by whoever restores."""
    prepare = """
    CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, twice INT AS (id * 2) STORED,
      since TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
      until TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
      PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING;
    INSERT INTO shop.t (id) VALUES (1), (2);
    """
    made, differences = proven(place, "versions", prepare)
    assert made.parts["shop.t"].startswith("2:")
    assert differences == ()
