"""What of reaching Postgres is decided without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.errors import CommandError
from quorate.tools import command, pg

SERVER = pg.Server(host="db", user="backup", password="p:w\\d")


def programs(*majors: int) -> list[pg.Programs]:
    return [pg.Programs(directory=Path(f"/{major}"), major=major) for major in majors]


def failed(code: int, stderr: str) -> command.Result:
    return command.Result(argv=("pg_dump",), code=code, stdout="", stderr=stderr, seconds=1.0)


def test_the_programs_of_the_servers_own_major_version_are_taken() -> None:
    found = programs(13, 15, 17)
    assert pg.choose(found, 15).major == 15
    assert pg.choose(found, 14).major == 15
    assert pg.choose(found, None).major == 17


def test_only_older_programs_are_refused() -> None:
    with pytest.raises(CommandError, match="Postgres 16, and pg_dump here is only 15") as caught:
        pg.choose(programs(13, 15), 16)
    assert caught.value.todo == "install the package postgresql-client-16, then retry"


def test_no_programs_are_said() -> None:
    with pytest.raises(CommandError, match="not installed"):
        pg.choose([], None)


@pytest.mark.parametrize(
    ("said", "major"),
    [("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15), ("x (PostgreSQL) 18beta1", 18)],
)
def test_versions_are_read(said: str, major: int) -> None:
    assert pg.major_in(said) == major


def test_what_says_no_version_is_refused() -> None:
    with pytest.raises(CommandError, match="does not say its version"):
        pg.major_in("mysqldump 8")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_name_of_a_database_is_only_a_name(name: str) -> None:
    info = pg.conninfo(SERVER, name)
    before, after = "dbname='", "' connect_timeout="
    quoted = info[info.index(before) + len(before) : info.rindex(after)]
    assert quoted.replace("\\\\", "\0").replace("\\'", "'").replace("\0", "\\") == name


def test_the_password_is_in_the_passfile_alone() -> None:
    assert pg.passfile(SERVER) == "*:*:*:*:p\\:w\\\\d\n"
    assert pg.passfile(pg.Server(host="db")) == ""
    assert SERVER.password not in repr(SERVER) + pg.conninfo(SERVER, "postgres")


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('FATAL:  password authentication failed for user "backup"', "the role backup"),
        ("could not write to file: No space left on device", "make room"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("ERROR:  canceling statement due to lock timeout", "holds or waits for a table's lock"),
    ],
)
def test_known_failures_come_with_an_advice(said: str, advice: str) -> None:
    error = pg.failure(SERVER, "pg_dump", failed(1, said))
    assert error.cause == said and advice in str(error.todo)


def test_a_password_in_a_programs_words_is_masked() -> None:
    error = pg.failure(SERVER, "pg_dump", failed(-9, "what p:w\\d is this"))
    assert error.cause == f"what {command.MASK} is this" and "by signal 9" in error.what
