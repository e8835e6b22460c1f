"""Credentials for image registries: for pulls through the API, and for `docker stack deploy`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from quorate.deploy.values import read_values
from quorate.errors import MachineError
from quorate.fleet.model import Fleet
from quorate.tools import ssh

DOCKER_HUB = "docker.io"
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True, kw_only=True)
class Credential:
    """User and password for one registry; the password never appears in its repr."""

    host: str
    user: str
    password: str = field(repr=False)

    def as_auth(self) -> dict[str, str]:
        """The form the API takes."""
        return {"username": self.user, "password": self.password}


def credentials(
    fleet: Fleet, environment: Mapping[str, str] | None = None
) -> dict[str, Credential]:
    """The fleet's registry credentials, by registry host.

    Raises:
        CheckError: every password whose source gives none.
    """
    sources = {f"the password of {r.host}": r.password for r in fleet.registries}
    directory = fleet.path.absolute().parent
    values = read_values(sources, directory=directory, environment=environment)
    return {
        r.host: Credential(
            host=r.host,
            user=r.user,
            password=values[f"the password of {r.host}"].decode().rstrip("\r\n"),
        )
        for r in fleet.registries
    }


def registry_of(image: str) -> str:
    """The registry host of an image reference (Docker Hub where it names none).

    The first part of a name is a host when it has a dot or a colon, or is
    `localhost` (distribution's reference grammar).
    """
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return DOCKER_HUB if first in HUB_NAMES else first
    return DOCKER_HUB


def auth_for(image: str, known: Mapping[str, Credential]) -> dict[str, str] | None:
    """The credentials for this image in the API's form; None when there are none."""
    host = registry_of(image)
    names = HUB_NAMES if host == DOCKER_HUB else (host,)
    found = next((known[name] for name in names if name in known), None)
    return found.as_auth() if found else None


@contextmanager
def client_config(target: ssh.Target, known: Mapping[str, Credential]) -> Iterator[str | None]:
    """A docker client configuration with these credentials on a server, for the block.

    Yields the directory to give to `docker --config` there, or None when the
    fleet has no credentials. It is readable to the ssh user only, lies in
    memory where /dev/shm is there, and is removed at the end of the block.

    Raises:
        UnreachableError, CommandError: it cannot be written.
    """
    if not known:
        yield None
        return
    made = 'umask 077; b=/dev/shm; [ -w "$b" ] || b=/tmp; mktemp -d "$b/quorate-XXXXXXXX"'
    directory = ssh.run(target, ["sh", "-c", made], timeout=30).stdout.strip()
    try:
        written = 'umask 077; cat > "$1/config.json"'
        ssh.run(target, ["sh", "-c", written, "sh", directory], input=config_json(known))
        yield directory
    finally:
        with suppress(MachineError):
            ssh.run(target, ["rm", "-rf", "--", directory], timeout=30)


def config_json(known: Mapping[str, Credential]) -> str:
    """The client configuration file with these credentials."""
    auths = {}
    for item in known.values():
        key = DOCKER_HUB_KEY if item.host in HUB_NAMES else item.host
        pair = f"{item.user}:{item.password}".encode()
        auths[key] = {"auth": base64.b64encode(pair).decode()}
    return json.dumps({"auths": auths})
