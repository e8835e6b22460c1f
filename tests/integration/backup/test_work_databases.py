"""Jobs of databases: backed up, proven, restored into another server, and all that goes wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup import catalogue, scratch
from quorate.backup.jobs.model import Reach
from quorate.backup.place import Repository
from quorate.tools import mariadb, pg
from quorate.tools import redis as red
from tests import real_databases
from tests.integration.backup import servers, test_faults, working
from tests.integration.backup.servers import Source

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with servers.place() as made:
        yield made


@pytest.fixture(scope="module")
def postgres(place: Path) -> Iterator[Source]:
    with servers.postgres(place) as source:
        yield source


@pytest.fixture(scope="module")
def maria(place: Path) -> Iterator[Source]:
    with servers.maria(place) as source:
        yield source


@pytest.fixture(scope="module")
def redis(place: Path) -> Iterator[Source]:
    with servers.redis(place) as source:
        yield source


@pytest.fixture(params=["postgres", "maria", "redis"])
def source(request: pytest.FixtureRequest) -> Source:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Source)
    return found


@pytest.fixture
def spool(place: Path) -> Iterator[Path]:
    made = place / "spool"
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_database_is_backed_up_and_proven(source: Source, near: Repository, spool: Path) -> None:
    said = working.done(source.job("backup", near), spool)
    (copy,) = said.answer.copies
    assert copy.complete and copy.proven is None and copy.run == "run-1"
    assert copy.source == f"shop/{source.kind}" and copy.server == "box1"
    assert said.answer.size == copy.size > 10_000
    assert said.answer.added > 0
    assert said.answer.peak > 10_000_000 and said.answer.seconds > 0
    assert any(step.step.startswith("dump") for step in said.progress)
    assert any(step.step.startswith("store") for step in said.progress)
    assert working.empty(spool)
    told = source.job("prove", near, snapshot=copy.id[:12], server="box2", reach=None)
    proven = working.done(told, spool)
    (after,) = proven.answer.copies
    assert after.proven and after.differences == ()
    assert after.proof_seconds > 0 and after.proof_server == "box2"
    (again,) = catalogue.read(near)
    assert again.proven
    assert working.empty(spool)


def test_a_dump_is_restored_into_a_directory(
    source: Source, near: Repository, spool: Path, tmp_path: Path
) -> None:
    """For the database's own programs; never into one that has something."""
    working.done(source.job("backup", near), spool)
    into = tmp_path / "restored"
    into.mkdir()
    told = source.job("restore", near, target_path=str(into), reach=None)
    working.done(told, spool)
    whole = {"redis": "dump.rdb", "mariadb": "dump.sql", "postgres": "database-shop"}
    assert (into / whole[source.kind]).exists()
    again = working.run(told, spool)
    assert again.code == 8 and "nothing was changed" in again.why
    assert working.empty(spool)


def test_a_run_that_is_complete_is_answered_at_once(
    redis: Source, near: Repository, spool: Path
) -> None:
    first = working.done(redis.job("backup", near), spool).answer.copies
    gone = Reach(host="/nonexistent/socket", port=0)
    again = working.done(redis.job("backup", near, reach=gone), spool)
    assert again.answer.copies == first and again.answer.added == 0
    other = working.run(redis.job("backup", near, reach=gone, run="run-2"), spool)
    assert other.code == 6 and "/nonexistent/socket" in other.why
    (copy,) = catalogue.read(near)
    assert copy.id == first[0].id


CUT = """\
#!/bin/sh
REAL={real}
for last in "$@"; do into=$last; done
case "$*" in *--rdb*) $REAL "$@" || exit; truncate -s -9 "$into"; exit 0;; *) exec $REAL "$@";; esac
"""


@pytest.mark.fault(
    "truncated stream with exit 0",
    injected=(
        "redis-cli that ends with 0 and leaves its file 9 bytes short; also a wrong password, "
        "a role lacking rights, a full spool"
    ),
    seen="code 6 for each; the catalogue is empty, and so is the spool",
)
def test_what_cannot_be_dumped_whole_never_counts(
    postgres: Source, redis: Source, near: Repository, spool: Path, tmp_path: Path
) -> None:
    """A wrong password, a role that may too little, a full disk, a dump cut short with exit 0."""
    (tmp_path / "guessed").write_text("guessed-secret")
    (tmp_path / "plain").write_text("plain-secret")
    reach = postgres.reach
    wrong = reach.model_copy(update={"password_file": str(tmp_path / "guessed")})
    plain = reach.model_copy(update={"user": "plain", "password_file": str(tmp_path / "plain")})
    lost = reach.model_copy(update={"password_file": str(tmp_path / "nothing")})
    said = {
        name: working.run(postgres.job("backup", near, run=name, reach=one), spool)
        for name, one in {"wrong": wrong, "plain": plain, "lost": lost}.items()
    }
    assert "password authentication failed" in said["wrong"].why
    assert "the role plain" in said["plain"].why and "as a superuser" in said["plain"].why
    assert "cannot be read from" in said["lost"].why
    with real_databases.small_disk("500k") as disk:
        disk.chmod(0o711)
        said["full"] = working.run(postgres.job("backup", near, run="full"), disk)
        assert "No space left" in said["full"].why
        assert working.empty(disk)
    programs = fake_program(tmp_path, "redis-cli", CUT)
    said["cut"] = working.run(redis.job("backup", near, run="cut"), spool, programs)
    assert "is not whole" in said["cut"].why
    for name, each in said.items():
        assert each.code == 6 and each.answer.copies == (), name
        shown = each.stdout + each.log
        assert "guessed-secret" not in shown and "plain-secret" not in shown
        assert "pass:w" not in shown and "\\u00f6" not in shown and "ö" not in shown
    assert working.empty(spool)
    assert catalogue.read(near) == ()


