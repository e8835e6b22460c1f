"""A real MariaDB: dumped, restored elsewhere, compared; and everything that goes wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from quorate.backup import scratch
from quorate.backup.sources import base, mariadb_fill, mariadb_look, mariadb_seen
from quorate.backup.sources.mariadb import MariaDB
from quorate.errors import CommandError, MachineError, QuorateError, RefusedError
from quorate.tools import mariadb, part
from tests import real_databases

DATA = Path(__file__).parent / "mariadb_data.sql"
PASSWORD = "p\"w\\d'#ü"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("mariadb-server")
    with real_databases.place() as made:
        yield made


@pytest.fixture(scope="module")
def programs(place: Path) -> mariadb.Programs:
    return mariadb.installed()


@pytest.fixture(scope="module")
def admin(place: Path, programs: mariadb.Programs) -> Iterator[mariadb.Server]:
    """The source, as its administrator who needs no password."""
    with scratch.mariadb(place) as server:
        mariadb.execute(server, DATA, programs, timeout=60)
        secret = PASSWORD.replace("\\", "\\\\").replace("'", "''")
        script = f"""
        CREATE USER keeper@localhost IDENTIFIED BY '{secret}';
        GRANT ALL PRIVILEGES ON *.* TO keeper@localhost;
        """
        mariadb.lines(server, script, programs)
        yield server


@pytest.fixture(scope="module")
def server(admin: mariadb.Server) -> mariadb.Server:
    """The source, as a backup reaches it."""
    return replace(admin, user="keeper", password=PASSWORD)


@pytest.fixture(scope="module")
def dumped(server: mariadb.Server, place: Path) -> Path:
    spool = place / "spool"
    MariaDB(server=server).dump(spool)
    return spool


def fake_programs(place: Path, programs: mariadb.Programs, dump: str) -> Path:
    """MariaDB's programs, with a fake mariadb-dump: `$REAL` is the real one, `$into` its file."""
    made = place / f"fake-{len(list(place.glob('fake-*')))}"
    made.mkdir()
    (made / "mariadb").symlink_to(programs.client)
    (made / "mariadb-dump").write_text(
        f"#!/bin/sh\nREAL={programs.dump}\n"
        'case "$*" in *--version*|*--system=users*) exec $REAL "$@";; esac\n'
        'for each in "$@"; do case "$each" in --result-file=*) into=${each#*=};; esac; done\n'
        f"{dump}\n"
    )
    (made / "mariadb-dump").chmod(0o755)
    return made


def fails(source: MariaDB, spool: Path) -> QuorateError:
    """The error of a dump that fails and leaves nothing behind."""
    with pytest.raises(MachineError) as caught:
        source.dump(spool)
    assert not spool.exists() or list(spool.iterdir()) == []
    assert PASSWORD not in str(caught.value.as_json())
    return caught.value


def test_what_is_restored_is_what_was_dumped(
    server: mariadb.Server, dumped: Path, place: Path
) -> None:
    made = base.manifest(dumped)
    assert made.parts["shop.plain"].startswith("2000:")
    assert made.parts["shop.empty"] == f"0:{'0' * 32}"
    assert made.parts["sequence shop.numbers"] == "1:5010"
    assert made.parts["routines of shop"].startswith("2:")
    assert made.parts["settings of nothing"].startswith("1:")
    assert {"account app.`%`", "account `it's`.localhost", "role clerks"} < set(made.parts)
    (finding,) = made.findings
    assert "shop.old_engine is of the engine MyISAM" in finding
    assert base.prove(MariaDB(server=server), dumped, place) == ()


def test_the_spool_keeps_no_password_of_ours(dumped: Path) -> None:
    assert dumped.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in dumped.iterdir()) == [
        base.MARK, "dump.sql", base.MANIFEST, "users.sql",
    ]  # fmt: skip
    for path in dumped.iterdir():
        assert PASSWORD.encode() not in path.read_bytes()


