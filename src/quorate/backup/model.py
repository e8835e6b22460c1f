"""The things backups are about. Pure values; times are UTC, sizes bytes, spans seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a source is, which decides how it is backed up and how a copy is proven."""

    POSTGRES = "postgres"
    MARIADB = "mariadb"
    REDIS = "redis"
    GITLAB = "gitlab"
    VOLUME = "volume"
    CONFIGS = "configs"
    SWARM = "swarm"
    SYSTEM = "system"
    IMAGES = "images"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Something to back up.

    `id` is how people name it: the service's id for databases and GitLab,
    `volume/NAME` for volumes, `configs`, `swarm`, `system/SERVER`, `images/SERVER`.
    `servers` are those the data may lie on by the plan; where it lies now is looked up
    when the backup runs. `group` names sources that are backed up together.
    """

    id: str
    kind: Kind
    service: str | None = None
    servers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a source said of itself in the very state that was copied.

    `version` is the server's. `parts` maps each part (`database.schema.table`,
    a Redis database, a path) to its count and digest, as `COUNT:DIGEST`.
    `findings` are what a copy does not keep exactly, in words. `put` says of files
    that lie elsewhere in the copy where they belong: path they belong at → path they
    lie at. `live`: files were read while they were in use, so that those which have
    changed since are not compared.
    """

    kind: Kind
    version: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    put: dict[str, str] = field(default_factory=dict)
    live: bool = False


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A restore of one copy, compared with what the source said of itself.

    `seconds` is how long the restore took: the recovery time as measured.
    `differences` says what was not the same, in words; empty when `ok`.
    """

    snapshot: str
    repository: str
    at: datetime
    ok: bool
    seconds: float = 0.0
    server: str = ""
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One copy of a source in one repository.

    `taken` is when the source was in that state, by the clock of its server;
    `received` when the repository's side had all of it. `original` is the id
    it was copied from, off-site. `run` is the key of the run that made it.
    Only `complete` ones count; `size` is what was backed up, `added` what it
    cost the repository.
    """

    id: str
    source: str
    kind: Kind
    repository: str
    taken: datetime
    received: datetime
    complete: bool
    server: str = ""
    size: int = 0
    added: int = 0
    run: str = ""
    original: str | None = None
    proof: Proof | None = None

    @property
    def proven(self) -> bool:
        return self.complete and self.proof is not None and self.proof.ok
