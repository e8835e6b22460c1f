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
HOST = "/host"
"""The server's whole file system, in restores into a directory of it."""
STALE = "stale lock: "
"""What the finding of a check that only looks begins with."""


class Work(StrEnum):
    """What a job does.

    `backup`: dump or read a source, store it, verify it. `copy`: bring all complete copies of
    `Job.sources` (all when empty) from `source repository` to another one. `prove`: restore a
    copy and compare. `rehearse`: the same, of the copy that a recovery would take. `restore`:
    restore a copy somewhere else, or over its source. `forget`: apply retention; `prune`: give
    back the room. `catalogue`: list the copies. `check`: look for stale locks and damage.
    `create`: make the repository, with the chunks of `origin` where that is given; one that is
    there stays. `prepare`: make a Postgres ready for its write-ahead log to be received, or undo
    that. `back`: put back what a restore in place has kept aside.
    """

    BACKUP = "backup"
    COPY = "copy"
    PROVE = "prove"
    REHEARSE = "rehearse"
    RESTORE = "restore"
    FORGET = "forget"
    PRUNE = "prune"
    CATALOGUE = "catalogue"
    CHECK = "check"
    CREATE = "create"
    PREPARE = "prepare"
    BACK = "back"


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


NOWHERE = At(name="", place="local", location="", password_file="")
"""The repository of a job that has none: `prepare`, `back`."""

NOTHING_KEPT = "nothing is kept of it: nothing was changed there"
"""What `back` finds where the restore had not begun yet, or somebody has removed it."""


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


class Primary(Model):
    """What a Postgres needs so that its log can be received (`quorate.backup.policy.primary`).

    `room`: bytes a slot may hold back. `password_file`: of `role`, inside the job. `undo`: it is
    put back as it was.
    """

    slot: str
    role: str
    room: int
    password_file: str
    undo: bool = False


class Job(Model):
    """All that a job is told.

    `run` is the key of the run: the same one again does nothing twice. `server` is where the job
    runs, by the fleet's name. `snapshot` is the copy to prove or restore, by its id in
    `repository` (or its beginning); empty: the newest. `origin` is where copies come from
    (`copy`). `container` is a pattern for the name of the source's container on this server,
    where commands must run in it. `still`: nothing writes to the volumes meanwhile, as their
    services were stopped. `images`: references to back up → whether also those that a registry has.
    `given`: a directory or archive of the fleet's own files (configs), the
    server's file system (system), the engine's socket (swarm), or the write-ahead log that a
    Postgres is restored from, inside the job; empty: where those are mounted. `deadline`: seconds
    after which the job ends itself. `keeps` by source, for `forget`. `target` is where a restore
    goes (`Reach` for databases,
    `target_path` for files, below `HOST` on the server itself). `only`: the one database of a
    copy to restore, under the name in `target`. `moment`: the point in time. `aside`: by what the
    data is known that a restore in place keeps; the same one again finds what it has kept. `held`:
    ids of copies that `forget` leaves for now, with the reason. `newest`: seconds that the newest
    copy may be old when one is proven.
    `read`: how much of the data a `check` reads, as `10%` or `2/7`; empty: only what describes it.
    `look_only`: a `check` tells of stale locks and leaves them. `push`: the URL of a Pushgateway
    that is told how it ended.
    """

    work: Work
    run: str
    fleet: str
    server: str
    source: str = ""
    kind: Kind | None = None
    sources: tuple[str, ...] = ()
    reach: Reach | None = None
    primary: Primary | None = None
    volumes: tuple[Mounted, ...] = ()
    sqlite: tuple[str, ...] = ()
    still: bool = False
    given: str = ""
    images: dict[str, bool] = Field(default_factory=dict)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    container: str = ""
    repository: At
    origin: At | None = None
    snapshot: str = ""
    target: Reach | None = None
    target_path: str = ""
    only: str = ""
    in_place: bool = False
    moment: datetime | None = None
    aside: str = ""
    keeps: dict[str, Keep] = Field(default_factory=dict)
    held: dict[str, str] = Field(default_factory=dict)
    newest: float | None = None
    read: str = ""
    look_only: bool = False
    push: str = ""
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
    """Why a job failed, in the words of `quorate.errors.QuorateError`, secrets redacted.

    `reason` is one of `quorate.tools.restic_errors.Reason`, or `deadline`, `ended` (it was told
    to), `locked-source` (another run is at it), `different` (a copy is not what it was made of),
    `defect`; empty: none of these.
    """

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


class Holds(Model):
    """What a repository takes, and the room where it lies, in bytes; None: not known.

    `stored`: all of it. `free` and `disk`: of the file system it is on.
    """

    stored: int | None = None
    free: int | None = None
    disk: int | None = None


class Answer(Model):
    """The last thing a job says. `trouble` is None when it did what it was told.

    `seconds` it took, `peak` bytes of memory at most (its programs included). `findings` are
    what people should know although it went well. `forgotten` are ids, `freed` bytes. `holds`: the
    repository, measured (`catalogue`, `check`). A job that failed has the copies that it came to
    before.
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
    forgotten: tuple[str, ...] = ()
    freed: int = 0
    holds: Holds | None = None
    trouble: Trouble | None = None