def test_a_dump_while_others_write_is_of_one_moment(
    admin: mariadb.Server, server: mariadb.Server, place: Path, programs: mariadb.Programs
) -> None:
    prepare = """
    CREATE DATABASE busy; CREATE DATABASE busy2;
    CREATE TABLE busy.one (id BIGINT AUTO_INCREMENT PRIMARY KEY, v TEXT);
    CREATE TABLE busy2.other (id BIGINT PRIMARY KEY, v TEXT);
    DELIMITER //
    CREATE PROCEDURE busy.work() BEGIN LOOP
      START TRANSACTION; INSERT INTO busy.one (v) VALUES ('a');
      INSERT INTO busy2.other VALUES (LAST_INSERT_ID(), 'b');
      UPDATE busy2.other SET v = CONCAT(v, '.') WHERE id = CAST(LAST_INSERT_ID() AS SIGNED) - 5;
      COMMIT;
    END LOOP; END//
    DELIMITER ;
    """
    mariadb.lines(admin, prepare, programs)
    argv = [programs.client, f"--socket={admin.host}", f"--user={admin.user}", "-e",
            "CALL busy.work()"]  # fmt: skip
    writer = subprocess.Popen(argv, stderr=subprocess.DEVNULL, start_new_session=True)
    count = "SELECT COUNT(*) FROM busy.one;"
    try:
        real_databases.until(lambda: mariadb.query(admin, count, programs) != [0])
        (before,) = mariadb.query(admin, count, programs)
        made = MariaDB(server=server).dump(place / "busy")
        (after,) = mariadb.query(admin, count, programs)
    finally:
        end = """
        SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist
        WHERE id <> CONNECTION_ID() AND command = 'Query';
        """
        mariadb.lines(admin, "\n".join(mariadb.lines(admin, end, programs)), programs)
        writer.wait(20)
    rows = int(made.parts["busy.one"].partition(":")[0])
    assert before <= rows < after
    assert made.parts["busy2.other"].startswith(f"{rows}:")
    assert base.prove(MariaDB(server=server), place / "busy", place) == ()
    mariadb.lines(admin, "DROP DATABASE busy; DROP DATABASE busy2;", programs)


