"""A real Postgres: dumped, restored elsewhere, compared; and everything that goes wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.sources import base, postgres_fill
from quorate.backup.sources.postgres import Postgres
from quorate.errors import MachineError, QuorateError, RefusedError
from quorate.tools import pg
from tests import real_databases

DATA = Path(__file__).parent / "postgres_data.sql"
PASSWORD = "p:w\\d'ü"
HBA = f"local all {scratch.ADMIN} trust\nlocal all all scram-sha-256\n"
ODD = "o=d/d 'name' . ü"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    real_databases.need("postgresql")
    with real_databases.place() as made:
        yield made


@pytest.fixture(scope="module")
def programs(place: Path) -> pg.Programs:
    return pg.installed()[-1]


@pytest.fixture(scope="module")
def admin(place: Path, programs: pg.Programs) -> Iterator[pg.Server]:
    """The source, as its administrator who needs no password."""
    with scratch.postgres(programs.major, place) as server:
        pg.query(
            server,
            "postgres",
            f'CREATE DATABASE shop; CREATE DATABASE "{ODD}";'
            f"CREATE ROLE postgres SUPERUSER LOGIN PASSWORD {literal(PASSWORD)};",
            programs,
        )
        pg.execute(server, "shop", DATA, programs)
        pg.query(server, ODD, "CREATE TABLE t AS SELECT 1 AS a", programs)
        (Path(server.host) / "data" / "pg_hba.conf").write_text(HBA)
        pg.query(server, "postgres", "SELECT to_json(pg_reload_conf())", programs)
        yield server


@pytest.fixture(scope="module")
def server(admin: pg.Server) -> pg.Server:
    """The source, as a backup reaches it."""
    return replace(admin, user="postgres", password=PASSWORD)


@pytest.fixture(scope="module")
def dumped(server: pg.Server, place: Path) -> Path:
    spool = place / "spool"
    Postgres(server=server).dump(spool)
    return spool


def literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def fake_programs(place: Path, programs: pg.Programs, pg_dump: str) -> list[Path]:
    """Postgres' programs, with a fake pg_dump: `$REAL` is the real one, `$into` its directory."""
    made = place / f"fake-{len(list(place.glob('fake-*')))}"
    made.mkdir()
    for name in ("psql", "pg_dumpall", "pg_restore"):
        (made / name).symlink_to(programs.directory / name)
    (made / "pg_dump").write_text(
        f"#!/bin/sh\nREAL={programs.directory}/pg_dump\n"
        'case "$*" in *--version*) exec $REAL --version;; esac\n'
        'for each in "$@"; do case "$each" in --file=*) into=${each#--file=};; esac; done\n'
        f"{pg_dump}\n"
    )
    (made / "pg_dump").chmod(0o755)
    return [made]


def fails(source: Postgres, spool: Path) -> QuorateError:
    """The error of a dump that fails and leaves nothing behind."""
    with pytest.raises(MachineError) as caught:
        source.dump(spool)
    assert not spool.exists() or list(spool.iterdir()) == []
    assert PASSWORD not in str(caught.value.as_json())
    return caught.value


def test_what_is_restored_is_what_was_dumped(server: pg.Server, dumped: Path, place: Path) -> None:
    parts = base.manifest(dumped).parts
    assert parts["shop.public.plain"].startswith("3001:")
    assert parts["shop.public.empty"] == "0:0000000000000000"
    assert parts["shop.public.parent_other"].startswith("187:")
    assert parts["large objects of shop"].startswith("4:")
    assert parts['sequence shop."Odd. Schema"."se.q""1"'] == "1:2+"
    assert parts["extensions of shop"].startswith("3:")
    assert {"role app", 'role "odd role\'s"'} < set(parts)
    assert base.prove(Postgres(server=server), dumped, place) == ()


