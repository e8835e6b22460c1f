"""The way into a database, from what its service was given."""

from __future__ import annotations

from typing import Any

import pytest

from quorate.backup.jobs.databases import SOURCE_FILE, Opened, opened
from quorate.backup.model import Kind
from quorate.errors import QuorateError
from tests.unit.backup.jobs.made import container

SECRETS = [{"SecretID": "s1", "SecretName": "pw-v3", "File": {"Name": "pw"}}]
MOUNTS = [
    {"Type": "bind", "Source": "/srv/secrets", "Target": "/keys"},
    {"Type": "volume", "Source": "rows", "Target": "/rows"},
]


def found(kind: Kind, *environment: str, **more: Any) -> Opened:
    return opened(kind, "tasks.db", "app_db", container(Env=list(environment), **more))


@pytest.mark.parametrize(
    ("kind", "environment", "user"),
    [
        (Kind.POSTGRES, ("POSTGRES_PASSWORD_FILE=/run/secrets/pw",), "postgres"),
        (Kind.POSTGRES, ("POSTGRES_PASSWORD_FILE=pw", "POSTGRES_USER=ops"), "ops"),
        (Kind.POSTGRES, ("POSTGRESQL_PASSWORD_FILE=/run/secrets/pw",), "postgres"),
        (Kind.MARIADB, ("MARIADB_ROOT_PASSWORD_FILE=/run/secrets/pw", "MYSQL_USER=x"), "root"),
        (Kind.MARIADB, ("MYSQL_ROOT_PASSWORD_FILE=/run/secrets/pw",), "root"),
        (Kind.REDIS, ("REDIS_PASSWORD_FILE=/run/secrets/pw",), ""),
    ],
)
def test_the_services_own_docker_secret_is_used(
    kind: Kind, environment: tuple[str, ...], user: str
) -> None:
    way = found(kind, *environment, Secrets=SECRETS)
    (secret,) = way.secrets
    assert (secret.deployed, secret.name, secret.value) == ("pw-v3", "", None)
    assert way.reach.password_file == "/run/secrets/source-password"
    assert (way.reach.user, way.reach.host) == (user, "tasks.db")


def test_a_password_that_is_only_in_the_environment_becomes_a_secret() -> None:
    way = found(Kind.POSTGRES, "POSTGRES_PASSWORD=hunter=2", "POSTGRES_DB=shop")
    (secret,) = way.secrets
    assert (secret.name, secret.value) == ("quorate-backup-source.app_db", b"hunter=2")
    assert way.reach.database == "shop" and way.reach.port == 5432
    assert "hunter" not in repr(way)


def test_a_file_on_the_server_is_mounted_at_its_own_place() -> None:
    way = found(Kind.MARIADB, "MARIADB_ROOT_PASSWORD_FILE=/keys/root", Mounts=MOUNTS)
    (mount,) = way.mounts
    assert (mount.source, mount.target, mount.read_only) == ("/srv/secrets/root", SOURCE_FILE, True)
    assert way.reach.password_file == SOURCE_FILE and not way.secrets


@pytest.mark.parametrize(
    ("kind", "environment", "user"),
    [
        (Kind.POSTGRES, ("POSTGRES_HOST_AUTH_METHOD=trust",), "postgres"),
        (Kind.MARIADB, ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1",), "root"),
        (Kind.REDIS, (), ""),
    ],
)
def test_a_database_may_ask_for_none(kind: Kind, environment: tuple[str, ...], user: str) -> None:
    way = found(kind, *environment)
    assert (way.reach.password_file, way.reach.user) == (None, user)
    assert not way.secrets and not way.mounts


@pytest.mark.parametrize(
    "words",
    [
        ["redis-server", "--requirepass", "hunter2"],
        ["redis-server --requirepass hunter2 --save ''"],
        ["redis-server", "--requirepass", "$SECRET"],
        ["sh", "-c", 'exec redis-server --requirepass "${SECRET}"'],
    ],
)
def test_the_password_of_redis_is_an_argument(words: list[str]) -> None:
    (secret,) = found(Kind.REDIS, "SECRET=hunter2", Args=words).secrets
    assert secret.value == b"hunter2"


@pytest.mark.parametrize("read", ["$(cat /run/secrets/pw)", "$(< /run/secrets/pw)"])
def test_redis_may_read_it_from_its_secret(read: str) -> None:
    line = f'exec redis-server --requirepass "{read}" --appendonly yes'
    (secret,) = found(Kind.REDIS, Command=["sh", "-c", line], Secrets=SECRETS).secrets
    assert secret.deployed == "pw-v3"


@pytest.mark.parametrize(
    ("kind", "environment", "more", "says"),
    [
        (Kind.POSTGRES, (), {}, "POSTGRES_PASSWORD"),
        (Kind.POSTGRES, ("POSTGRES_PASSWORD_FILE=/rows/pw",), {"Mounts": MOUNTS}, "/rows/pw"),
        (Kind.MARIADB, ("MARIADB_PASSWORD=x", "MARIADB_USER=app"), {}, "MARIADB_ROOT_PASSWORD"),
        (Kind.REDIS, (), {"Args": ["sh", "-c", "redis-server --requirepass $GONE"]}, "$GONE"),
        (Kind.REDIS, (), {"Args": ["sh", "-c", "redis-server --requirepass $(pw)"]}, "shell"),
    ],
)
def test_what_cannot_be_told_says_what_would_tell_it(
    kind: Kind, environment: tuple[str, ...], more: dict[str, Any], says: str
) -> None:
    with pytest.raises(QuorateError, match="the password of app_db cannot be told") as caught:
        found(kind, *environment, **more)
    assert says in str(caught.value.cause)
    assert "_FILE" in str(caught.value.todo)


def test_a_service_whose_spec_says_nothing_is_no_crash() -> None:
    assert opened(Kind.REDIS, "h", "s", {"TaskTemplate": None}).reach.password_file is None