def test_a_large_table_is_brought_by_several_connections(
    admin: mariadb.Server,
    server: mariadb.Server,
    place: Path,
    programs: mariadb.Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With keys that must differ, a trigger that would write, and a name that needs quotes."""
    monkeypatch.setattr(mariadb_fill, "LARGE_BYTES", 2**20)
    brought: list[bytes] = []
    real = part.fed

    @contextmanager
    def watched(
        path: Path, begin: int, end: int, *, before: bytes = b"", after: bytes = b""
    ) -> Iterator[IO[bytes]]:
        brought.append(before)
        with real(path, begin, end, before=before, after=after) as stream:
            yield stream

    monkeypatch.setattr(part, "fed", watched)
    prepare = """
    CREATE DATABASE `la``rge`; USE `la``rge`;
    CREATE TABLE log (n BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
    CREATE TABLE `ta``ble` (id BIGINT AUTO_INCREMENT PRIMARY KEY, code CHAR(32) UNIQUE,
      words TEXT, at TIMESTAMP, FULLTEXT (words)) ENGINE=InnoDB;
    INSERT INTO `ta``ble`
      SELECT seq, MD5(seq), CONCAT('one;\n(', REPEAT(MD5(seq), 8), ';\nINSERT INTO '), NOW()
      FROM seq_1_to_20000;
    CREATE TRIGGER noted AFTER INSERT ON `ta``ble`
      FOR EACH ROW INSERT INTO log (what) VALUES ('row');
    """
    mariadb.lines(admin, prepare, programs)
    MariaDB(server=server).dump(place / "large")
    assert base.prove(MariaDB(server=server), place / "large", place) == ()
    parts = [one.endswith(b"USE `la``rge`;\n") for one in brought]
    # The last are the views.
    assert parts == [False, True, True, True, False]
    mariadb.lines(admin, "DROP DATABASE `la``rge`;", programs)


def test_a_large_table_counts_the_same_in_ranges(
    admin: mariadb.Server,
    programs: mariadb.Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys below zero and above what is signed, in partitions, of two columns, few and far."""
    prepare = """
    CREATE DATABASE ranges; USE ranges;
    CREATE TABLE below (`i``d` INT PRIMARY KEY, what VARCHAR(40));
    INSERT INTO below SELECT CAST(seq AS SIGNED) - 9000, MD5(seq) FROM seq_1_to_20000;
    CREATE TABLE far (id BIGINT UNSIGNED PRIMARY KEY, what VARCHAR(40));
    INSERT INTO far SELECT IF(seq = 1, 18446744073709551615, seq), MD5(seq) FROM seq_1_to_9000;
    CREATE TABLE cut (id BIGINT, day INT, what VARCHAR(40), PRIMARY KEY (id, day), INDEX (day))
      PARTITION BY HASH (day) PARTITIONS 3;
    INSERT INTO cut SELECT seq, seq % 7, MD5(seq) FROM seq_1_to_20000;
    CREATE TABLE word (id CHAR(32) PRIMARY KEY);
    INSERT INTO word SELECT MD5(seq) FROM seq_1_to_20000;
    CREATE TABLE `none` (what CHAR(32));
    INSERT INTO `none` SELECT MD5(seq) FROM seq_1_to_20000;
    CREATE TABLE emptied (id INT PRIMARY KEY);
    """
    mariadb.lines(admin, prepare, programs)
    whole = MariaDB(server=admin).inspect()
    monkeypatch.setattr(mariadb_seen, "large_of", lambda sizes, _jobs: list(sizes))
    counted: list[str] = []
    real = mariadb_look.count

    def watched(number: int, table: mariadb_look.Table, rows: mariadb_look.Range | None) -> str:
        counted.append(table.name)
        return real(number, table, rows)

    monkeypatch.setattr(mariadb_look, "count", watched)
    assert MariaDB(server=admin).inspect() == whole
    named = {name: counted.count(name) for name in ("below", "far", "cut", "word", "none")}
    assert named == {"below": 10, "far": 10, "cut": 10, "word": 1, "none": 1}
    assert counted.count("emptied") == 1
    mariadb.lines(admin, "DROP DATABASE ranges;", programs)


def test_one_changed_value_is_found_and_named(
    server: mariadb.Server, dumped: Path, place: Path
) -> None:
    copy = place / "changed"
    subprocess.run(["cp", "-a", str(dumped), str(copy)], check=True)
    path = copy / "dump.sql"
    path.write_bytes(path.read_bytes().replace(b"('same')", b"('sane')", 1))
    (said,) = base.prove(MariaDB(server=server), copy, place)
    assert said.startswith("shop.twins: 14 as when dumped, but not the same")


def test_a_statement_that_fails_ends_the_restore(
    server: mariadb.Server, dumped: Path, place: Path
) -> None:
    copy = place / "broken"
    subprocess.run(["cp", "-a", str(dumped), str(copy)], check=True)
    path = copy / "dump.sql"
    path.write_bytes(path.read_bytes().replace(b"INSERT INTO `twins`", b"INSERT INTO `twin`", 1))
    with pytest.raises(CommandError, match="mariadb of") as caught:
        base.prove(MariaDB(server=server), copy, place)
    assert "twin" in str(caught.value.cause)


def test_nothing_is_restored_over_tables(server: mariadb.Server, dumped: Path) -> None:
    with pytest.raises(RefusedError, match="has tables"):
        MariaDB(server=server).restore(dumped)


def test_the_account_that_restores_stays_as_it_is(
    dumped: Path, place: Path, programs: mariadb.Programs
) -> None:
    with scratch.mariadb(place) as admin:
        make = """
        CREATE USER app@'%' IDENTIFIED BY 'of the target';
        CREATE USER keeper@localhost IDENTIFIED BY 'new';
        GRANT ALL PRIVILEGES ON *.* TO keeper@localhost WITH GRANT OPTION;
        """
        mariadb.lines(admin, make, programs)
        target = MariaDB(server=replace(admin, user="keeper", password="new"))
        restored = target.restore(dumped)
        assert {"account app.`%`", "account keeper.localhost"} < restored.kept
        assert target.inspect().parts["shop.plain"] == base.manifest(dumped).parts["shop.plain"]


def test_roles_and_accounts_that_are_there_do_not_stop_a_restore_in_place(
    dumped: Path, place: Path
) -> None:
    """A database that a bad migration has emptied keeps its roles."""
    parts = base.manifest(dumped).parts
    with scratch.mariadb(place) as admin:
        target = MariaDB(server=admin)
        target.restore(dumped)
        target.clear(dumped, others=True)
        restored = target.restore(dumped)
    found = restored.manifest.parts
    assert {part for part in parts if found.get(part) != parts[part]} <= {
        "account quorate_scratch.localhost"  # who restores
    }
    assert found["role clerks"] == parts["role clerks"]


TAMPERED = {
    "cut": ('truncate -s -30 "$into"', "cut short"),
    "cut in the middle": ('truncate -s 9000 "$into"', "cut short"),
    "a table is lost": ("sed -i '/Dumping data for table `twins`/d' \"$into\"", "shop.twins"),
    "a sequence is lost": ("sed -i '/^DO SETVAL/d' \"$into\"", "sequence shop.numbers"),
}


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="mariadb-dump that ends with 0 and leaves a file cut",
    seen="an error; the spool is empty",
)
@pytest.mark.parametrize("name", TAMPERED)
def test_a_dump_that_was_cut_and_exits_with_0_does_not_count(
    server: mariadb.Server, place: Path, programs: mariadb.Programs, name: str
) -> None:
    act, said = TAMPERED[name]
    fake = fake_programs(place, programs, f'$REAL "$@" || exit\n{act}\nexit 0')
    error = fails(MariaDB(server=server, place=fake), place / "cut")
    assert said in error.what


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to mariadb-dump",
    seen="an error; the spool is empty, and commits go on",
)
def test_a_killed_mariadb_dump_leaves_nothing_and_holds_nothing(
    admin: mariadb.Server, server: mariadb.Server, place: Path, programs: mariadb.Programs
) -> None:
    script = '$REAL "$@" &\nwhile [ ! -e "$into" ]; do sleep 0.01; done\nkill -9 $!\nkill -9 $$'
    error = fails(MariaDB(server=server, place=fake_programs(place, programs, script)),
                  place / "killed")  # fmt: skip
    assert "by signal 9" in error.what
    write = "SET SESSION lock_wait_timeout = 5; UPDATE shop.child SET id = 2; SELECT 1;"
    assert mariadb.query(admin, write, programs) == [1]
    mariadb.lines(admin, "UPDATE shop.child SET id = 1;", programs)


