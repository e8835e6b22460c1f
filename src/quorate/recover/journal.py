"""Where journals are kept: in the swarm itself, or in a directory where there may be no swarm.

In the swarm each state of a journal is a config of its own (`quorate-operation-ID.N`), the
newest counts, older ones go: creating a config is decided by raft, so a journal is never half
written, and any machine that reaches a manager can go on with the operation.
"""

from __future__ import annotations

import base64
import os
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from quorate.errors import EngineError, LockedError, MachineError, QuorateError
from quorate.recover.model import Journal, State
from quorate.tools import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from quorate.tools.docker import DockerClient

PREFIX = "quorate-operation-"
OPERATION = "quorate.operation"
TURN = "quorate.operation.turn"
WRITER = "quorate.operation.writer"
FLEET = "quorate.operation.fleet"
KEPT = 20
"""Journals of operations that are over; beside those that may still be gone on with or back."""
UNTIL_SEALED = frozenset(("adopt", "move"))
"""Kinds that are done and wait to be finished or undone: weeks later, maybe, by their journals."""
CONFLICT = 409


class Store(Protocol):
    """Where the journals of one fleet are."""

    def save(self, journal: Journal) -> None:
        """Keep this state of a journal; it is there, whole, when this returns."""

    def all(self) -> tuple[Journal, ...]:
        """Every journal there is, oldest first."""


class SwarmStore:
    """Journals as configs of the swarm. `client` gives a manager that answers now.

    It writes only on top of what it has read or written itself: who slept until somebody else had
    gone on with the operation has an old state, which must not become the newest.
    """

    def __init__(self, client: Callable[[], DockerClient], fleet: str) -> None:
        self._client = client
        self._fleet = fleet
        self._writer = uuid.uuid4().hex
        self._known: dict[str, int] = {}

    def save(self, journal: Journal) -> None:
        """Keep this state of a journal; then drop older states, and the oldest journals.

        Raises:
            LockedError: somebody else has gone on with it; nothing was written.
            EngineError: the swarm does not answer.
        """
        client = self._client()
        own = [raw for raw in self._listed(client) if _label(raw, OPERATION) == journal.id]
        known = self._known.get(journal.id, 0)
        newest = max((_turn(raw) for raw in own), default=0)
        # A state of its own may be there though the engine's answer was lost on the way.
        if newest < known or any(_turn(raw) > known and not self._wrote(raw) for raw in own):
            raise _gone_on(journal)
        self._create(client, journal, newest + 1)
        self._known[journal.id] = newest + 1
        with docker.translated(f"older states of the journal of {journal.id} could not be removed"):
            for raw in own:
                client.api.remove_config(raw["ID"])
        self._drop_old(client)

    def all(self) -> tuple[Journal, ...]:
        """Every journal there is, oldest first.

        Raises:
            EngineError: the swarm does not answer.
            QuorateError: one was written by a version of Quorate that this one cannot read.
        """
        newest = self._newest()
        self._known |= {identity: _turn(raw) for identity, raw in newest.items()}
        return _journals(newest)

    def _create(self, client: DockerClient, journal: Journal, turn: int) -> None:
        data = zlib.compress(journal.model_dump_json().encode(), level=9)
        labels = {
            OPERATION: journal.id,
            TURN: str(turn),
            FLEET: self._fleet,
            WRITER: self._writer,
        }
        try:
            client.api.create_config(f"{PREFIX}{journal.id}.{turn}", data, labels=labels)
        except docker.engine_errors() as error:
            if docker.status_of(error) == CONFLICT:
                raise _gone_on(journal) from error
            raise EngineError(
                f"the journal of {journal.id} could not be kept in the swarm",
                cause=docker.words(error),
            ) from error

    def _wrote(self, raw: Mapping[str, Any]) -> bool:
        return _label(raw, WRITER) == self._writer

    def _newest(self) -> dict[str, Mapping[str, Any]]:
        """The newest state of each journal, by its id."""
        newest: dict[str, Mapping[str, Any]] = {}
        for raw in sorted(self._listed(self._client()), key=_turn):
            newest[_label(raw, OPERATION)] = raw
        return newest

    def _listed(self, client: DockerClient) -> list[Mapping[str, Any]]:
        with docker.translated("the journals of operations cannot be listed"):
            raws = client.api.configs(filters={"label": OPERATION}) or ()
        return [raw for raw in raws if _label(raw, FLEET) == self._fleet]

    def _drop_old(self, client: DockerClient) -> None:
        """Keep the newest, and each that its owner may still need."""
        # What is read here is no ground to write on: somebody else may have written it just now.
        closed = [one.id for one in _journals(self._newest()) if not _needed(one)][:-KEPT]
        for raw in self._listed(client):
            if _label(raw, OPERATION) in closed:
                with docker.translated("an old journal could not be removed"):
                    client.api.remove_config(raw["ID"])


class FileStore:
    """Journals as files of a directory, for operations that outlive their swarm."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save(self, journal: Journal) -> None:
        """Keep this state of a journal, on the disk, in one move.

        Raises:
            MachineError: the directory cannot be written.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            draft = self._directory / f".{journal.id}"
            with draft.open("wb") as file:
                file.write(zlib.compress(journal.model_dump_json().encode()))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / f"{journal.id}.journal")
        except OSError as error:
            raise MachineError(
                f"{self._directory}: the journal cannot be written ({error.strerror})",
                todo="make room there, or set XDG_STATE_HOME to a directory that is yours",
            ) from error

    def all(self) -> tuple[Journal, ...]:
        """Every journal there is, oldest first.

        Raises:
            QuorateError: one was written by a version of Quorate that this one cannot read.
        """
        files = sorted(self._directory.glob("*.journal"))
        found = (_read(file.read_bytes(), file.stem, f"`rm {file}`") for file in files)
        return tuple(sorted(found, key=lambda one: one.started))


def _journals(newest: Mapping[str, Mapping[str, Any]]) -> tuple[Journal, ...]:
    found = (
        _read(
            base64.b64decode(raw["Spec"]["Data"]),
            identity,
            f"on a manager `docker config rm {raw['Spec']['Name']}`",
        )
        for identity, raw in newest.items()
    )
    return tuple(sorted(found, key=lambda one: one.started))


def _gone_on(journal: Journal) -> LockedError:
    return LockedError(
        f"somebody else has gone on with operation {journal.id} meanwhile",
        cause="its journal in the swarm is newer than what is known here",
        todo=f"see how it stands with it: `quorate operations show {journal.id}`",
    )


def _needed(journal: Journal) -> bool:
    """Whether it has to be there, however old: it is open, or can still be finished or undone."""
    if journal.open:
        return True
    waits = journal.operation.kind in UNTIL_SEALED and journal.state is not State.UNDONE
    return waits and journal.sealed() is None


def _read(data: bytes, identity: str, dropped: str) -> Journal:
    try:
        return Journal.model_validate_json(zlib.decompress(data))
    except (zlib.error, ValidationError) as error:
        raise QuorateError(
            f"the journal of operation {identity} cannot be read",
            cause="it is damaged, or another version of Quorate wrote it",
            todo="use the version of Quorate that began the operation; where it is damaged, see "
            f"that nothing is left half done (`quorate status --deep`), then drop it: {dropped}",
        ) from error


def _label(raw: Mapping[str, Any], name: str) -> str:
    return str(((raw.get("Spec") or {}).get("Labels") or {}).get(name, ""))


def _turn(raw: Mapping[str, Any]) -> int:
    text = _label(raw, TURN)
    return int(text) if text.isdigit() else 0
