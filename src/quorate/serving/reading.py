"""Copies read straight from the repositories that can be reached from this machine.

For whoever asks without a controller. A directory on a server of the fleet is read over ssh,
unless this machine is that server; nothing is written, no lock is taken.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from quorate.backup import catalogue
from quorate.backup.jobs.repositories import RESTIC_NAMES
from quorate.backup.model import Snapshot
from quorate.backup.place import REGION, Place, PlaceType, opened
from quorate.deploy.values import read_value
from quorate.errors import QuorateError
from quorate.fleet.backup import Repository
from quorate.fleet.base import SecretSource
from quorate.fleet.model import Fleet
from quorate.tools import parallel

AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every copy that could be read; `unread`: repositories that could not be, with why."""

    snapshots: tuple[Snapshot, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


def read(fleet: Fleet) -> Catalogue:
    """The copies in all repositories of a fleet, asked at once."""
    repositories = fleet.backup.repositories
    found = parallel.run(lambda one: _read(fleet, one), repositories, limit=AT_ONCE)
    snapshots = [copy for copies, _ in found for copy in copies]
    return Catalogue(
        snapshots=tuple(sorted(snapshots, key=lambda one: (one.taken, one.source, one.id))),
        unread={one.name: why for one, (_, why) in zip(repositories, found, strict=True) if why},
    )


def _read(fleet: Fleet, repository: Repository) -> tuple[tuple[Snapshot, ...], str]:
    try:
        with reached(fleet, repository) as place:
            return catalogue.read(opened(place)), ""
    except QuorateError as error:
        return (), "; ".join(error.lines())


@contextmanager
def reached(fleet: Fleet, repository: Repository) -> Iterator[Place]:
    """The repository as this machine reaches it; its passwords lie in private files meanwhile.

    Raises:
        CheckError: a password's source gives no value.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="quorate-", dir=memory if memory.is_dir() else None
    ) as name:
        directory = Path(name)
        secrets = {"repository-password": repository.password, **repository.credentials}
        files = {
            word: _written(directory / word, fleet, f"{word} of {repository.name}", source)
            for word, source in secrets.items()
        }
        bare = Place(
            name=repository.name,
            type=PlaceType(repository.place),
            location=repository.address,
            password_file=files.pop("repository-password"),
            port=repository.port,
        )
        yield _placed(fleet, repository, bare, files, directory)


def _placed(
    fleet: Fleet, repository: Repository, bare: Place, files: Mapping[str, Path], directory: Path
) -> Place:
    """Where it is, by its kind."""
    match repository.place:
        case "local":
            return _on_server(fleet, repository, bare)
        case "sftp":
            return replace(bare, ssh_config=_ssh_config(files, directory))
    credentials = {
        RESTIC_NAMES.get(word, word): path for word, path in files.items() if word != "ca"
    }
    if repository.user:
        user = directory / "user"
        user.write_text(repository.user)
        credentials["user"] = user
    if repository.region:
        region = directory / "region"
        region.write_text(repository.region)
        credentials[REGION] = region
    return replace(bare, credentials=credentials, ca=files.get("ca"))


def _on_server(fleet: Fleet, repository: Repository, bare: Place) -> Place:
    """A directory: here, where it is there; else on its server, over ssh."""
    here = Path(repository.path, "config").exists()
    server = next((one for one in fleet.servers if one.name == repository.server), None)
    if here or server is None:
        return bare
    host = f"{server.ssh.user}@{server.address}" if server.ssh.user else server.address
    return replace(
        bare,
        type=PlaceType.SFTP,
        location=f"{host}:{repository.path}",
        port=server.ssh.port,
        ssh_config=server.ssh.config,
    )


def _ssh_config(files: Mapping[str, Path], directory: Path) -> Path | None:
    """How ssh is to log in, where the fleet file says; None: as the person's own says."""
    words = {"identity": "IdentityFile", "known_hosts": "UserKnownHostsFile"}
    lines = [f"{words[word]} {path}" for word, path in files.items() if word in words]
    if not lines:
        return None
    if "identity" in files:
        lines.append("IdentitiesOnly yes")
    config = directory / "ssh_config"
    config.write_text("".join(f"{line}\n" for line in lines))
    return config


def _written(path: Path, fleet: Fleet, what: str, source: SecretSource) -> Path:
    """A file with a secret's value, which only this user reads."""
    value = read_value(f"({what})", source, directory=fleet.path.absolute().parent)
    path.touch(mode=0o600, exist_ok=False)
    # ssh refuses a key whose last line has no end.
    path.write_bytes(value if value.endswith(b"\n") else value + b"\n")
    return path