def test_commits_are_not_held_for_a_dump_that_does_not_begin(
    server: mariadb.Server,
    admin: mariadb.Server,
    place: Path,
    programs: mariadb.Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("quorate.backup.sources.mariadb.BEGIN_SECONDS", 3.0)
    fake = fake_programs(place, programs, "exec sleep 60")
    error = fails(MariaDB(server=server, place=fake), place / "slow")
    assert "did not begin within 3 s" in error.what
    assert mariadb.query(admin, "UPDATE shop.child SET id = 1; SELECT 1;", programs) == [1]


@pytest.mark.fault(
    "disk full: spool",
    injected="a small spool for MariaDB",
    seen="an error; the spool is empty",
)
def test_a_full_spool_is_said_and_emptied(server: mariadb.Server) -> None:
    with real_databases.small_disk("100k") as disk:
        error = fails(MariaDB(server=server), disk)
    assert "make room" in str(error.todo), error.lines()


@pytest.mark.fault(
    "source vanished",
    injected="MariaDB ends in the middle of a dump",
    seen="an error; the spool is empty",
)
def test_a_server_that_vanishes(place: Path, programs: mariadb.Programs) -> None:
    with scratch.mariadb(place) as server:
        mariadb.lines(server, "CREATE DATABASE d; CREATE TABLE d.t (a INT);", programs)
        pid = Path(server.host).parent / "pid"
        script = f'kill -9 $(cat {pid})\n$REAL "$@"'
        fake = fake_programs(place, programs, script)
        assert fails(MariaDB(server=server, place=fake), place / "gone").cause


@pytest.mark.fault(
    "wrong password",
    injected="a wrong password for MariaDB",
    seen="an error; the password is nowhere",
)
def test_a_wrong_password_is_said(server: mariadb.Server, place: Path) -> None:
    error = fails(MariaDB(server=replace(server, password="guessed")), place / "wrong")
    assert "check the password of keeper" in str(error.todo)
    assert "guessed" not in str(error.as_json())


@pytest.mark.fault(
    "client and server of different major versions",
    injected="a mariadb-dump older than the server",
    seen="refused, with what to install",
)
def test_a_mariadb_dump_that_is_too_old_is_refused(
    server: mariadb.Server, place: Path, programs: mariadb.Programs
) -> None:
    fake = fake_programs(place, programs, "exit 1")
    said = "mysqldump  Ver 10.19 Distrib 10.5.9-MariaDB, for debian-linux-gnu (x86_64)"
    (fake / "mariadb-dump").write_text(f"#!/bin/sh\necho '{said}'\n")
    error = fails(MariaDB(server=server, place=fake), place / "old")
    assert "mariadb-dump here is only 10.5" in error.what


@pytest.mark.fault(
    "role lacking rights",
    injected="an account without rights",
    seen="an error with the statement that grants them",
)
def test_an_account_that_may_too_little_is_told_what_to_grant(
    admin: mariadb.Server, place: Path, programs: mariadb.Programs
) -> None:
    mariadb.lines(admin, "CREATE USER backup@localhost;", programs)
    source = MariaDB(server=replace(admin, user="backup"))
    try:
        error = fails(source, place / "lacking")
        assert "backup" in f"{error.what} {error.cause}"
        grant = str(error.todo).removeprefix("as an administrator: ").replace("HOST", "localhost")
        mariadb.lines(admin, grant + ";", programs)
        assert source.dump(place / "lacking").parts["shop.plain"].startswith("2000:")
    finally:
        mariadb.lines(admin, "DROP USER backup@localhost;", programs)
