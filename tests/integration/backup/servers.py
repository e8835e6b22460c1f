"""Running database servers with some data, as jobs are told of them; on this machine only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate.backup import scratch
from quorate.backup.jobs.model import Job, Reach
from quorate.backup.place import Repository
from quorate.tools import command, mariadb, pg
from quorate.tools import redis as red
from tests import real_databases
from tests.integration.backup import working

PASSWORD = "pass:w'ö\"rd"
AT_ONCE = {"repl-diskless-sync-delay": "0"}
"""A Redis waits five seconds for more replicas before it sends its data to one, or to a dump."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A running server with some data, as jobs are told of it."""

    kind: str
    reach: Reach
    place: Path

    def job(self, work: str, near: Repository, **more: Any) -> Job:
        about = {"source": f"shop/{self.kind}", "kind": self.kind, "reach": self.reach}
        return working.job(work, working.at(near.place), **{**about, **more})


@contextmanager
def place() -> Iterator[Path]:
    """A directory for servers, with the file of their password."""
    with real_databases.place() as made:
        (made / "password").write_text(PASSWORD + "\n")
        yield made


@contextmanager
def postgres(place: Path, *, within: Path | None = None) -> Iterator[Source]:
    """A Postgres; its data lie in `within`, or in `place`."""
    real_databases.need("postgresql")
    programs = pg.installed()[-1]
    with scratch.postgres(programs.major, within or place) as server:
        quoted = PASSWORD.replace("'", "''")
        script = (
            "CREATE DATABASE shop; CREATE ROLE plain LOGIN PASSWORD 'plain-secret';"
            f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{quoted}';"
        )
        pg.query(server, "postgres", script, programs)
        rows = "CREATE TABLE t AS SELECT i, md5(i::text) AS v FROM generate_series(1, 20000) i;"
        pg.query(server, "shop", rows, programs)
        hba = f"local all {scratch.ADMIN} trust\nlocal all all scram-sha-256\n"
        (Path(server.host) / "data" / "pg_hba.conf").write_text(hba)
        pg.query(server, "postgres", "SELECT to_json(pg_reload_conf())", programs)
        secret = str(place / "password")
        reach = Reach(host=server.host, port=server.port, user="keeper", password_file=secret)
        yield Source(kind="postgres", reach=reach, place=place)


@contextmanager
def maria(place: Path) -> Iterator[Source]:
    """A MariaDB."""
    real_databases.need("mariadb-server")
    programs = mariadb.installed()
    with scratch.mariadb(place) as server:
        secret = PASSWORD.replace("'", "''")
        script = f"""
        CREATE DATABASE shop; USE shop; CREATE TABLE shop.t (a INT PRIMARY KEY, b TEXT);
        INSERT INTO shop.t SELECT seq, MD5(seq) FROM seq_1_to_5000;
        CREATE USER keeper@localhost IDENTIFIED BY '{secret}';
        GRANT ALL PRIVILEGES ON *.* TO keeper@localhost;
        """
        mariadb.lines(server, script, programs)
        reach = Reach(
            host=server.host, port=0, user="keeper", password_file=str(place / "password")
        )
        yield Source(kind="mariadb", reach=reach, place=place)


@contextmanager
def redis(place: Path, *, within: Path | None = None) -> Iterator[Source]:
    """A Redis; its data lie in `within`, or in `place`."""
    real_databases.need("redis-server")
    with scratch.redis(place=within or place, settings=AT_ONCE) as server:
        script = "".join(f"SET key:{number} {number}\n" for number in range(3000))
        command.run(server.argv(), input=script)
        red.ask(server, "CONFIG", "SET", "requirepass", PASSWORD)
        reach = Reach(host=server.host, port=0, password_file=str(place / "password"))
        yield Source(kind="redis", reach=reach, place=place)