def test_every_table_brought_in_pieces_is_the_same(
    server: pg.Server, dumped: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_fill, "large_of", lambda sizes, _: list(sizes))
    real, asked = pg.script_of, []

    def as_in_17(programs: pg.Programs, directory: Path, chosen: Path, into: Path) -> None:
        """pg_restore 17 refuses what is no regular file; the one here may be older."""
        asked.append(directory)
        assert not any(path.is_symlink() for path in directory.iterdir())
        real(programs, directory, chosen, into)

    monkeypatch.setattr(pg, "script_of", as_in_17)
    assert base.prove(Postgres(server=server, jobs=3), dumped, place) == ()
    assert asked


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda rows: rows[:-40], "was cut short", id="its end is gone"),
        pytest.param(
            lambda rows: rows.replace(b"\t", b" ", 1), "COPY plain, line 1", id="a bad row"
        ),
    ],
)
def test_a_damaged_piece_fails_the_restore(
    damage: Callable[[bytes], bytes],
    said: str,
    dumped: Path,
    place: Path,
    programs: pg.Programs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_fill, "large_of", lambda sizes, _: list(sizes))
    damaged = place / f"damaged-{said.replace(' ', '-')}"
    shutil.copytree(dumped, damaged, symlinks=True)
    try:
        largest = max(damaged.glob("database-shop/*.dat"), key=lambda path: path.stat().st_size)
        largest.write_bytes(damage(largest.read_bytes()))
        with (
            scratch.postgres(programs.major, place) as empty,
            pytest.raises(MachineError) as caught,
        ):
            Postgres(server=empty).restore(damaged)
    finally:
        shutil.rmtree(damaged)
    assert said in str(caught.value.as_json())


def test_the_dump_is_private_and_has_no_password_of_ours(dumped: Path) -> None:
    assert dumped.stat().st_mode & 0o077 == 0
    for path in dumped.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()


def test_a_dump_while_others_write_is_of_one_moment(
    admin: pg.Server, server: pg.Server, place: Path, programs: pg.Programs
) -> None:
    prepare = (
        "CREATE TABLE IF NOT EXISTS busy (id bigserial PRIMARY KEY, v text);"
        "CREATE TABLE IF NOT EXISTS pair (id bigint, v text);"
    )
    pg.query(admin, "shop", prepare, programs)
    write = (
        "DO $$ DECLARE n bigint; BEGIN LOOP INSERT INTO busy (v) VALUES ('a') RETURNING id INTO n;"
        "INSERT INTO pair VALUES (n, 'b'); UPDATE pair SET v = v || '.' WHERE id = n - 5;"
        "COMMIT; END LOOP; END $$;"
    )
    argv = [programs.argv("psql"), "-Xq", "-d", pg.conninfo(admin, "shop"), "-c", write]
    writer = subprocess.Popen(argv, stderr=subprocess.DEVNULL, start_new_session=True)
    count = "SELECT count(*) FROM busy"
    try:
        real_databases.until(lambda: pg.query(admin, "shop", count, programs) != [0])
        (before,) = pg.query(admin, "shop", count, programs)
        made = Postgres(server=server).dump(place / "busy")
        (after,) = pg.query(admin, "shop", count, programs)
    finally:
        writer.kill()
        writer.wait()
        end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query ~ '^DO'"
        pg.query(admin, "shop", end, programs)
    rows = int(made.parts["shop.public.busy"].partition(":")[0])
    assert before <= rows < after
    assert made.parts["shop.public.pair"].startswith(f"{rows}:")
    assert base.prove(Postgres(server=server), place / "busy", place) == ()
    pg.query(admin, "shop", "DROP TABLE busy, pair", programs)


def test_one_changed_value_is_found_and_named(
    server: pg.Server, dumped: Path, place: Path, programs: pg.Programs
) -> None:
    copy = place / "changed"
    subprocess.run(["cp", "-a", str(dumped), str(copy)], check=True)
    (file,) = (
        path for path in (copy / "database-shop").glob("*.dat") if b"same\n" in path.read_bytes()
    )
    file.write_bytes(file.read_bytes().replace(b"same\n", b"sane\n", 1))
    (said,) = base.prove(Postgres(server=server), copy, place)
    assert said.startswith("shop.public.twins: 15 as when dumped, but not the same")


