"""A fleet as the controller is given it: in Docker secrets, since its files may hold passwords.

Three of them: the fleet as it was read, an archive of its files for the source `configs`, and the
recovery bundle, encrypted, for the source `bundle`. Where the fleet file says a secret value comes
from (a file, a variable, a command of the person's machine) is not inside; there each value is a
secret of its own, and the fleet that is handed over says so. Whoever reads a value asks for it as
ever.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from quorate.backup.bundle.archive import Sealed
from quorate.backup.jobs.decide import FLEET_FILES
from quorate.backup.jobs.model import SECRETS
from quorate.backup.jobs.names import secret_name
from quorate.backup.jobs.needs import Secret
from quorate.errors import UsageError
from quorate.fleet.backup import Backup, Repository
from quorate.fleet.base import SecretSource
from quorate.fleet.datasets import BUNDLE
from quorate.fleet.model import Fleet

FLEET = "fleet"
ON_SERVERS = ("volumes", "raw")
"""Paths below these are those of the servers, or are deployed as they are."""
Change = Callable[[str, SecretSource], SecretSource]


def value_secrets(fleet: Fleet) -> tuple[Secret, ...]:
    """Every secret value that the controller needs, with where it comes from here. Pure."""
    found: dict[str, SecretSource] = {}

    def take(name: str, source: SecretSource) -> SecretSource:
        found[name] = source
        return source

    _with_sources(fleet, take)
    return tuple(Secret(file=name, name=name, source=source) for name, source in found.items())


def fleet_secret(fleet: Fleet, *, encrypt: bool) -> Secret:
    """The fleet itself. `encrypt`: whether networks between these servers can be encrypted. Pure.

    The same files give the same bytes, from whichever directory they were read.
    """
    swarm = fleet.swarm
    if not encrypt:
        swarm = swarm.model_copy(update={"encrypt_networks": False})
    inside = _with_sources(fleet, lambda name, _: SecretSource(file=Path(SECRETS) / name))
    inside = inside.model_copy(update={"swarm": swarm, "path": Path(fleet.path.name)})
    said = inside.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(_relative(said, fleet.path))
    name = secret_name(FLEET)
    return Secret(file=name, name=name, value=gzip.compress(text.encode(), mtime=0))


def files_secret(archive: bytes) -> Secret:
    """The archive of the fleet's files; the same secret that a job is given it in."""
    name = secret_name(FLEET_FILES)
    return Secret(file=name, name=name, value=archive)


def bundle_secret(sealed: Sealed) -> Secret:
    """The recovery bundle, encrypted; the same secret that a job is given it in. Pure."""
    name = secret_name(BUNDLE)
    return Secret(file=name, name=name, value=sealed.data, same=sealed.same)


def read_bundle(directory: Path) -> Sealed | None:
    """The encrypted recovery bundle that lies in a directory, `/run/secrets`."""
    path = directory / secret_name(BUNDLE)
    return Sealed(data=path.read_bytes()) if path.exists() else None


def read_given(directory: Path) -> tuple[Fleet, bytes | None]:
    """The fleet that lies in a directory, `/run/secrets`, and the archive of its files.

    Raises:
        UsageError: there is none, or another version of Quorate has put it there.
    """
    path = directory / secret_name(FLEET)
    try:
        fleet = Fleet.model_validate_json(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"no deployed fleet can be read from {path}",
            cause=str(error),
            todo="`quorate up` puts it there; elsewhere, name a fleet file",
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"the fleet in {path} cannot be read: {where} {first['msg']}",
            cause="it was deployed by another version of Quorate than this image has",
            todo="give both the same version, then `quorate up`",
        ) from error
    files = directory / secret_name(FLEET_FILES)
    return fleet, files.read_bytes() if files.exists() else None


def _with_sources(fleet: Fleet, change: Change) -> Fleet:
    """The fleet with each source of a secret value that backups need, changed; by plain name."""
    registries = tuple(
        one.model_copy(update={"password": change(_name("registry", one.host), one.password)})
        for one in fleet.registries
    )
    backup = fleet.backup
    update: dict[str, object] = {
        "repositories": tuple(_repository(one, change) for one in backup.repositories),
        "notify": backup.notify.model_copy(
            update={"to": {n: change(_name("notify", n), s) for n, s in backup.notify.to.items()}}
        ),
    }
    if backup.heartbeat is not None:
        update["heartbeat"] = change(_name("heartbeat"), backup.heartbeat)
    changed: Backup = backup.model_copy(update=update)
    return fleet.model_copy(update={"registries": registries, "backup": changed})


def _repository(one: Repository, change: Change) -> Repository:
    """By the names that jobs have them under (`backup/jobs/repositories.py`)."""
    credentials = {
        word: change(secret_name("repository", one.name, word), source)
        for word, source in one.credentials.items()
    }
    password = change(secret_name("repository", one.name), one.password)
    return one.model_copy(update={"password": password, "credentials": credentials})


def _name(*parts: str) -> str:
    """As a secret's name may be: a registry's host may have a port."""
    return secret_name(*(re.sub(r"[^A-Za-z0-9_.-]", "-", part) for part in parts))


def _relative(value: Any, fleet_file: Path) -> Any:
    """With paths from the fleet file's directory on: nobody else has the same above it."""
    given = str(fleet_file.parent)
    starts = {f"{given}/", f"{fleet_file.absolute().parent}/"} - {"./"}
    return _cut(value, tuple(sorted(starts, key=len, reverse=True)))


def _cut(value: Any, starts: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {k: one if k in ON_SERVERS else _cut(one, starts) for k, one in value.items()}
    if isinstance(value, list):
        return [_cut(one, starts) for one in value]
    if isinstance(value, str):
        for start in starts:
            if value == start.removesuffix("/"):
                return "."
            if value.startswith(start):
                return value.removeprefix(start)
    return value
