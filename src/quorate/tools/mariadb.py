"""The one door to MariaDB's own programs: mariadb and mariadb-dump.

Passwords go through a private option file. A dump is refused with programs
that are older than the server.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from quorate.errors import CommandError
from quorate.tools import clock, command
from quorate.tools.passfile import private_file
from quorate.tools.session import Session

CONNECT = "--connect-timeout=10"
ASK_SECONDS = 60.0
POLL_SECONDS = 0.02
OLDEST = (10, 5)
"""The oldest series that can hold commits back for a moment and dumps users as statements."""

CHARACTERS = "--default-character-set=utf8mb4"
QUIET = ("--batch", "--raw", "--skip-column-names", "--unbuffered", CHARACTERS)
SCRIPT = ("--max-allowed-packet=1G", CHARACTERS, "--batch")
OPTIONS = (
    "--single-transaction",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--tz-utc",
    "--skip-dump-date",
    CHARACTERS,
    "--max-allowed-packet=1G",
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A MariaDB server, and as whom to reach it. `host` is a name or the path of its socket."""

    host: str
    port: int = 3306
    user: str = "root"
    password: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """MariaDB's client programs: their full paths, and the series they are of, as (10, 11)."""

    client: str
    dump: str
    series: tuple[int, int]


def options(server: Server) -> str:
    """The option file by which the programs reach a server."""
    lines = ["[client]", f"user={_quoted(server.user)}"]
    if server.host.startswith("/"):
        lines += ["protocol=socket", f"socket={_quoted(server.host)}"]
    else:
        lines += ["protocol=tcp", f"host={_quoted(server.host)}", f"port={server.port}"]
    if server.password:
        lines.append(f"password={_quoted(server.password)}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def series_in(text: str) -> tuple[int, int]:
    """The series in what a server or a program says of its version.

    Raises:
        CommandError: it says none, or is not MariaDB.
    """
    match = re.search(r"(\d+)\.(\d+)\.\d+-MariaDB", text)
    if match is None:
        raise CommandError(
            f"this is not MariaDB: {command.last_lines(text)!r}",
            cause="it is MySQL, or too old to say what it is",
            todo="back its volume up instead",
        )
    return int(match[1]), int(match[2])


def installed(place: Path | None = None) -> Programs:
    """The client programs here. `place`: the one directory to look in.

    Raises:
        CommandError: they are not installed.
    """
    found = [
        shutil.which(name, path=str(place) if place else None)
        for name in ("mariadb", "mariadb-dump")
    ]
    if not all(found):
        raise CommandError(
            "mariadb and mariadb-dump are not installed here",
            todo="install the package mariadb-client, then retry",
        )
    client, dump = (str(each) for each in found)
    return Programs(
        client=client, dump=dump, series=series_in(command.run([dump, "--version"]).stdout)
    )


def require(programs: Programs, version: str) -> None:
    """Refuse a server that is newer than the programs, or too old.

    Raises:
        CommandError: it is.
    """
    series = series_in(version)
    if series > programs.series:
        raise CommandError(
            f"the server is MariaDB {_shown(series)}, and mariadb-dump here is only "
            f"{_shown(programs.series)}",
            cause="an older mariadb-dump does not know all that a newer server has, so that "
            "nothing is dumped with it",
            todo=f"install mariadb-client {_shown(series)} or newer, then retry",
        )
    if series < OLDEST:
        raise CommandError(
            f"the server is MariaDB {_shown(series)}; {_shown(OLDEST)} is the oldest that can be "
            "dumped and counted at the same moment",
            todo="upgrade it, or back its volume up instead",
        )


def _shown(series: tuple[int, int]) -> str:
    return f"{series[0]}.{series[1]}"


def version(server: Server, programs: Programs) -> str:
    """The server's version in its own words, as 10.11.6-MariaDB-log.

    Raises:
        CommandError: it does not answer.
    """
    (found,) = query(server, "SELECT JSON_QUOTE(VERSION());", programs)
    return str(found)


def query(
    server: Server, script: str, programs: Programs, *, timeout: float = ASK_SECONDS
) -> list[Any]:
    """What a script prints, each line read as JSON.

    Raises:
        CommandError: the server does not answer, or a statement fails.
    """
    done = _run(server, programs.client, (*QUIET, CONNECT), input=script, timeout=timeout)
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def lines(server: Server, script: str, programs: Programs) -> list[str]:
    """What a script prints, as it is.

    Raises:
        CommandError: the server does not answer, or a statement fails.
    """
    return _run(server, programs.client, (*QUIET, CONNECT), input=script).stdout.splitlines()


@contextmanager
def session(server: Server, name: str, programs: Programs) -> Iterator[Session]:
    """A client that is kept open, for what must be held meanwhile."""
    with (
        private_file(options(server), "options") as path,
        private_file("", "answers") as answers,
        Session(
            [programs.client, f"--defaults-extra-file={path}", *QUIET, CONNECT],
            name=name,
            answers=answers,
            mark=lambda word: f"SELECT '{word}';",
        ) as opened,
    ):
        yield opened


@contextmanager
def dumping(
    server: Server, databases: Sequence[str], programs: Programs, into: Path
) -> Iterator[Dumping]:
    """A mariadb-dump of these databases; killed where the block ends before it does."""
    with private_file(options(server), "options") as path, private_file("", "log") as log:
        argv = [programs.dump, f"--defaults-extra-file={path}", *OPTIONS, "--verbose"]
        argv += [f"--result-file={into}", "--databases", "--", *databases]
        program = command.spawn(argv, log_file=log)
        try:
            yield Dumping(server=server, program=program, log=log)
        finally:
            if program.poll() is None:
                program.kill()
            program.wait()


@dataclass(frozen=True, kw_only=True)
class Dumping:
    """A mariadb-dump under way. `log` has what it says."""

    server: Server
    program: command.Spawned
    log: Path

    def wait_begun(self, timeout: float) -> None:
        """Return when its transaction has begun.

        Raises:
            CommandError: it ended before, or took too long.
        """
        deadline = clock.monotonic() + timeout
        while not has_begun(self.log.read_text(errors="replace")):
            if self.program.poll() is not None:
                self._require_success()
                return
            if clock.monotonic() > deadline:
                raise CommandError(
                    f"mariadb-dump did not begin within {timeout:.0f} s, while commits waited",
                    cause="the server or this machine is busy",
                    todo="run it again at a quieter time",
                )
            clock.sleep(POLL_SECONDS)

    def finish(self, timeout: float) -> None:
        """Wait for its end.

        Raises:
            CommandError: it failed, or took longer than `timeout` seconds.
        """
        deadline = clock.monotonic() + timeout
        while self.program.poll() is None:
            if clock.monotonic() > deadline:
                raise CommandError(f"mariadb-dump did not end within {timeout:.0f} s")
            clock.sleep(POLL_SECONDS)
        self._require_success()

    def _require_success(self) -> None:
        code = self.program.returncode
        if code != 0:
            lines = self.log.read_text(errors="replace").splitlines()
            said = "\n".join(line for line in lines if not line.startswith("-- "))
            raise failure(self.server, "mariadb-dump", code, said)


def has_begun(log: str) -> bool:
    """Whether a verbose mariadb-dump has gone on to something after starting its transaction."""
    _, began, after = log.partition("-- Starting transaction...\n")
    return bool(began and "\n" in after)


def dump_users(server: Server, programs: Programs, into: Path) -> None:
    """Write accounts, roles and their grants, as statements.

    Raises:
        CommandError: mariadb-dump failed.
    """
    argv = ["--system=users", "--skip-dump-date", f"--result-file={into}"]
    _run(server, programs.dump, argv)


def execute(
    server: Server, script: Path, programs: Programs, *, timeout: float, force: bool = False
) -> None:
    """Run a file of SQL, ending at the first error; `force`: going on after it.

    Raises:
        CommandError: a statement fails, or it took longer than `timeout` seconds.
    """
    options = (*SCRIPT, "--force") if force else SCRIPT
    # Not by its command `source`, which goes on after an error.
    _run(server, programs.client, options, feed=script, timeout=timeout)


def bring(server: Server, stream: IO[bytes], programs: Programs, *, timeout: float) -> None:
    """Run SQL that comes out of a pipe, ending at the first error.

    Raises:
        CommandError: a statement fails, or it took longer than `timeout` seconds.
    """
    _run(server, programs.client, SCRIPT, feed=stream, timeout=timeout)


def _run(
    server: Server,
    program: str,
    arguments: Sequence[str],
    *,
    input: str | None = None,
    feed: Path | IO[bytes] | None = None,
    timeout: float = ASK_SECONDS,
) -> command.Result:
    with private_file(options(server), "options") as path:
        argv = [program, f"--defaults-extra-file={path}", *arguments]
        done = command.run(
            argv,
            input=input,
            feed=feed,
            timeout=timeout,
            check=False,
            secrets=[server.password],
        )
    if not done.ok:
        raise failure(server, Path(program).name, done.code, done.stderr or done.stdout)
    return done


def failure(server: Server, program: str, code: int, said: str) -> CommandError:
    """A program's failure in its own words, with an advice where one is known."""
    said = command.mask(command.last_lines(said), [server.password])
    todo = None
    if "Access denied for user" in said and "using password" in said:
        todo = f"check the password of {server.user}: it is not what the server has"
    elif "Access denied" in said or "command denied" in said:
        todo = f"as an administrator: {grant(server.user)}"
    elif "Errcode: 28" in said or "errno 28" in said:
        todo = "make room where the dump is spooled, or name a larger place for it"
    elif "1412" in said or "Table definition has changed" in said:
        todo = "a table was changed while it was dumped: run it again when that is over"
    ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return CommandError(f"{program} of {server.host} ended {ended}", cause=said or None, todo=todo)


def grant(user: str) -> str:
    """What a role that makes backups needs, as a statement."""
    rights = "SELECT, SHOW VIEW, TRIGGER, EVENT, RELOAD, PROCESS, LOCK TABLES"
    return f"GRANT {rights} ON *.* TO '{user}'@'HOST'"