def test_nothing_is_restored_over_tables(server: pg.Server, dumped: Path) -> None:
    with pytest.raises(RefusedError, match="has tables") as caught:
        Postgres(server=server).restore(dumped)
    assert "nothing was changed" in caught.value.what


TAMPERED = {
    "cut in a row": ('truncate -s -9 "$big"', "was cut short"),
    "cut after a row": (r'''printf '1\n\\.\n\n\n' > "$big"''', "rows of shop"),
    "lost file": ('rm "$big"', "cannot be read"),
    "lost large object": ('rm "$into"/blob_70003.dat', "3 large objects"),
    "cut contents": ('truncate -s 200 "$into/toc.dat"', "pg_restore"),
}


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected="pg_dump that ends with 0 and leaves a file cut, lost or a table of contents cut",
    seen="an error; the spool is empty",
)
@pytest.mark.parametrize("name", TAMPERED)
def test_a_dump_that_was_cut_and_exits_with_0_does_not_count(
    server: pg.Server, place: Path, programs: pg.Programs, name: str
) -> None:
    act, said = TAMPERED[name]
    script = '$REAL "$@" || exit\nbig=$(ls -S "$into"/[0-9]*.dat | head -1)\n'
    only = f'case "$into" in *database-shop) {act};; esac; exit 0'
    places = fake_programs(place, programs, script + only)
    error = fails(Postgres(server=server, places=places), place / "cut")
    assert said in error.what


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to pg_dump",
    seen="an error; the spool is empty",
)
def test_a_killed_pg_dump_leaves_nothing(
    server: pg.Server, place: Path, programs: pg.Programs
) -> None:
    script = '$REAL "$@" &\nwhile [ ! -e "$into" ]; do sleep 0.01; done\nkill -9 $!\nkill -9 $$'
    places = fake_programs(place, programs, script)
    error = fails(Postgres(server=server, places=places), place / "killed")
    assert "pg_dump" in error.what and "by signal 9" in error.what


@pytest.mark.fault(
    "SIGKILL at every step",
    injected="SIGKILL to a dump of Postgres with all it started",
    seen=(
        "no session and no lock stays in the server; what is left is no dump; the next one is whole"
    ),
)
def test_a_killed_backup_leaves_no_session_and_no_manifest(
    admin: pg.Server, server: pg.Server, place: Path, programs: pg.Programs
) -> None:
    spool = place / "dead"
    slow = fake_programs(place, programs, 'sleep 30; exec $REAL "$@"')
    code = (
        "import sys; from pathlib import Path; from quorate.tools import pg;"
        "from quorate.backup.sources.postgres import Postgres;"
        f"server = pg.Server(host={server.host!r}, user='postgres', password=sys.stdin.readline());"
        f"Postgres(server=server, places=[Path({str(slow[0])!r})]).dump(Path({str(spool)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                             start_new_session=True)  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(PASSWORD.encode())
    child.stdin.close()
    real_databases.until((spool / "tablespaces.sql").exists)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert list(spool.iterdir())
    with pytest.raises(MachineError, match="not a complete dump"):
        base.manifest(spool)
    held = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quorate'"
        " AND pid <> pg_backend_pid()"
    )
    real_databases.until(lambda: pg.query(admin, "postgres", held, programs) == [0])
    Postgres(server=server).dump(spool)
    assert base.manifest(spool).parts["shop.public.plain"].startswith("3001:")


@pytest.mark.fault(
    "disk full: spool",
    injected="a spool of 200 kB for Postgres",
    seen="an error; the spool is empty",
)
def test_a_full_spool_is_said_and_emptied(server: pg.Server) -> None:
    with real_databases.small_disk("200k") as disk:
        error = fails(Postgres(server=server), disk)
    assert "No space left" in f"{error.what} {error.cause}"