def fake_program(tmp_path: Path, name: str, script: str) -> Path:
    """A directory with a fake program; what it starts by `$REAL` is the real one."""
    made = tmp_path / "fake-programs"
    made.mkdir()
    (made / name).write_text(script.format(real=shutil.which(name)))
    (made / name).chmod(0o755)
    return made


@pytest.mark.fault(
    "restore to an empty host",
    injected="a copy of Postgres into an empty server",
    seen="every row is there; over tables it is refused",
)
def test_restored_into_other_servers_and_never_over_the_source(
    postgres: Source, near: Repository, spool: Path, place: Path
) -> None:
    """Whole into an empty server, alone under another name beside the source, in place."""
    (copy,) = working.done(postgres.job("backup", near), spool).answer.copies
    programs = pg.installed()[-1]
    count = "SELECT count(*) FROM t"
    refused = working.run(postgres.job("restore", near, target=postgres.reach), spool)
    assert refused.code == 8 and "is where the data come from" in refused.why
    with scratch.postgres(programs.major, place) as empty:
        target = Reach(host=empty.host, port=empty.port, user=scratch.ADMIN)
        restored = working.done(postgres.job("restore", near, target=target), spool)
        assert restored.answer.copies[0].id == copy.id
        assert pg.query(empty, "shop", count, programs) == [20000]
        again = working.run(postgres.job("restore", near, target=target), spool)
        assert again.code == 8 and "has tables" in again.why
    beside = postgres.reach.model_copy(update={"database": "shop two"})
    told = postgres.job("restore", near, target=beside, only="shop")
    working.done(told, spool)
    source = pg.Server(host=postgres.reach.host, user=scratch.ADMIN)
    assert pg.query(source, "shop two", count, programs) == [20000]
    pg.query(source, "shop", "DELETE FROM t WHERE i > 7", programs)
    told = postgres.job("restore", near, target=postgres.reach, in_place=True)
    said = working.done(told, spool)
    assert pg.query(source, "shop", count, programs) == [20000]
    (former,) = [text for text in said.answer.findings if "former database shop " in text]
    name = former.partition("kept as ")[2].partition(":")[0]
    assert pg.query(source, name, count, programs) == [7]
    pg.query(source, "shop", "DELETE FROM t WHERE i > 3", programs)
    own = postgres.reach.model_copy(update={"database": "postgres"})
    working.done(postgres.job("restore", near, reach=own, only="shop", in_place=True), spool)
    assert pg.query(source, "shop", count, programs) == [20000]


def test_redis_and_mariadb_in_place(
    redis: Source, maria: Source, near: Repository, spool: Path
) -> None:
    """Over a source only when told so; a MariaDB only from a copy that was proven."""
    server = red.Server(host=redis.reach.host, password=servers.PASSWORD)
    working.done(redis.job("backup", near), spool)
    red.ask(server, "SET", "key:1", "changed")
    refused = working.run(redis.job("restore", near, target=redis.reach), spool)
    assert refused.code == 8
    told = redis.job("restore", near, target=redis.reach, in_place=True)
    assert working.done(told, spool).answer.findings == ()
    assert red.ask(server, "GET", "key:1") == "1" and red.ask(server, "DBSIZE") == "3000"
    working.done(maria.job("backup", near), spool)
    programs = mariadb.installed()
    admin = mariadb.Server(host=maria.reach.host, user=scratch.ADMIN)
    count = "SELECT COUNT(*) FROM shop.t;"
    mariadb.lines(admin, "DELETE FROM shop.t WHERE a > 9;", programs)
    told = maria.job("restore", near, target=maria.reach, in_place=True)
    refused = working.run(told, spool)
    assert refused.code == 8 and "not proven" in refused.why
    assert mariadb.query(admin, count, programs) == [9]
    working.done(maria.job("prove", near), spool)
    working.done(told, spool)
    assert mariadb.query(admin, count, programs) == [5000]


@pytest.mark.fault(
    "flipped bytes in the repository",
    injected="one bit in a pack, then a proof",
    seen="code 4; the proof is recorded as failed",
)
def test_a_flipped_byte_turns_a_proof_red(redis: Source, near: Repository, spool: Path) -> None:
    working.done(redis.job("backup", near), spool)
    test_faults.flip(near, at=1000)
    said = working.run(redis.job("prove", near, server="box2"), spool)
    assert said.code == 4 and said.answer.trouble is not None
    assert said.answer.trouble.reason == "different"
    (told,) = said.answer.copies
    assert told.proven is False and told.differences
    (copy,) = catalogue.read(near)
    assert copy.complete and not copy.proven
    assert copy.proof is not None and copy.proof.server == "box2"
