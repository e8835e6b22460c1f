"""The one door to Postgres' own programs: psql, pg_dump, pg_dumpall, pg_restore.

A dump is made with programs of the server's own major version where they are
here, else with newer ones; older ones are refused, as they do not know all that
the server has. Passwords go through a private PGPASSFILE.
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
from quorate.tools import command
from quorate.tools.passfile import private_file
from quorate.tools.session import Session

CONNECT_SECONDS = 10
OLDEST = 11
"""The oldest major version whose rows can be hashed as exactly as we do (hashtextextended)."""
PLACES = "/usr/lib/postgresql"
"""Where Debian has the programs of every major version side by side."""
ASK_SECONDS = 60.0

QUIET = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
"""psql without a person's own settings, rows only, and ending at the first error."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Postgres server, and as whom to reach it. `host` may be the directory of its socket."""

    host: str
    port: int = 5432
    user: str = "postgres"
    password: str = field(default="", repr=False)
    database: str = "postgres"
    """The one to ask what others there are."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Postgres' client programs of one major version."""

    directory: Path
    major: int

    def argv(self, program: str) -> str:
        return str(self.directory / program)


def conninfo(server: Server, database: str) -> str:
    """How libpq is told where to connect; any name of a database is taken as just that."""
    values = {
        "host": server.host,
        "port": str(server.port),
        "user": server.user,
        "dbname": database,
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": "quorate",
    }
    return " ".join(f"{key}={_quoted(value)}" for key, value in values.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def passfile(server: Server) -> str:
    """The text of a PGPASSFILE that has this password for every server."""
    escaped = server.password.replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n" if server.password else ""


@contextmanager
def environment(server: Server) -> Iterator[dict[str, str]]:
    """The environment the programs need; its password file is gone after the block."""
    with private_file(passfile(server), "pgpass") as path:
        yield {
            "PGPASSFILE": str(path),
            "PGCLIENTENCODING": "UTF8",
            "PGOPTIONS": "",
            "LC_ALL": "C.UTF-8",
        }


def installed(places: Sequence[Path] | None = None) -> list[Programs]:
    """Client programs found here, the oldest first. `places`: directories to look in."""
    if places is None:
        on_path = shutil.which("pg_dump")
        places = [*sorted(Path(PLACES).glob("*/bin")), *([Path(on_path).parent] if on_path else [])]
    found: dict[int, Programs] = {}
    for place in places:
        if (place / "pg_dump").exists() and (place / "psql").exists():
            said = command.run([str(place / "pg_dump"), "--version"]).stdout
            major = major_in(said)
            found.setdefault(major, Programs(directory=place, major=major))
    return [found[major] for major in sorted(found)]


def major_in(text: str) -> int:
    """The major version that `pg_dump --version` says.

    Raises:
        CommandError: it says none.
    """
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    if match is None:
        raise CommandError(f"pg_dump does not say its version: {command.last_lines(text)!r}")
    return int(match[1])


def choose(found: Sequence[Programs], major: int | None) -> Programs:
    """The programs for a server of this major version: its own, else the next newer.

    Raises:
        CommandError: there are none, or only older ones.
    """
    if not found:
        raise CommandError(
            "pg_dump and psql are not installed here",
            todo="install the package postgresql-client, then retry",
        )
    if major is None:
        return found[-1]
    for programs in sorted(found, key=lambda each: each.major):
        if programs.major >= major:
            return programs
    raise CommandError(
        f"the server is Postgres {major}, and pg_dump here is only {found[-1].major}",
        cause="an older pg_dump does not know all that a newer server has, so that nothing is "
        "dumped with it",
        todo=f"install the package postgresql-client-{major}, then retry",
    )


def programs_for(server: Server, places: Sequence[Path] | None = None) -> Programs:
    """The programs to dump this server with.

    Raises:
        CommandError: there are none new enough, or the server does not answer.
    """
    found = installed(places)
    return choose(found, version(server, choose(found, None)) // 10000)


def version(server: Server, programs: Programs) -> int:
    """The server's version as a number, as 150018 for 15.18.

    Raises:
        CommandError: it does not answer, or is too old for its rows to be hashed.
    """
    (found,) = query(
        server, server.database, "SELECT current_setting('server_version_num')", programs
    )
    if found // 10000 < OLDEST:
        raise CommandError(
            f"the server is Postgres {found // 10000}; {OLDEST} is the oldest that can be proven",
            todo="upgrade it, or back its volume up instead",
        )
    return int(found)


def query(
    server: Server,
    database: str,
    script: str,
    programs: Programs,
    *,
    timeout: float = ASK_SECONDS,
) -> list[Any]:
    """What a script prints, each line read as JSON.

    Raises:
        CommandError: the server does not answer, or an SQL statement fails.
    """
    argv = [programs.argv("psql"), *QUIET, "-d", conninfo(server, database), "--no-password"]
    done = _run(server, [*argv, "-f", "-"], input=script, timeout=timeout)
    return [json.loads(line) for line in done.stdout.splitlines() if line]


@contextmanager
def session(server: Server, database: str, programs: Programs) -> Iterator[Session]:
    """A psql that is kept open, for what must be held meanwhile."""
    argv = [programs.argv("psql"), *QUIET, "-d", conninfo(server, database), "--no-password"]
    with (
        environment(server) as env,
        private_file("", "answers") as answers,
        Session(
            argv,
            name=f"the session on the database {database}",
            answers=answers,
            mark=lambda word: f"\\echo {word}",
            env=env,
        ) as opened,
    ):
        yield opened


def dump(
    server: Server,
    database: str,
    programs: Programs,
    into: Path,
    *,
    snapshot: str,
    jobs: int,
    timeout: float,
) -> None:
    """Dump a database as it is in an exported snapshot: a directory, uncompressed.

    Raises:
        CommandError: pg_dump failed or did not end in time.
    """
    argv = [programs.argv("pg_dump"), "-d", conninfo(server, database), "--no-password"]
    argv += ["--format=directory", "--compress=0", f"--jobs={jobs}", f"--file={into}"]
    argv += [f"--snapshot={snapshot}", f"--lock-wait-timeout={int(ASK_SECONDS * 1000)}"]
    _run(server, [*argv, "--quote-all-identifiers"], timeout=timeout)


def dump_globals(server: Server, programs: Programs, into: Path, *options: str) -> None:
    """Write what belongs to no database: roles (`--roles-only`), tablespaces.

    Raises:
        CommandError: pg_dumpall failed.
    """
    argv = [programs.argv("pg_dumpall"), "-d", conninfo(server, server.database), "--no-password"]
    _run(server, [*argv, f"--file={into}", f"--database={server.database}", *options])


def listing(programs: Programs, directory: Path) -> str:
    """The table of contents of a dump, as `pg_restore --list` prints it.

    Raises:
        CommandError: the dump cannot be read.
    """
    return command.run(
        [programs.argv("pg_restore"), "--list", str(directory)], env={"LC_ALL": "C.UTF-8"}
    ).stdout


def script_of(programs: Programs, directory: Path, chosen: Path, into: Path) -> None:
    """Write the SQL of a dump's entries that the file `chosen` lists (no rows).

    Raises:
        CommandError: the dump cannot be read.
    """
    argv = [programs.argv("pg_restore"), f"--use-list={chosen}", f"--file={into}"]
    command.run([*argv, str(directory)], env={"LC_ALL": "C.UTF-8"})


def restore(
    server: Server,
    programs: Programs,
    directory: Path,
    *,
    into: str | None,
    jobs: int,
    timeout: float,
    options: Sequence[str] = (),
) -> None:
    """Fill a database from a dump.

    Args:
        into: an empty database, whatever it was called there; None: the one that the dump is of,
            made anew in the place of an empty one of its name.
        options: more of pg_restore's own, such as a section.

    Raises:
        CommandError: pg_restore failed or did not end in time; also where it only warns.
    """
    # Not the database that is made anew: nobody may be connected to that one.
    argv = [programs.argv("pg_restore"), "-d", conninfo(server, into or "template1")]
    argv += [] if into else ["--create", "--clean", "--if-exists"]
    argv += ["--no-password", "--no-tablespaces", f"--jobs={jobs}", "--exit-on-error", *options]
    _run(server, [*argv, str(directory)], timeout=timeout)


def schema_of(programs: Programs, directory: Path, into: Path) -> None:
    """Write the SQL that makes a dump's database and everything in it but rows.

    Raises:
        CommandError: the dump cannot be read.
    """
    argv = [programs.argv("pg_restore"), "--create", "--schema-only", f"--file={into}"]
    command.run([*argv, str(directory)], env={"LC_ALL": "C.UTF-8"})


def execute(server: Server, database: str, script: Path, programs: Programs) -> None:
    """Run a file of SQL, ending at the first error.

    Raises:
        CommandError: a statement fails.
    """
    argv = [programs.argv("psql"), *QUIET, "-d", conninfo(server, database), "--no-password"]
    _run(server, [*argv, "-f", str(script)])


def bring(
    server: Server, database: str, stream: IO[bytes], programs: Programs, *, timeout: float
) -> None:
    """Run SQL that comes out of a pipe, rows for COPY among it, ending at the first error.

    Raises:
        CommandError: a statement fails, or it did not end in time.
    """
    argv = [programs.argv("psql"), *QUIET, "-d", conninfo(server, database), "--no-password"]
    _run(server, [*argv, "-f", "-"], feed=stream, timeout=timeout)


def _run(
    server: Server,
    argv: Sequence[str],
    *,
    input: str | None = None,
    feed: IO[bytes] | None = None,
    timeout: float = ASK_SECONDS,
) -> command.Result:
    name = Path(argv[0]).name
    secrets = [server.password]
    with environment(server) as env:
        done = command.run(
            argv, input=input, feed=feed, timeout=timeout, env=env, check=False, secrets=secrets
        )
    if not done.ok:
        raise failure(server, name, done)
    return done


def failure(server: Server, program: str, done: command.Result) -> CommandError:
    """A program's failure in its own words, with an advice where one is known."""
    said = command.mask(command.last_lines(done.stderr or done.stdout), [server.password])
    ended = f"by signal {-done.code}" if done.code < 0 else f"with exit code {done.code}"
    todo = None
    if "password authentication failed" in said or "no password supplied" in said:
        todo = f"check the password of the role {server.user}: it is not what the server has"
    elif "No space left on device" in said:
        todo = "make room where the dump is spooled, or name a larger place for it"
    elif "remaining connection slots" in said or "too many clients" in said:
        todo = "raise max_connections, or lower the number of jobs"
    elif "canceling statement due to lock timeout" in said:
        todo = "something holds or waits for a table's lock; run it again when that has ended"
    return CommandError(
        f"{program} of {server.host}:{server.port} ended {ended}", cause=said or None, todo=todo
    )