@pytest.mark.fault(
    "source vanished",
    injected="Postgres ends in the middle of a dump",
    seen="an error; the spool is empty",
)
def test_a_server_that_vanishes(place: Path, programs: pg.Programs) -> None:
    with scratch.postgres(programs.major, place) as server:
        pg.query(server, "postgres", "CREATE TABLE t AS SELECT generate_series(1, 9)", programs)
        pid = Path(server.host) / "data" / "postmaster.pid"
        script = f'$REAL "$@" &\nkill -QUIT $(head -1 {pid})\nwait $!'
        places = fake_programs(place, programs, script)
        error = fails(Postgres(server=server, places=places), place / "gone")
        assert error.cause


@pytest.mark.fault(
    "wrong password",
    injected="a wrong password for Postgres",
    seen="an error that names the role; the password is nowhere",
)
def test_a_wrong_password_is_said(server: pg.Server, place: Path) -> None:
    error = fails(Postgres(server=replace(server, password="guessed")), place / "wrong")
    assert "password authentication failed" in str(error.cause)
    assert "check the password of the role postgres" in str(error.todo)
    assert "guessed" not in str(error.as_json())


@pytest.mark.fault(
    "client and server of different major versions",
    injected="a pg_dump older than the server",
    seen="refused, with the package that has the right one",
)
def test_a_pg_dump_that_is_too_old_is_refused(
    server: pg.Server, place: Path, programs: pg.Programs
) -> None:
    places = fake_programs(place, programs, "exit 1")
    script = (places[0] / "pg_dump").read_text()
    (places[0] / "pg_dump").write_text(
        script.replace("exec $REAL --version", "echo 'pg_dump (PostgreSQL) 11.22'; exit")
    )
    error = fails(Postgres(server=server, places=places), place / "old")
    assert f"the server is Postgres {programs.major}, and pg_dump here is only 11" in error.what
    assert f"postgresql-client-{programs.major}" in str(error.todo)


@pytest.mark.fault(
    "role lacking rights",
    injected="a role without rights on roles, tables, rows, large objects",
    seen="an error each time, with the statement that grants it; then the dump is whole",
)
def test_a_role_that_may_too_little_is_told_what_to_grant(
    place: Path, programs: pg.Programs
) -> None:
    with scratch.postgres(programs.major, place) as admin:
        setup = (
            "CREATE ROLE backup LOGIN; CREATE TABLE t AS SELECT 1 AS a; CREATE SCHEMA hidden;"
            "CREATE TABLE hidden.t AS SELECT 1 AS a; CREATE SEQUENCE s;"
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;"
        )
        pg.query(admin, "postgres", setup, programs)
        source = Postgres(server=replace(admin, user="backup"))
        said = []
        for _ in range(3):
            error = fails(source, place / "lacking")
            assert "the role backup " in error.what
            said.append(error.what)
            grant = str(error.todo).removeprefix("as a superuser: ").partition(" (")[0]
            pg.query(admin, "postgres", grant + ";", programs)
        assert "roles' passwords" in said[0]
        assert '"public"."t", "hidden"."t", public.s' in said[1]
        assert "row security" in said[2]
        made = source.dump(place / "lacking")
        assert made.parts["postgres.hidden.t"].startswith("1:")
        pg.query(admin, "postgres", "SELECT to_json(lo_create(7))", programs)
        error = fails(source, place / "objects")
        assert "may not read 1 large objects" in error.what


def test_no_password_is_ever_an_argument(server: pg.Server, place: Path) -> None:
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    seen.add(path.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        Postgres(server=server).dump(place / "watched")
    finally:
        done.set()
        watcher.join()
    assert any(b"pg_dump" in line for line in seen)
    assert not any(PASSWORD.encode() in line or b"app-secret" in line for line in seen)
