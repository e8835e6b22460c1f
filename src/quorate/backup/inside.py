"""Inside a container of the source: commands run there (hooks, gitlab-backup), files taken out.

Through the engine of the container's server, so that nothing has to be installed in it.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Protocol

from quorate.errors import CommandError, MachineError
from quorate.tools import command, docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PIECE = 1 << 20


class Inside(Protocol):
    """A container that runs."""

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        """Run a program to its end: its exit code and what it printed.

        Raises:
            MachineError: it cannot be run.
        """
        ...

    def take(self, path: str, into: Path) -> None:
        """Copy a file out.

        Raises:
            MachineError: there is no such file.
        """
        ...

    def put(self, file: Path, path: str) -> None:
        """Copy a file in, owned by root and private.

        Raises:
            MachineError: its directory is not there, or there is no room.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container by its id, through its engine. A command in it has no time limit of its own."""

    client: DockerClient
    id: str

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        return docker.execute(self.client, self.id, argv)

    def take(self, path: str, into: Path) -> None:
        docker.take_out(self.client, self.id, path, into)

    def put(self, file: Path, path: str) -> None:
        place = PurePosixPath(path)
        entry = tarfile.TarInfo(place.name)
        entry.size, entry.mode = file.stat().st_size, 0o600
        with file.open("rb") as content:
            docker.put_in(self.client, self.id, str(place.parent), archived(entry, content))


def archived(entry: tarfile.TarInfo, content: IO[bytes]) -> Iterator[bytes]:
    """One file as a tar archive, made while it is read, however large it is."""
    yield entry.tobuf()
    while piece := content.read(PIECE):
        yield piece
    yield bytes(-entry.size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)


def matching(client: DockerClient, pattern: str) -> Container:
    """The container on this engine's server whose name a pattern matches; the newest of several.

    Raises:
        MachineError: none runs there.
    """
    with docker.translated("the containers of this server cannot be listed"):
        found = client.api.containers(filters={"status": "running"})
    names = [(str(name).lstrip("/"), one) for one in found for name in one.get("Names") or ()]
    mine = [one for name, one in names if re.search(pattern, name)]
    if not mine:
        raise MachineError(
            f"no container that matches `{pattern}` runs on this server",
            cause="its service was moved or stopped meanwhile",
            todo="`quorate status` says where it runs; run the backup again",
        )
    return Container(client=client, id=str(max(mine, key=lambda one: one.get("Created", 0))["Id"]))


def hooks(inside: Inside, commands: Sequence[str], *, when: str) -> None:
    """Run commands by the container's own shell, one by one; the first that fails ends it.

    `when` is `before` or `after`, for the error.

    Raises:
        CommandError: one failed; its last words are the cause.
    """
    for line in commands:
        code, said = inside.run(["sh", "-c", line])
        if code != 0:
            raise CommandError(
                f"the hook `{line}` {when} the backup ended with exit code {code}",
                cause=command.last_lines(said) or None,
                todo="run it by hand in the container; hooks are `hooks:` of the source in the "
                "fleet file",
            )
