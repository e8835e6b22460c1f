"""The commands of a generated runbook, typed as they are, with restic, psql and pg_restore.

Quorate is only what made the copies. `docker` is a fake program here, since there is no engine:
it runs what it is told beside it, where a real one would in the service's container.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.backup import scratch
from quorate.backup.bundle.content import wanted
from quorate.backup.filetree import manifest_of
from quorate.backup.place import Repository
from quorate.recover.runbook.page import text
from quorate.recover.runbook.sources import INSIDE
from quorate.tools import mariadb, pg
from tests.integration.backup import ground, servers, working
from tests.unit.fleet.helpers import fleet_of

FLEET = """\
version: 1
name: small
servers:
  one: {{address: 192.0.2.1, role: manager, cpus: 2, memory: 4GiB}}
  two: {{address: 192.0.2.2, role: worker, cpus: 2, memory: 4GiB}}
stacks:
  app: {{files: [compose.yaml]}}
backup:
  repositories:
    near: {{local: {{server: two, path: {path}}}, password: {{file: near.password}}}}
  exclude: [system/one, system/two]
"""
COMPOSE = """\
services:
  db: {image: "postgres:15", volumes: ["d:/var/lib/postgresql/data"],
       x-quorate: {state: postgres, pin: one}}
  sql: {image: "mariadb:11", volumes: ["s:/var/lib/mysql"],
        x-quorate: {state: mariadb, pin: one}}
  wiki: {image: x, volumes: ["w:/w"], x-quorate: {state: volume, pin: one}}
volumes: {d: , s: , w: {name: wiki}}
"""
DOCKER = """\
#!/bin/bash
# A fake: no engine, no containers; what would run in one runs here.
case "$1" in
ps) [[ "$*" == *volume=* ]] || echo c1 ;;
cp) mkdir -p "$(dirname "${3#*:}")" && cp -r "$2" "${3#*:}" ;;
exec) shift; [ "$1" = -i ] && shift; shift; exec "$@" ;;
service | compose) echo "$@" >> "$FAKE_LOG" ;;
volume)
  case "$2" in
  create) mkdir -p "$FAKE_VOLUMES/$3" ;;
  inspect) echo "$FAKE_VOLUMES/$5" ;;
  esac ;;
