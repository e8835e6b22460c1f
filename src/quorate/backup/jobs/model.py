"""What a backup job is told, and what it answers. Pure; everything here is JSON on the way.

A job is told in the environment variable `QUORATE_JOB` of its service, and answers on its
standard output, one JSON object a line: `Progress`, then one `Answer` as the last. Nothing in
either is secret: passwords are files (Docker secrets) that are named here (docs/adr/0025).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from quorate.backup.model import Kind
from quorate.fleet.backup import Keep, Place
from quorate.fleet.base import Model

VARIABLE = "QUORATE_JOB"
SECRETS = "/run/secrets"
SPOOL = "/spool"
"""Where dumps lie inside a job: a directory of the server, private to root."""
DATA = "/data"
"""Volumes of the source are mounted below, one directory each, by their place in `Job.volumes`."""
STORE = "/store"
"""The directory of a repository, in a job that runs on the repository's own server."""
ENGINE = "/var/run/docker.sock"
"""The server's engine, in jobs that must reach into a container (GitLab, hooks)."""


class Work(StrEnum):
    """What a job does.

    `backup`: dump or read a source, store it, verify it. `copy`: bring all complete copies of
    `Job.sources` (all when empty) from `source repository` to another one. `prove`: restore a
    copy and compare. `restore`: restore a copy somewhere else, or over its source. `forget`:
    apply retention; `prune`: give back the room. `catalogue`: list the copies. `check`: look
    for stale locks and damage.
    """

    BACKUP = "backup"
    COPY = "copy"
    PROVE = "prove"
    RESTORE = "restore"
    FORGET = "forget"
    PRUNE = "prune"
    CATALOGUE = "catalogue"
    CHECK = "check"


class At(Model):
    """A repository as a job reaches it; files are paths inside the job.

    `location` as `quorate.backup.place.Place` has it, and `credentials` by its names; beside those
    `identity` and `known_hosts` of sftp. `region`, `offsite` and `server` as in the fleet.
    """

    name: str
    place: Place
    location: str
    port: int | None = None
    password_file: str
    credentials: dict[str, str] = Field(default_factory=dict)
    append_only: bool = False
    offsite: bool = False
    server: str | None = None
    region: str | None = None


class Reach(Model):
    """A database server as a job reaches it: by name in a network they share.

    `password_file` inside the job; None: it asks for none.
    """

    host: str
    port: int
    user: str = ""
    password_file: str | None = None
    database: str = ""


class Mounted(Model):
    """A volume of the source inside the job. `name` is the engine's, or a path on the server."""

    name: str
    path: str


class Job(Model):
    """All that a job is told.

    `run` is the key of the run: the same one again does nothing twice. `server` is where the job
    runs, by the fleet's name. `snapshot` is the copy to prove or restore, by its id in
    `repository`. `origin` is where copies come from (`copy`). `container` is a pattern for the
    name of the source's container on this server, where commands must run in it. `deadline`:
    seconds after which the job ends itself. `keeps` by source, for `forget`. `target` is where
    a restore goes (`Reach` for databases, `target_path` for files). `moment`: the point in time.
    """

    work: Work
    run: str
    fleet: str
    server: str
    source: str = ""
    kind: Kind | None = None
    sources: tuple[str, ...] = ()
    reach: Reach | None = None
    volumes: tuple[Mounted, ...] = ()
    sqlite: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    container: str = ""
    repository: At
    origin: At | None = None
    snapshot: str = ""
    target: Reach | None = None
    target_path: str = ""
    in_place: bool = False
    moment: datetime | None = None
    keeps: dict[str, Keep] = Field(default_factory=dict)
    timezone: str = "UTC"
    deadline: float = 6 * 3600.0


class Progress(Model):
    """How far a job is. `done` of `total` bytes (0: not known), in a step named in words."""

    event: Literal["progress"] = "progress"
    step: str
    done: int = 0
    total: int = 0
    rate: float = 0.0


class Trouble(Model):
    """Why a job failed, in the words of `quorate.errors.QuorateError`, secrets redacted."""

    what: str
    cause: str = ""
    todo: str = ""
    reason: str = ""
    code: int = 1


class Copied(Model):
    """A copy as a job reports it: `backup.model.Snapshot` and its proof, in plain values."""

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
    proven_at: datetime | None = None
    proven: bool | None = None
    proof_seconds: float = 0.0
    proof_server: str = ""
    differences: tuple[str, ...] = ()


class Answer(Model):
    """The last thing a job says. `trouble` is None when it did what it was told.

    `seconds` it took, `peak` bytes of memory at most (its programs included). `findings` are
    what people should know although it went well.
    """

    event: Literal["answer"] = "answer"
    work: Work
    run: str
    source: str = ""
    copies: tuple[Copied, ...] = ()
    seconds: float = 0.0
    peak: int = 0
    size: int = 0
    added: int = 0
    findings: tuple[str, ...] = ()
    trouble: Trouble | None = None
