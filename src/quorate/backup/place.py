"""A repository as it is configured, and how restic gets at it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from quorate.errors import RepositoryError
from quorate.tools.restic import Access, Restic
from quorate.tools.restic_errors import Reason

CONNECT_SECONDS = 10
# A far side that falls silent is given up after a minute; by itself, ssh waits for hours.
ALIVE_SECONDS = 15
ALIVE_COUNT = 4
PATIENCE = 60.0
"""Seconds for which a repository that is locked is tried again."""
REGION = "AWS_DEFAULT_REGION"
"""As restic knows a store's region: a credential beside the keys."""


class PlaceType(StrEnum):
    """What restic talks to."""

    LOCAL = "local"
    SFTP = "sftp"
    S3 = "s3"
    REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A repository as configured.

    `location` is a directory (local), `[user@]host:path` (SFTP), `https://host/bucket/path`
    (S3-compatible) or `https://[user@]host/path` (restic's REST server). `credentials` names
    files whose content becomes an environment variable of restic: `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, and for REST `user` and `password`. `ssh_config` is used
    instead of the person's own; `ca` holds the authorities (PEM) that S3 and REST servers
    may have their certificate from. `append_only`: the far side lets nothing be removed,
    so nothing is forgotten or pruned from here.
    """

    name: str
    type: PlaceType
    location: str
    password_file: Path
    credentials: Mapping[str, Path] = field(default_factory=dict)
    port: int | None = None
    ssh_config: Path | None = None
    append_only: bool = False
    cache: Path | None = None
    ca: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A place, and restic's door to it."""

    place: Place
    restic: Restic

    @property
    def name(self) -> str:
        return self.place.name


def opened(place: Place, *, program: str = "restic", patience: float | None = None) -> Repository:
    """The repository at `place`: credentials are read now, nothing is asked of it yet.

    Args:
        place: where it is.
        program: restic, by name or path.
        patience: seconds for which it is tried again while it is locked; None: `PATIENCE`.

    Raises:
        RepositoryError: a credential's file cannot be read.
    """
    seconds = PATIENCE if patience is None else patience
    door = Restic(name=place.name, access=access(place), program=program, patience=seconds)
    return Repository(place=place, restic=door)


def access(place: Place) -> Access:
    """Address, credentials and options for restic."""
    values = {key: _read(place, key, path) for key, path in place.credentials.items()}
    options: tuple[str, ...] = ()
    match place.type:
        case PlaceType.LOCAL:
            url = str(Path(place.location).absolute())
        case PlaceType.SFTP:
            host, _, path = place.location.partition(":")
            url = f"sftp:{host}:{path}"
            options = (f"sftp.command={shlex.join(ssh_command(place, host))}",)
        case PlaceType.S3:
            url = f"s3:{place.location}"
        case PlaceType.REST:
            url = f"rest:{with_user(place.location, values)}"
            values = {"QUORATE_REST_PASSWORD": values["password"]} if "password" in values else {}
    return Access(
        url=url,
        password_file=place.password_file,
        environment=values,
        options=options,
        cache=place.cache,
        ca=place.ca,
    )


def ssh_command(place: Place, host: str) -> list[str]:
    """The ssh restic is to use: it never asks, and notices a far side that is gone."""
    out = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    out += ["-o", f"ServerAliveInterval={ALIVE_SECONDS}"]
    out += ["-o", f"ServerAliveCountMax={ALIVE_COUNT}"]
    if place.ssh_config is not None:
        out += ["-F", str(place.ssh_config)]
    if place.port is not None:
        out += ["-p", str(place.port)]
    return [*out, host, "-s", "sftp"]


def with_user(location: str, values: Mapping[str, str]) -> str:
    """An address with user and password in it, as REST servers need it; no argument shows it.

    The user may be in the address already.
    """
    parts = urlsplit(location)
    inside, _, host = parts.netloc.rpartition("@")
    user = quote(values["user"], safe="") if "user" in values else inside
    if not user:
        return location
    password = quote(values.get("password", ""), safe="")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


def _read(place: Place, key: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeError) as error:
        raise RepositoryError(
            f"`{key}` of the repository {place.name} cannot be read from {path}",
            reason=Reason.PASSWORD,
            cause=getattr(error, "strerror", None) or "it is no text",
            todo="put it into that file, or name the right file",
        ) from error
