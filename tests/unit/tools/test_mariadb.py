"""What of reaching MariaDB is decided without a server."""

from __future__ import annotations

import pytest

from quorate.errors import CommandError
from quorate.tools import mariadb

SERVER = mariadb.Server(host="db", user="backup", password='p"w\\d')


def programs(major: int, minor: int) -> mariadb.Programs:
    return mariadb.Programs(client="mariadb", dump="mariadb-dump", series=(major, minor))


@pytest.mark.parametrize(
    ("said", "series"),
    [
        ("10.11.6-MariaDB-1:10.11.6+maria~ubu2204-log", (10, 11)),
        ("mariadb-dump from 11.8.3-MariaDB, client 10.19 for debian-linux-gnu", (11, 8)),
        ("mysqldump  Ver 10.19 Distrib 10.5.9-MariaDB, for debian-linux-gnu (x86_64)", (10, 5)),
    ],
)
def test_series_are_read(said: str, series: tuple[int, int]) -> None:
    assert mariadb.series_in(said) == series


def test_mysql_is_refused() -> None:
    with pytest.raises(CommandError, match="not MariaDB"):
        mariadb.series_in("8.0.36")


def test_older_programs_and_too_old_servers_are_refused() -> None:
    mariadb.require(programs(11, 8), "10.11.6-MariaDB")
    mariadb.require(programs(10, 11), "10.11.6-MariaDB")
    with pytest.raises(CommandError, match=r"MariaDB 11\.4, and mariadb-dump here is only 10\.11"):
        mariadb.require(programs(10, 11), "11.4.2-MariaDB")
    with pytest.raises(CommandError, match=r"10\.5 is the oldest"):
        mariadb.require(programs(10, 11), "10.4.30-MariaDB")


def test_the_option_file_has_what_reaches_the_server() -> None:
    assert mariadb.options(SERVER) == (
        '[client]\nuser="backup"\nprotocol=tcp\nhost="db"\nport=3306\npassword="p\\"w\\\\d"\n'
    )
    by_socket = mariadb.options(mariadb.Server(host="/run/socket"))
    assert by_socket == '[client]\nuser="root"\nprotocol=socket\nsocket="/run/socket"\n'
    assert SERVER.password not in repr(SERVER)


@pytest.mark.parametrize(
    ("log", "begun"),
    [
        ("-- Connecting to localhost...\n", False),
        ("-- Connecting to localhost...\n-- Starting transaction...\n", False),
        ("-- Starting transaction...\n-- Retriev", False),
        ("-- Starting transaction...\n-- Retrieving table structure for table t...\n", True),
    ],
)
def test_a_dump_has_begun_when_it_goes_on_to_something_else(log: str, begun: bool) -> None:
    assert mariadb.has_begun(log) == begun


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ERROR 1045 (28000): Access denied for user 'b'@'h' (using password: YES)", "password"),
        ("Access denied; you need (at least one of) the RELOAD privilege(s)", "GRANT SELECT"),
        ("mysqldump: Got errno 28 on write", "make room"),
        ("Table definition has changed, please retry transaction (1412)", "run it again"),
    ],
)
def test_known_failures_come_with_an_advice(said: str, advice: str) -> None:
    error = mariadb.failure(SERVER, "mariadb-dump", 2, said)
    assert error.cause == said and advice in str(error.todo)
