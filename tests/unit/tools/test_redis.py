"""What of reaching Redis is decided without a server."""

from __future__ import annotations

import pytest

from quorate.errors import CommandError
from quorate.tools import redis

SERVER = redis.Server(host="cache", user="backup", password="secret")


def test_the_password_is_in_the_environment_alone() -> None:
    assert SERVER.argv() == ["redis-cli", "-h", "cache", "-p", "6379", "--user", "backup"]
    assert SERVER.environment == {"REDISCLI_AUTH": "secret"}
    assert redis.Server(host="/run/s").argv() == ["redis-cli", "-s", "/run/s"]
    assert redis.Server(host="/run/s").environment == {}
    assert "secret" not in repr(SERVER)


def test_versions_are_numbers() -> None:
    assert redis.version_in("7.0.15") == (7, 0, 15)
    assert redis.version_in("10.0.0") > redis.version_in("9.9.9")
    for text in ("", "seven", "7.x"):
        with pytest.raises(CommandError, match="no version"):
            redis.version_in(text)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("AUTH failed: WRONGPASS invalid username-password pair", "check the password"),
        ("NOAUTH Authentication required.", "check the password"),
        ("NOPERM this user has no permissions to run the 'psync' command", "ACL SETUSER backup"),
        ("LOADING Redis is loading the dataset in memory", "run it again"),
        ("Error writing data to file: No space left on device", "make room"),
    ],
)
def test_known_failures_come_with_an_advice(said: str, advice: str) -> None:
    error = redis.failure(SERVER, SERVER.argv(), said, 1)
    assert error.cause == said and advice in str(error.todo)
