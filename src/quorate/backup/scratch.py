"""Throw-away database servers, from the programs installed here, to restore into.

They listen on a unix socket in a directory that only their user enters, keep
their data in a directory of their own, and write without care for power cuts:
nothing in them is to be kept. They end with the block, or with this process,
however it ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quorate.errors import CommandError, MachineError
from quorate.tools import clock, command, pg
from quorate.tools import mariadb as maria
from quorate.tools import redis as red

START_SECONDS = 300.0
"""A machine with other things to do lets a server wait."""
END_SECONDS = 30.0
POLL_SECONDS = 0.05
ADMIN = "quorate_scratch"
"""The administrator of a scratch server: a name that no source's own role has."""

TIED = 'exec 3<&0; "$@" & child=$!; { cat <&3 >/dev/null; kill -s "$0" $child; } & wait $child'
"""Run a program until it ends or standard input does; then it is sent a signal. For `sh -c`."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where a scratch server lives. `user` runs it: those of databases refuse to run as root."""

    directory: Path
    user: str | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def as_user(self, *argv: str) -> list[str]:
        """The command line that runs a program as the server's user."""
        if self.user is None:
            return list(argv)
        return ["setpriv", f"--reuid={self.user}", f"--regid={group_of(self.user)}",
                "--clear-groups", "--", *argv]  # fmt: skip

    def own(self, path: Path) -> None:
        """Give a file or directory to the server's user."""
        if self.user is not None:
            shutil.chown(path, self.user, group_of(self.user))


def group_of(user: str) -> int:
    """The group a user is in by the password file."""
    return pwd.getpwnam(user).pw_gid


@contextmanager
def room(wanted: str, place: Path | None = None) -> Iterator[Room]:
    """A directory for a server, removed afterwards.

    Args:
        wanted: the user to run it as where this process is root's.
        place: where the data goes; the system's place for temporary files by default.
            Short: the path of a socket has room for 107 bytes.

    Raises:
        MachineError: this is root, and there is no such user.
    """
    user = None
    if os.geteuid() == 0:
        known = {entry.pw_name for entry in pwd.getpwall()}
        if wanted not in known:
            raise MachineError(
                f"there is no user {wanted} here to run a scratch server as",
                cause="it refuses to run as root",
                todo=f"install the database's package, or add the user {wanted}",
            )
        user = wanted
    directory = Path(tempfile.mkdtemp(prefix="quorate-scratch-", dir=place))
    try:
        made = Room(directory=directory, user=user)
        made.own(directory)
        yield made
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(
    argv: Sequence[str],
    where: Room,
    answers: Callable[[], object],
    *,
    end: str = "TERM",
    patience: float = START_SECONDS,
) -> Iterator[command.Spawned]:
    """Run a server until the block ends.

    Args:
        answers: raises CommandError while the server does not answer yet.
        end: the signal that ends it.
        patience: seconds until it must answer.

    Raises:
        MachineError: it ended, or did not answer in time; in its own last words.
    """
    log = where.directory / "log"
    program = command.spawn(["sh", "-c", TIED, end, *argv], log_file=log, tied=True)
    try:
        deadline = clock.monotonic() + patience
        while not _answered(answers):
            if program.poll() is not None or clock.monotonic() > deadline:
                said = log.read_text(errors="replace") if log.exists() else ""
                raise MachineError(
                    "a scratch server did not start", cause=command.last_lines(said, 8) or None
                )
            clock.sleep(POLL_SECONDS)
        yield program
    finally:
        command.let_go(program, patience=END_SECONDS)


def _answered(answers: Callable[[], object]) -> bool:
    try:
        answers()
    except CommandError:
        return False
    return True


POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "maintenance_work_mem": "128MB",
    "max_locks_per_transaction": "256",
}


@contextmanager
def postgres(
    major: int, place: Path | None = None, settings: dict[str, str] | None = None
) -> Iterator[pg.Server]:
    """An empty Postgres of this major version, or the next newer one that is here.

    Raises:
        CommandError: no programs for it are here. MachineError: it does not start.
    """
    programs = pg.choose(pg.installed(), major)
    with room("postgres", place) as where:
        server = pg.Server(host=str(where.directory), user=ADMIN)
        init = [programs.argv("initdb"), "-D", str(where.data), "-U", ADMIN, "--no-sync"]
        init += ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        command.run(where.as_user(*init), timeout=START_SECONDS, cwd=where.directory)
        chosen = POSTGRES_SETTINGS | {"unix_socket_directories": server.host} | (settings or {})
        argv = [programs.argv("postgres"), "-D", str(where.data)]
        argv += [f"--{key}={value}" for key, value in chosen.items()]
        ask = partial(pg.query, server, "postgres", "SELECT 1", programs)
        with running(where.as_user(*argv), where, ask, end="INT"):
            yield server


