"""What of a MariaDB dump is decided without a server."""

from __future__ import annotations

from dataclasses import replace
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


def test_a_role_that_several_may_give_is_made_once() -> None:
    doubled = ROLES + "".join(ROLES.splitlines(keepends=True)[2:4])
    assert mariadb_look.without_accounts(doubled, []) == ROLES


WIDE = r"""CREATE USER `app`@`%` IDENTIFIED BY PASSWORD '*6C';
/*M!100005 GRANT 'clerks' TO 'app'@'%' WITH ADMIN OPTION */;
GRANT `clerks` TO `app`@`%`;
GRANT `a ON ``b``.``c` TO `app`@`%`;
GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*6C';
GRANT SELECT, DELETE HISTORY ON `sh``op`.* TO `it's`@`localhost`;
GRANT PROXY ON `app`@`%` TO `tx`@`h`;
SET ROLE NONE;
"""
SINGLE = r"""GRANT SELECT ON `shop`.`t` TO `app`@`%`;
GRANT SELECT (`a`), INSERT (`a`, `b c` ) ON `shop`.`od``d ON *.*` TO `clerks`;
GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE `shop`.`p` TO `app`@`%` WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION `shop`.`f` TO `app`@`%`;
GRANT EXECUTE ON PACKAGE BODY `shop`.`k` TO `app`@`%`;
GRANT SELECT ON `shop`.`t` TO 'app'@'%';
"""


def test_grants_on_single_things_are_told_from_others() -> None:
    assert mariadb_look.parted(WIDE + SINGLE) == (WIDE, SINGLE)


@pytest.mark.parametrize(
    ("rights", "thing", "lasts"),
    [
        ("SELECT", "`shop`.`o``dd`", True),
        ("SELECT", "`shop`.`t`", False),
        ("EXECUTE", "PROCEDURE `shop`.`p`", True),
        ("EXECUTE", "PROCEDURE `shop`.`P`", True),
        ("EXECUTE", "FUNCTION `shop`.`p`", False),
        ("SELECT, CREATE", "`shop`.`t`", True),
        ("ALL PRIVILEGES", "`shop`.`t`", True),
        ("SELECT, CREATE VIEW", "`shop`.`t`", False),
        ("SELECT", "`gone`.*", True),
        ("PROXY", "`app`@`%`", True),
    ],
)
def test_grants_on_what_is_not_there_do_not_last(rights: str, thing: str, lasts: bool) -> None:
    there = {("", "shop", "o`dd"), ("PROCEDURE", "shop", "p")}
    grants = [f"GRANT {rights} ON {thing} TO `app`@`%`"]
    assert mariadb_look.lasting(grants, there) == (grants if lasts else [])


def test_values_are_taken_as_the_dump_has_them() -> None:
    statement = mariadb_look.count(3, table())
    assert "COALESCE(CAST(`id` AS CHAR), 'NULL'), COALESCE(HEX(`a``b`), 'NULL')" in statement
    assert statement.startswith("SELECT CONCAT('[3,', COUNT(*)")
    assert "FROM `shop`.`t`" in statement


@given(st.integers(-(2**63), 2**64 - 1), st.integers(0, 2**64), st.integers(1, 9))
def test_every_row_is_in_exactly_one_range(least: int, more: int, count: int) -> None:
    greatest = least + more
    made = mariadb_look.ranges(2, 90, least, greatest, count)
    assert 3 <= len(made) <= count + 2
    keys = [least - 5, least, least + more // 3, greatest, greatest + 5]
    keys += [each.low - 1 for each in made if each.low is not None]
    for key in keys:
        holding = [
            each
            for each in made
            if (each.low is None or each.low <= key) and (each.high is None or key < each.high)
        ]
        assert len(holding) == 1
    assert {each.number for each in made} == {2}


def test_a_range_is_read_by_the_primary_key() -> None:
    columns = (("i`d", "int"), ("what", "varchar"))
    cut = replace(table(), columns=columns, primary=("i`d",))
    before, first, _, last, after = mariadb_look.ranges(3, 9, 1, 30, 3)
    statement = mariadb_look.count(3, cut, first)
    assert statement.startswith("SET STATEMENT optimizer_switch = 'derived_merge=off' FOR SELECT ")
    assert "`t` FORCE INDEX (PRIMARY) WHERE `i``d` >= 1 AND `i``d` < 11)" in statement
    assert "WHERE `i``d` >= 21 AND `i``d` < 31)" in mariadb_look.count(3, cut, last)
    assert "WHERE `i``d` < 1)" in mariadb_look.count(3, cut, before)
    assert "WHERE `i``d` >= 31)" in mariadb_look.count(3, cut, after)
    whole = mariadb_look.Range(number=3, size=9)
    assert mariadb_look.count(3, cut, whole) == mariadb_look.count(3, cut)


@pytest.mark.parametrize(
    ("primary", "greatest"), [(("id", "a`b"), 30), (("id",), 9 * mariadb_look.NARROW_KEYS)]
)
def test_what_may_have_many_rows_fills_no_memory(primary: tuple[str, ...], greatest: int) -> None:
    cut = replace(table(), primary=primary)
    assert cut.key == "id"
    for rows in (None, *mariadb_look.ranges(3, 9, 1, greatest, 3)):
        assert mariadb_look.count(3, cut, rows).startswith("SELECT")


@pytest.mark.parametrize(
    ("primary", "engine"), [((), "InnoDB"), (("a`b", "id"), "InnoDB"), (("id",), "Aria")]
)
def test_no_ranges_without_whole_numbers(primary: tuple[str, ...], engine: str) -> None:
    assert replace(table(engine=engine), primary=primary).key == ""


def test_ranges_are_added_up_to_their_table() -> None:
    counted = [(0, 2, 10, 20), (1, 1, 5, 6), (0, 3, 2**64, 1)]
    assert mariadb_seen.added(counted) == {0: (5, 10 + 2**64, 21), 1: (1, 5, 6)}


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