*) echo "docker $*: unknown here" >&2; exit 1 ;;
esac
"""


def blocks(page: str, heading: str) -> list[str]:
    """The blocks of commands below a heading, each as it is printed."""
    found = re.split(r"(?m)^#{2,3} ", page)
    (mine,) = [part for part in found if part.startswith(f"{heading}\n")]
    return re.findall(r"```sh\n(.*?)```", mine, re.DOTALL)


def typed(*commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What comes of typing these into a shell that stops at the first that fails."""
    return subprocess.run(
        ["bash", "-e", "-c", "".join(commands)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def page(tmp_path: Path, near: Repository) -> str:
    directory = tmp_path / "fleet"
    directory.mkdir()
    (directory / "near.password").write_text(ground.PASSWORD + "\n")
    files = {"fleet.yaml": FLEET.format(path=near.place.location), "compose.yaml": COMPOSE}
    fleet = fleet_of(directory, files)
    recovery = tmp_path / "recovery" / "fleet"
    recovery.mkdir(parents=True)
    shutil.copy(directory / "near.password", recovery)
    return text(fleet, wanted(fleet, lambda path: path.is_file()))


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    restic = Path(ground.restic_program())
    if restic.name != "restic":
        (programs / "restic").symlink_to(restic)
    yield {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RECOVERY": str(tmp_path / "recovery"),
        "FAKE_LOG": str(tmp_path / "services"),
        "FAKE_VOLUMES": str(tmp_path / "volumes"),
    }
    shutil.rmtree(INSIDE, ignore_errors=True)


def opened(page: str) -> tuple[str, ...]:
    """The blocks that come before any data: the directory, the repository, the functions."""
    return (
        blocks(page, "1. Passwords and keys")[0],
        blocks(page, "Repository near")[0],
        blocks(page, "Functions")[0],
    )


def test_a_postgres_comes_back_by_the_printed_commands(
    tmp_path: Path, near: Repository, page: str, environment: dict[str, str]
) -> None:
    with servers.place() as place, servers.postgres(place) as source:
        working.done(source.job("backup", near, source="db"), tmp_path / "s1")
        before = typed(*opened(page), *blocks(page, "db (postgres)"), **environment)
        assert before.returncode == 1 and "no proven copy of db here" in before.stderr
        working.done(source.job("prove", near, source="db"), place / "s2")
        # A newer copy that nobody has proven is not taken.
        working.done(source.job("backup", near, source="db", run="run-2"), tmp_path / "s3")
        programs = pg.installed()[-1]
        with scratch.postgres(programs.major, place) as empty:
            environment |= {
                "PATH": f"{environment['PATH']}:{programs.directory}",
                "PGHOST": empty.host,
                "PGPORT": str(empty.port),
                "POSTGRES_USER": scratch.ADMIN,
            }
            done = typed(*opened(page), *blocks(page, "db (postgres)"), **environment)
            assert done.returncode == 0, done.stdout + done.stderr
            script = "SELECT to_json(md5(string_agg(v, ',' ORDER BY i)) || count(*)) FROM t;"
            assert pg.query(empty, "shop", script, programs) == rows(script, source, programs)
            roles = "SELECT to_json(count(*)) FROM pg_roles WHERE rolname IN ('plain', 'keeper');"
            assert pg.query(empty, "shop", roles, programs) == [2]
    restored = list((tmp_path / "recovery/restored/db").iterdir())
    assert restored and not Path(INSIDE).exists()


OWNED = """
CREATE USER owner@localhost; GRANT EXECUTE ON shop.* TO owner@localhost;
GRANT SELECT ON shop.t TO owner@localhost;
CREATE DEFINER=owner@localhost FUNCTION shop.f() RETURNS INT RETURN 1;
CREATE DEFINER=owner@localhost VIEW shop.v AS SELECT DISTINCT shop.f() AS one FROM shop.t;
"""
"""What an account has to be there for, and what has to be there for an account."""


def test_a_mariadb_comes_back_by_the_printed_commands(
    tmp_path: Path, near: Repository, page: str, environment: dict[str, str]
) -> None:
    with servers.place() as place, servers.maria(place) as source:
        programs = mariadb.installed()
        own = mariadb.Server(host=source.reach.host, user=scratch.ADMIN)
        mariadb.lines(own, OWNED, programs)
        working.done(source.job("backup", near, source="sql"), tmp_path / "s1")
        working.done(source.job("prove", near, source="sql"), place / "s2")
        with scratch.mariadb(place) as empty:
            root = (
                "CREATE USER root@localhost IDENTIFIED BY 'a''b';"
                "GRANT ALL PRIVILEGES ON *.* TO root@localhost WITH GRANT OPTION;"
            )
            mariadb.lines(empty, root, programs)
            (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={empty.host}\n")
            environment |= {"HOME": str(tmp_path), "MARIADB_ROOT_PASSWORD": "a'b"}
            done = typed(*opened(page), *blocks(page, "sql (mariadb)"), **environment)
            assert done.returncode == 0, done.stdout + done.stderr
            script = "SELECT MD5(GROUP_CONCAT(b ORDER BY a)), COUNT(*) FROM shop.t;"
            assert mariadb.lines(empty, script, programs) == mariadb.lines(own, script, programs)
            users = "SELECT COUNT(*) FROM mysql.user WHERE user = 'keeper';"
            assert mariadb.lines(empty, users, programs) == ["1"]
            assert mariadb.lines(empty, "SELECT one FROM shop.v;", programs) == ["1"]
            asked = "SHOW GRANTS FOR owner@localhost;"
            assert mariadb.lines(empty, asked, programs) == mariadb.lines(own, asked, programs)


BY_COMPOSE = FLEET.replace("app: {{files", "mail: {{engine: compose, server: one, files")


@pytest.fixture
def composed(tmp_path: Path, near: Repository) -> str:
    """The page of a fleet whose stack runs by compose: no backup reaches its databases."""
    directory = tmp_path / "composed"
    directory.mkdir()
    (directory / "near.password").write_text(ground.PASSWORD + "\n")
    files = {"fleet.yaml": BY_COMPOSE.format(path=near.place.location), "compose.yaml": COMPOSE}
    fleet = fleet_of(directory, files)
    return text(fleet, wanted(fleet, lambda path: path.is_file()))


def test_a_postgres_by_compose_is_dumped_and_put_back_by_the_printed_commands(
    tmp_path: Path, composed: str, environment: dict[str, str]
) -> None:
    dump, back = blocks(composed, "db (postgres)")
    programs = pg.installed()[-1]
    environment["PATH"] = f"{environment['PATH']}:{programs.directory}"
    script = "SELECT to_json(count(*)) FROM t;"

    def at(server: pg.Server) -> dict[str, str]:
        told = {"PGHOST": server.host, "PGPORT": str(server.port), "POSTGRES_USER": scratch.ADMIN}
        return environment | told

    with servers.place() as place:
        with scratch.postgres(programs.major, place) as full:
            pg.query(full, "postgres", "CREATE DATABASE shop;", programs)
            pg.query(full, "shop", "CREATE TABLE t AS SELECT generate_series(1, 300) i;", programs)
            done = typed(dump, **at(full))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PostgreSQL database cluster dump complete" in done.stdout
        with scratch.postgres(programs.major, place) as empty:
            done = typed(back, **at(empty))
            assert done.returncode == 0, done.stdout + done.stderr
            assert pg.query(empty, "shop", script, programs) == [300]


def test_a_mariadb_by_compose_is_dumped_and_put_back_by_the_printed_commands(
    tmp_path: Path, composed: str, environment: dict[str, str]
) -> None:
    dump, back = blocks(composed, "sql (mariadb)")
    programs = mariadb.installed()
    environment |= {"HOME": str(tmp_path), "MARIADB_ROOT_PASSWORD": "a'b"}
    root = (
        "CREATE USER root@localhost IDENTIFIED BY 'a''b';"
        "GRANT ALL PRIVILEGES ON *.* TO root@localhost WITH GRANT OPTION;"
    )
    data = (
        "CREATE DATABASE shop; CREATE TABLE shop.t (a INT PRIMARY KEY); INSERT INTO shop.t "
        "VALUES (1), (2), (3); CREATE USER keeper@localhost;"
    )
    with servers.place() as place:
        with scratch.mariadb(place) as full:
            mariadb.lines(full, root + data, programs)
            (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={full.host}\n")
            done = typed(dump, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Dump completed" in done.stdout
        with scratch.mariadb(place) as empty:
            mariadb.lines(empty, root, programs)
            (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={empty.host}\n")
            done = typed(back, **environment)
            assert done.returncode == 0, done.stdout + done.stderr
            assert mariadb.lines(empty, "SELECT COUNT(*) FROM shop.t;", programs) == ["3"]
            users = "SELECT COUNT(*) FROM mysql.user WHERE user = 'keeper';"
            assert mariadb.lines(empty, users, programs) == ["1"]


def rows(script: str, source: servers.Source, programs: pg.Programs) -> object:
    server = pg.Server(host=source.reach.host, port=source.reach.port, user=scratch.ADMIN)
    return pg.query(server, "shop", script, programs)


def test_a_volume_comes_back_by_the_printed_commands(
    tmp_path: Path, near: Repository, page: str, environment: dict[str, str]
) -> None:
    data = ground.tree(tmp_path / "mounted")
    data = data.rename(tmp_path / "mounted" / "0")
    told = {"source": "volume/wiki", "volumes": [{"name": "wiki", "path": str(data)}]}
    working.done(working.job("backup", working.at(near.place), **told), tmp_path / "s1")
    working.done(working.job("prove", working.at(near.place), **told), tmp_path / "s2")
    commands = (*opened(page), *blocks(page, "volume/wiki (volume)"))
    done = typed(*commands, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert manifest_of(tmp_path / "volumes/wiki").parts == manifest_of(data).parts
    # What stops and starts its service is typed on a manager.
    assert not (tmp_path / "services").exists()
    stop, start = blocks(page, "Stop what uses the data")[0], blocks(page, "Start the rest")[0]
    done = typed(stop, start, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "services").read_text().splitlines()
    assert log == ["service scale app_wiki=0", "service scale app_wiki=1"]
    # What is there is not overwritten.
    (tmp_path / "volumes/wiki/sub/small").write_text("mine")
    again = typed(*commands, **environment)
    assert "sub" in again.stdout.splitlines()
    assert (tmp_path / "volumes/wiki/sub/small").read_text() == "mine"


def test_a_stack_by_compose_starts_from_the_files_of_the_opened_bundle(
    tmp_path: Path, composed: str, environment: dict[str, str]
) -> None:
    shutil.copytree(tmp_path / "composed", tmp_path / "recovery" / "fleet", dirs_exist_ok=True)
    (commands,) = [one for one in blocks(composed, "6. All servers are lost") if " up -d" in one]
    home = tmp_path / "mail"
    done = typed(commands.replace("D=/srv/mail ", f"D={home} "), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    up, _ = (tmp_path / "services").read_text().splitlines()
    assert up == f"compose -p mail -f {home}/fleet/compose.yaml up -d"
    assert (home / "fleet" / "compose.yaml").read_text() == COMPOSE
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_page_holds_no_secret(page: str) -> None:
    assert ground.PASSWORD not in page and "fleet/near.password" in page


def test_every_block_of_the_example_office_is_a_script() -> None:
    page = (ground.ROOT / "examples/office/runbook.md").read_text()
    found = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert len(found) > 40
    for commands in found:
        done = subprocess.run(["bash", "-n", "-c", commands], capture_output=True, text=True)
        assert done.returncode == 0, f"{commands}\n{done.stderr}"
