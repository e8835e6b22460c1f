"""What of a MariaDB dump is decided without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.backup.sources import mariadb_check, mariadb_look, mariadb_seen
from quorate.errors import MachineError

DUMP = b"""-- MariaDB dump
--
-- Current Database: `shop`
--
DO SETVAL(`numbers`, 5010, 0);
--
-- Dumping data for table `odd``name`
--
INSERT INTO `odd``name` VALUES ('-- Dump completed');
--
-- Current Database: `other.one`
--
-- Dumping data for table `t`

-- Dump completed
"""

USERS = r"""CREATE USER `mariadb.sys`@`localhost` ACCOUNT LOCK;
CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*6C';
CREATE USER `app`@`%.example` IDENTIFIED BY PASSWORD '*7D';
/*M!100005 GRANT 'clerks' TO 'app'@'%' WITH ADMIN OPTION */;
GRANT SELECT ON `shop`.* TO `app`@`%`;
GRANT SELECT ON `shop`.* TO `app`@`%.example`;
GRANT SELECT ON `app`.* TO `it's`@`localhost`;
/*M!100005 SET DEFAULT ROLE NONE FOR 'it\'s'@'localhost' */;
/*!80001 ALTER USER 'app'@'%' DEFAULT ROLE NONE */;
"""


def table(name: str = "t", kind: str = "BASE TABLE", engine: str = "InnoDB") -> mariadb_look.Table:
    columns = (("id", "int"), ("a`b", "varchar"))
    return mariadb_look.Table(
        database="shop", name=name, type=kind, engine=engine, size=1, columns=columns
    )


def test_a_dump_is_read_for_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "dump.sql").write_bytes(DUMP)
    heads = mariadb_check.read_back(tmp_path / "dump.sql")
    assert heads.tables == {"shop.`odd``name`", "`other.one`.t"}
    assert heads.sequences == {"sequence shop.numbers": "1:5010"}


@given(st.integers(0, len(DUMP) - 2))
def test_no_cut_is_taken_for_whole(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    path = tmp_path_factory.mktemp("dump") / "dump.sql"
    path.write_bytes(DUMP[:size])
    with pytest.raises(MachineError, match="cut short"):
        mariadb_check.read_back(path)


def test_accounts_that_are_there_stay_as_they_are() -> None:
    there = [("mariadb.sys", "localhost"), ("app", "%")]
    left = mariadb_look.without_accounts(USERS, there).splitlines()
    assert left == [
        "CREATE USER `app`@`%.example` IDENTIFIED BY PASSWORD '*7D';",
        "GRANT SELECT ON `shop`.* TO `app`@`%.example`;",
        "GRANT SELECT ON `app`.* TO `it's`@`localhost`;",
        "/*M!100005 SET DEFAULT ROLE NONE FOR 'it\\'s'@'localhost' */;",
    ]
    assert len(mariadb_look.without_accounts(USERS, [("it's", "localhost")]).splitlines()) == 7


ROLES = r"""CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*6C';
CREATE ROLE IF NOT EXISTS mariadb_dump_import_role;
/*!80001 CREATE ROLE 'it\'s' */;
/*M!100005 CREATE ROLE 'it\'s' WITH ADMIN mariadb_dump_import_role */;
/*M!100005 CREATE ROLE 'it\'s more' WITH ADMIN mariadb_dump_import_role */;
GRANT `it's` TO `app`@`%`;
GRANT SELECT ON `shop`.* TO `it's`;
"""


def test_a_role_that_is_there_is_not_made_and_may_what_it_could() -> None:
    left = mariadb_look.without_accounts(ROLES, [("it's", "")]).splitlines()
    assert left == [line for line in ROLES.splitlines() if "ROLE 'it\\'s' " not in line]
    assert len(left) == 5


def test_values_are_taken_as_the_dump_has_them() -> None:
    statement = mariadb_look.count(3, table())
    assert "COALESCE(CAST(`id` AS CHAR), 'NULL'), COALESCE(HEX(`a``b`), 'NULL')" in statement
    assert statement.startswith("SELECT CONCAT('[3,', COUNT(*)")
    assert "FROM `shop`.`t`" in statement


def test_what_one_transaction_does_not_keep_is_found() -> None:
    tables = [table(), table("s", "SEQUENCE", "Aria"), table("old", engine="MyISAM")]
    tables.append(table("v", "SYSTEM VERSIONED"))
    engine, versions = mariadb_look.findings(tables)
    assert "table shop.old is of the engine MyISAM" in engine
    assert "ALTER TABLE `shop`.`old` ENGINE=InnoDB" in engine
    assert "shop.v: former versions" in versions


def test_a_lost_table_is_named() -> None:
    seen = mariadb_seen.Seen(
        tables=(table(), table(name="lost")), rows={0: (1, 1, 1), 1: (0, 0, 0)}
    )
    with pytest.raises(MachineError, match=r"does not have shop\.lost"):
        seen.check(mariadb_check.Heads(tables=frozenset({"shop.t"}), sequences={}))


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_are_never_one_part(one: str, other: str) -> None:
    assert (mariadb_look.part(one) == mariadb_look.part(other)) == (one == other)
