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


def test_one_connection_runs_one_script(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(dump())
    ((only,),) = stages_of(path, read_back(path), 1)
    assert (only.begin, only.end) == (0, len(dump()))
