"""The repository that is left, as a person names it, and which of the fleet's it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from quorate.backup.jobs.repositories import RESTIC_NAMES
from quorate.backup.place import REGION, Place, PlaceType
from quorate.errors import UsageError
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet

CREDENTIALS = ("access_key", "secret_key", "region", "user", "password")
FORMS = (
    "write it as restic does: `sftp:USER@HOST:/PATH`, `sftp://USER@HOST:PORT//PATH`, "
    "`s3:https://HOST/BUCKET/PATH`, `rest:https://HOST/PATH`, or a directory"
)


def place_of(
    url: str,
    *,
    password_file: Path,
    credentials: Mapping[str, Path] | None = None,
    ssh_config: Path | None = None,
    ca: Path | None = None,
) -> Place:
    """The repository at an address, written as restic takes it.

    Args:
        password_file: with the repository's password.
        credentials: files by the fleet file's words (`access_key`, …), for S3 and REST.
        ssh_config: instead of the person's own.
        ca: authorities that an S3 or REST server's certificate may be from.

    Raises:
        UsageError: it is none of restic's, or has a password in it.
    """
    given = dict(credentials or {})
    for word in given:
        if word not in CREDENTIALS:
            raise UsageError(
                f"no repository has a credential {word}",
                todo=f"one of: {', '.join(CREDENTIALS)}",
            )
    kind, location, port = _taken_apart(url)
    names = {**RESTIC_NAMES, "region": REGION}
    return Place(
        name=location,  # nobody has told yet how the fleet calls it
        type=kind,
        location=location,
        password_file=password_file,
        credentials={names.get(word, word): path for word, path in given.items()},
        port=port,
        ssh_config=ssh_config,
        ca=ca,
    )


def _taken_apart(url: str) -> tuple[PlaceType, str, int | None]:
    scheme, _, rest = url.partition(":")
    if scheme == "sftp" and rest.startswith("//"):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].partition(":")[0]
        user, at, _ = parts.netloc.rpartition("@")
        if host and parts.path:
            # After the host, `/path` is from the home directory and `//path` from the root.
            path = parts.path[1:] if parts.path.startswith("//") else parts.path.lstrip("/")
            return PlaceType.SFTP, f"{user}{at}{host}:{path}", parts.port
    elif scheme == "sftp" and re.fullmatch(r"[^:/]+:.+", rest):
        return PlaceType.SFTP, rest, None
    elif scheme == "s3" and "/" in rest:
        return PlaceType.S3, rest if "://" in rest else f"https://{rest}", None
    elif scheme == "rest" and "://" in rest:
        parts = urlsplit(rest)
        if parts.password:
            raise UsageError(
                "the address has a password in it, which every process of this machine sees",
                todo="leave it out there, and name a file: `--credential password=FILE`",
            )
        return PlaceType.REST, rest, None
    elif url.startswith(("/", "./", "../")):
        return PlaceType.LOCAL, url, None
    raise UsageError(f"{url} is no address of a repository", todo=FORMS)


def repository_of(fleet: Fleet, place: Place, named: str = "") -> Repository:
    """Which of the fleet's repositories it is: jobs on the servers reach it as the fleet says.

    Args:
        named: its name in the fleet file; empty: by its address, or the only one of its kind.

    Raises:
        UsageError: none is, or nobody can tell which.
    """
    every = {one.name: one for one in fleet.backup.repositories}
    if named:
        if named not in every:
            raise UsageError(
                f"the fleet has no repository {named}", cause=f"it has {', '.join(every)}"
            )
        return _reachable(every[named])
    same = [one for one in every.values() if _place(one) == _normal(place.type, place.location)]
    alike = [one for one in every.values() if one.place == place.type.value and one.offsite]
    for found in (same, alike):
        if len(found) == 1:
            return _reachable(found[0])
    raise UsageError(
        "nobody can tell which of the fleet's repositories this is",
        cause=f"the fleet file has {', '.join(every) or 'none'}, none of them at this address",
        todo="name it with --repository",
    )


def _reachable(repository: Repository) -> Repository:
    if repository.place == "local":
        raise UsageError(
            f"the repository {repository.name} is a directory on {repository.server}",
            cause="jobs on new servers cannot reach a directory that was on a lost one",
            todo="serve the directory that is left by SFTP or restic's REST server, write that "
            "into the fleet file's copy as this repository, and name it with --repository",
        )
    return repository


def _place(repository: Repository) -> tuple[str, str]:
    return _normal(PlaceType(repository.place), repository.address)


def _normal(kind: PlaceType, location: str) -> tuple[str, str]:
    """Kind and address without what may be written or not: user, scheme, slashes at the end."""
    bare = location.partition("://")[2] or location
    if kind in (PlaceType.SFTP, PlaceType.REST):
        host, slash, path = bare.partition("/")
        bare = f"{host.rpartition('@')[2]}{slash}{path}"
    return kind.value, bare.rstrip("/")
