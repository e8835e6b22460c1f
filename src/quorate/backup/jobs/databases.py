"""How a job gets into a database: what its service was given says it. Pure.

Read from the service as it runs, in the engine's own form: that is what the database was set up
with. The words are those of the official images and of Bitnami's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from quorate.backup.jobs.model import SECRETS, Reach
from quorate.backup.jobs.names import secret_name
from quorate.backup.jobs.needs import Mount, Secret
from quorate.backup.model import Kind
from quorate.errors import QuorateError

PORTS = {Kind.POSTGRES: 5432, Kind.MARIADB: 3306, Kind.REDIS: 6379}
SOURCE_PASSWORD = "source-password"
SOURCE_FILE = "/run/quorate/source-password"
"""Where a password lies in the job that the service has in a file of its server."""

Spec = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The way into a database, and what a job's service needs for it."""

    reach: Reach
    secrets: tuple[Secret, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Account:
    """A user with the variables that may hold its password; `open`: those that say it has none."""

    user: str
    passwords: tuple[str, ...]
    open: bool = False


def opened(kind: Kind, host: str, service: str, spec: Spec) -> Opened:
    """The way into the database of a service.

    Args:
        host: where it answers.
        service: its name, for the name of its password and for errors.
        spec: the service as the engine has it.

    Raises:
        QuorateError: its password cannot be told, with what would tell it.
    """
    container = _map(_map(spec, "TaskTemplate"), "ContainerSpec")
    environment = _environment(container)
    if kind is Kind.REDIS:
        return _redis(host, service, container, environment)
    accounts = tuple((_postgres if kind is Kind.POSTGRES else _mariadb)(environment))
    for account in accounts:
        for variable in account.passwords:
            found = _found(variable, service, container, environment)
            if found is not None:
                return _opened(kind, host, account.user, _database(kind, environment), found)
    trusted = next((account for account in accounts if account.open), None)
    if trusted is None:
        variables = [name for account in accounts for name in account.passwords]
        raise _untold(service, f"it has none of {', '.join(variables)}, with or without `_FILE`")
    return _opened(kind, host, trusted.user, _database(kind, environment), None)


def _postgres(environment: Mapping[str, str]) -> Iterator[_Account]:
    user = environment.get("POSTGRES_USER") or environment.get("POSTGRESQL_USERNAME") or "postgres"
    yield _Account(user="postgres", passwords=("POSTGRESQL_POSTGRES_PASSWORD",))
    yield _Account(
        user=user,
        passwords=("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
        open=environment.get("POSTGRES_HOST_AUTH_METHOD") == "trust",
    )


def _mariadb(environment: Mapping[str, str]) -> Iterator[_Account]:
    empty = ("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD")
    yield _Account(
        user="root",
        passwords=("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
        open=any(environment.get(name) for name in (*empty, "ALLOW_EMPTY_PASSWORD")),
    )


def _database(kind: Kind, environment: Mapping[str, str]) -> str:
    """The database to connect to first, where the user's own has another name."""
    if kind is not Kind.POSTGRES:
        return ""
    return environment.get("POSTGRES_DB") or environment.get("POSTGRESQL_DATABASE") or ""


def _redis(host: str, service: str, container: Spec, environment: Mapping[str, str]) -> Opened:
    """Its password is an argument, or Bitnami's variable; without either it asks for none."""
    found = _found("REDIS_PASSWORD", service, container, environment)
    asked = _required((*_words(container, "Command"), *_words(container, "Args")))
    if asked is not None:
        found = _from_argument(asked, service, container, environment)
    return _opened(Kind.REDIS, host, "", "", found)


def _required(words: Sequence[str]) -> str | None:
    """What follows `--requirepass`, as an argument or in a shell's line; None: it is not there."""
    for number, word in enumerate(words):
        if word == "--requirepass":
            return words[number + 1] if number + 1 < len(words) else ""
        inside = re.search(r"--requirepass[ =]+(\"[^\"]*\"|'[^']*'|\$\([^)]*\)|\S+)", word)
        if inside:
            return inside.group(1).strip("\"'")
    return None


def _from_argument(
    asked: str, service: str, container: Spec, environment: Mapping[str, str]
) -> Secret | Mount:
    """The password an argument gives: as it is, from a variable, or printed by `cat`."""
    read = re.fullmatch(r"(?:\$\(|`)\s*(?:cat\s+|<\s*)(\S+?)\s*(?:\)|`)", asked)
    if read:
        return _in_file(read.group(1), service, container)
    variable = re.fullmatch(r"\$\{?(\w+)\}?", asked)
    if variable:
        found = _found(variable.group(1), service, container, environment)
        if found is None:
            raise _untold(service, f"`--requirepass` takes it from ${variable.group(1)}, "
                                   "which is not set")  # fmt: skip
        return found
    if not asked or "$(" in asked or "`" in asked:
        raise _untold(service, "`--requirepass` is followed by what only its own shell knows")
    return _own(service, asked)


def _found(
    variable: str, service: str, container: Spec, environment: Mapping[str, str]
) -> Secret | Mount | None:
    """The password a variable holds, or the file its twin `…_FILE` names; None: neither is set."""
    if environment.get(f"{variable}_FILE"):
        return _in_file(environment[f"{variable}_FILE"], service, container)
    return _own(service, environment[variable]) if environment.get(variable) else None


def _own(service: str, value: str) -> Secret:
    """A password that is only in the environment becomes a secret of Quorate's."""
    name = secret_name("source", service)
    return Secret(file=SOURCE_PASSWORD, name=name, value=value.encode())


def _in_file(path: str, service: str, container: Spec) -> Secret | Mount:
    """The Docker secret, or the file on its server, that a service has at a path."""
    for secret in _maps(container, "Secrets"):
        name = str(_map(secret, "File").get("Name") or "")
        if path in (name, f"{SECRETS}/{name}"):
            return Secret(file=SOURCE_PASSWORD, deployed=str(secret.get("SecretName") or ""))
    for mount in _maps(container, "Mounts"):
        target, source = PurePosixPath(str(mount.get("Target"))), str(mount.get("Source") or "")
        if mount.get("Type") == "bind" and PurePosixPath(path).is_relative_to(target):
            inner = PurePosixPath(path).relative_to(target)
            return Mount(source=str(PurePosixPath(source) / inner), target=SOURCE_FILE,
                         read_only=True)  # fmt: skip
    raise _untold(service, f"{path} is neither one of its secrets nor in a directory of its server")


def _opened(
    kind: Kind, host: str, user: str, database: str, password: Secret | Mount | None
) -> Opened:
    secrets = (password,) if isinstance(password, Secret) else ()
    mounts = (password,) if isinstance(password, Mount) else ()
    where = secrets[0].path if secrets else mounts[0].target if mounts else None
    reach = Reach(host=host, port=PORTS[kind], user=user, password_file=where, database=database)
    return Opened(reach=reach, secrets=secrets, mounts=mounts)


def _untold(service: str, cause: str) -> QuorateError:
    return QuorateError(
        f"the password of {service} cannot be told",
        cause=cause,
        todo="give it as a secret: `POSTGRES_PASSWORD_FILE`, `MARIADB_ROOT_PASSWORD_FILE` or "
        "`REDIS_PASSWORD_FILE` with the path of one of the service's secrets",
    )


def _environment(container: Spec) -> dict[str, str]:
    pairs = (str(entry).partition("=") for entry in container.get("Env") or ())
    return {key: value for key, _, value in pairs}


def _words(container: Spec, key: str) -> tuple[str, ...]:
    return tuple(str(word) for word in container.get(key) or ())


def _map(value: Spec, key: str) -> Spec:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _maps(value: Spec, key: str) -> list[Spec]:
    return [item for item in value.get(key) or () if isinstance(item, Mapping)]
