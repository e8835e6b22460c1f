"""Where a dump of MariaDB is cut, so that several connections bring it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.backup.sources import mariadb_fill
from quorate.backup.sources.mariadb_check import read_back
from quorate.backup.sources.mariadb_fill import stages_of

HEAD = b"-- MariaDB dump\n\n/*!40101 SET NAMES utf8mb4 */;\n\n--\n"
ROWS = b"".join(b"INSERT INTO `big``one` VALUES\n(%d,'a;\\n'),\n(2,';');\n" % n for n in range(500))
TRIGGER = b"/*!50003 TRIGGER t AFTER INSERT ON `big``one` FOR EACH ROW\nINSERT INTO `x`;\n"
LOCK = b"LOCK TABLES `big``one` WRITE;\n/*!40000 ALTER TABLE `big``one` DISABLE KEYS */;\n"
UNLOCK = b"/*!40000 ALTER TABLE `big``one` ENABLE KEYS */;\nUNLOCK TABLES;\n"


def dump(engine: bytes = b"InnoDB", lock: bytes = LOCK, unlock: bytes = UNLOCK) -> bytes:
    return (
        HEAD
        + b"-- Current Database: `sh``op`\n--\n\nUSE `sh``op`;\n"
        + b"-- Table structure for table `big``one`\n--\nCREATE TABLE `big``one` (\n  `id` int\n"
        + b") ENGINE="
        + engine
        + b" DEFAULT CHARSET=utf8mb4;\n\n--\n"
        + b"-- Dumping data for table `big``one`\n--\n\n"
        + lock
        + ROWS
        + unlock
        + TRIGGER
        + b"-- Dump completed\n"
    )


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb_fill, "LARGE_BYTES", 1000)


@pytest.mark.parametrize("jobs", [2, 3, 7])
def test_rows_are_brought_at_once_after_their_table_and_before_its_triggers(
    tmp_path: Path, jobs: int
) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(dump())
    heads = read_back(path)
    assert path.read_bytes()[: heads.before] == HEAD
    first, rows, last = stages_of(path, heads, jobs)
    text = path.read_bytes()
    parts = [text[piece.begin : piece.end] for piece in rows]
    assert len(parts) == jobs and b"".join(parts) == ROWS
    assert all(one.startswith(b"INSERT INTO") and one.endswith(b";\n") for one in parts)
    assert {piece.database for piece in rows} == {b"`sh``op`"}
    (before,), (after,) = first, last
    assert before.begin == 0 and before.database == b""
    assert text[: before.end].endswith(b"DEFAULT CHARSET=utf8mb4;\n\n--\n")
    assert text[after.begin : after.end] == TRIGGER + b"-- Dump completed\n"
    assert after.database == b"`sh``op`"


def test_rows_in_one_transaction_are_cut_out_with_what_begins_and_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    begin = b"SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT, @@AUTOCOMMIT=0;\n" + LOCK
    path.write_bytes(
        dump(lock=begin, unlock=UNLOCK + b"COMMIT;\nSET AUTOCOMMIT=@OLD_AUTOCOMMIT;\n")
    )
    first, _, last = stages_of(path, read_back(path), 2)
    text = path.read_bytes()
    left = text[first[0].begin : first[0].end] + text[last[0].begin : last[0].end]
    assert b"AUTOCOMMIT" not in left and b"COMMIT" not in left


@pytest.mark.parametrize(
    "text",
    [dump(engine=b"MyISAM"), dump(lock=b"", unlock=b""), dump().replace(ROWS, b"")],
    ids=["another engine", "no end of the rows", "no rows"],
)
def test_all_else_is_one_script(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(text)
    ((only,),) = stages_of(path, read_back(path), 2)
    assert (only.begin, only.end, only.database) == (0, len(text), b"")


VIEWS = b"""-- Final view structure for view `v`
--
/*!50001 VIEW `v` AS select 1 AS `a` */;
--
-- Current Database: `other`
--
USE `other`;
--
-- Final view structure for view `w`
--
-- Dump completed
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_views_are_made_when_all_else_is_there(tmp_path: Path, jobs: int) -> None:
    path = tmp_path / "dump.sql"
    before = dump().removesuffix(b"-- Dump completed\n")
    path.write_bytes(before + VIEWS)
    heads = read_back(path)
    (last,) = stages_of(path, heads, jobs)[-1]
    views = mariadb_fill.views_of(path, heads)
    assert views is not None and last.end == views.begin == len(before)
    assert (views.end, views.database) == (len(before + VIEWS), b"`sh``op`")


def test_a_dump_without_views_has_none_to_make(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(dump())
    assert mariadb_fill.views_of(path, read_back(path)) is None


def test_words_of_a_routine_are_no_view(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    body = b"DELIMITER ;;\nCREATE PROCEDURE p()\n-- Final view structure for view `v`\n;;\n"
    path.write_bytes(dump().replace(TRIGGER, body + b"DELIMITER ;\n"))
    assert mariadb_fill.views_of(path, read_back(path)) is None


def test_one_connection_runs_one_script(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(dump())
    ((only,),) = stages_of(path, read_back(path), 1)
    assert (only.begin, only.end) == (0, len(dump()))