PLAIN_FILES = "--innodb-use-native-aio=0"
"""Asynchronous files take memory that is locked, of which a machine has little for all together."""

MARIADB_SETTINGS = {
    "skip-networking": "1",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "sync-binlog": "0",
    "skip-log-bin": "1",
    "max-allowed-packet": "1G",
    "event-scheduler": "OFF",
}


@contextmanager
def mariadb(
    place: Path | None = None, settings: dict[str, str] | None = None
) -> Iterator[maria.Server]:
    """An empty MariaDB of the version that is installed here.

    Its accounts for administrators are removed, so that a source's own take their place.

    Raises:
        CommandError: its programs are not installed. MachineError: it does not start.
    """
    programs = maria.installed()
    with room("mysql", place) as where:
        # A server that starts removes temporary tables it finds in there: of any server.
        apart = f"--tmpdir={where.directory}"
        install = [
            command.resolve("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={where.data}",
            apart,
        ]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db", PLAIN_FILES]
        command.run(where.as_user(*install), timeout=START_SECONDS, cwd=where.directory)
        socket = where.directory / "socket"
        server = maria.Server(host=str(socket), user=ADMIN)
        chosen = MARIADB_SETTINGS | (settings or {})
        argv = [
            command.resolve("mariadbd"),
            "--no-defaults",
            f"--datadir={where.data}",
            apart,
            PLAIN_FILES,
        ]
        argv += [f"--socket={socket}", f"--pid-file={where.directory}/pid"]
        argv += [f"--{key}={value}" for key, value in chosen.items()]
        first = maria.Server(host=str(socket), user="root")
        ask = partial(maria.query, first, "SELECT 1;", programs)
        with running(where.as_user(*argv), where, ask):
            maria.lines(first, ADMINISTRATOR, programs)
            maria.lines(server, "\n".join(maria.lines(server, OTHERS, programs)), programs)
            yield server


# It has no password: only root and the server's own user get into the directory of its socket.
ADMINISTRATOR = f"""
CREATE USER '{ADMIN}'@'localhost' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'localhost' WITH GRANT OPTION;
GRANT PROXY ON ''@'%' TO '{ADMIN}'@'localhost' WITH GRANT OPTION;
"""

OTHERS = f"""
SELECT CONCAT('DROP USER ', QUOTE(user), '@', QUOTE(host), ';') FROM mysql.global_priv
WHERE user NOT IN ('{ADMIN}', 'mariadb.sys', 'PUBLIC');
"""


@contextmanager
def redis(
    rdb: Path | None = None,
    place: Path | None = None,
    settings: dict[str, str] | None = None,
    *,
    patience: float = START_SECONDS,
) -> Iterator[red.Server]:
    """A Redis with the data of an RDB file, keys that have expired since among them.

    It is a replica whose master does not answer: a master drops what has expired
    as it loads, a replica waits to be told.

    Raises:
        CommandError: its programs are not installed.
        MachineError: it does not start, as where the file is of a newer version.
    """
    with room("redis", place) as where:
        where.data.mkdir(mode=0o700)
        where.own(where.data)
        if rdb is not None:
            shutil.copyfile(rdb, where.data / "dump.rdb")
            where.own(where.data / "dump.rdb")
        server = red.Server(host=str(where.directory / "socket"), user="")
        chosen = {
            "port": "0",
            "unixsocket": server.host,
            "dir": str(where.data),
            "dbfilename": "dump.rdb",
            "save": "",
            "appendonly": "no",
            "aof-use-rdb-preamble": "no",
            "aof-rewrite-incremental-fsync": "no",
            "appendfsync": "no",
            "databases": "10000",
        }
        if rdb is not None:
            chosen["replicaof"] = "127.0.0.1 1"
        argv = [command.resolve("redis-server")]
        for key, value in (chosen | (settings or {})).items():
            argv += [f"--{key}", *(value.split() if key == "replicaof" else [value])]
        ask = partial(red.ask, server, "PING")
        with running(where.as_user(*argv), where, ask, patience=patience):
            yield server
