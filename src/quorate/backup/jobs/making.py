"""Repositories are made once: a note in the swarm says which were.

A repository that was made and is gone is an error, not a reason to make another one: its disk may
not be mounted. The note is about a name and a place; another place is another repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from quorate.backup.jobs.door import CONFLICT, NOT_FOUND, Door
from quorate.backup.jobs.spec import LABEL_FLEET
from quorate.fleet.backup import Repository
from quorate.tools import docker

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient

PREFIX = "quorate-repository-"
LABEL_NAME = "quorate.repository"


def unmade(
    door: Door, repositories: Sequence[Repository], names: Collection[str]
) -> list[Repository]:
    """Those of the named repositories that no note says were made."""
    noted = _notes(door)
    return [one for one in repositories if one.name in names and note_name(one) not in noted]


def note(door: Door, repository: Repository, *, fleet: str) -> None:
    """Note that a repository was made; it may be noted already."""
    labels = {LABEL_FLEET: fleet, LABEL_NAME: repository.name}
    data = f"{repository.name} at {repository.address}\n".encode()

    def call(client: DockerClient) -> None:
        try:
            client.api.create_config(note_name(repository), data, labels=labels)
        except docker.engine_errors() as error:
            if docker.status_of(error) != CONFLICT:
                raise

    door.ask(f"it cannot be noted that the repository {repository.name} was made", call)


def forget_note(door: Door, repository: Repository) -> None:
    """Forget that a repository was made, as its disk is lost; it may be forgotten already."""

    def call(client: DockerClient) -> None:
        try:
            client.api.remove_config(note_name(repository))
        except docker.engine_errors() as error:
            if docker.status_of(error) != NOT_FOUND:
                raise

    door.ask(f"the note of the repository {repository.name} cannot be removed", call)


def note_name(repository: Repository) -> str:
    """The note's name: of the repository's name and place."""
    where = "\0".join((repository.name, repository.server or "", repository.address))
    return PREFIX + hashlib.sha256(where.encode()).hexdigest()[:16]


def _notes(door: Door) -> frozenset[str]:
    filters = {"label": LABEL_NAME}
    listed = door.ask(
        "the swarm's configs cannot be listed",
        lambda client: client.api.configs(filters=filters) or (),
    )
    return frozenset(str(raw["Spec"]["Name"]) for raw in listed)
