"""The things a Bacula configuration is made of. Pure values: sizes in bytes, spans in days.

"The document" is the office's own architecture document, "Solution 2: Bacula
Integration" of its third question: the defaults here are its figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import Field

from quorate.fleet.model import Model

GIB = 2**30


class Part(StrEnum):
    """What a job saves; one job per part and server."""

    DATABASES = "databases"
    GITLAB = "gitlab"
    VOLUMES = "volumes"
    CONFIGS = "configs"
    SYSTEM = "system"


class Catalogue(StrEnum):
    """The database of the Director's catalogue, as Debian packages it."""

    POSTGRESQL = "postgresql"
    SQLITE3 = "sqlite3"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """When jobs run, in Bacula's words and the Director's time zone (the document's DailyCycle).

    `after` is when the catalogue is saved. `full_days` is the least number of days
    between two full backups, `longest_days` the most: first Sundays are 28 or 35 days apart.
    """

    full: str = "1st sun"
    differential: str = "2nd-5th sun"
    incremental: str = "mon-sat"
    at: str = "23:05"
    after: str = "23:10"
    full_days: int = 28
    longest_days: int = 35
    differential_days: int = 7


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long each level is wanted, in days.

    `full`: the document's Volume Retention of a year. `incremental` and `differential`: its
    table has 30 days for configurations and 4 weeks for the rest; a day can only be restored
    with what came before it in its week, hence a week more. `system`: 12 months.
    """

    full: int = 365
    differential: int = 4 * 7 + 7
    incremental: int = 30 + 7
    system: int = 365


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where things are on the servers: Debian's places and Bacula's ports.

    `listen`: the address that daemons bind; None: every address, but the Director, which only
    consoles talk to, binds the loopback.
    """

    etc: str = "/etc/bacula"
    working: str = "/var/lib/bacula"
    run: str = "/run/bacula"
    log: str = "/var/log/bacula/bacula.log"
    scripts: str = "/etc/bacula/scripts"
    plugins: str = "/usr/lib/bacula"
    mailer: str = "/usr/sbin/bsmtp"
    restores: str = "/var/tmp/bacula-restores"
    director_port: int = 9101
    client_port: int = 9102
    storage_port: int = 9103
    listen: str | None = None

    def password(self, name: str) -> str:
        """The file with the password of that name, in quotes, as `@` includes it."""
        return f"{self.etc}/passwords/{name}"


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Server names: who directs, who stores, and the directory of the volumes there.

    `room` is what may be used for them, `disk` the size of the disk below (0: unknown).
    """

    director: str
    storage: str
    archive: str
    room: int
    disk: int = 0
    mount: str = "/"


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """What one job saves of one server.

    `size` is what a full backup reads, `daily` what changes in a day. `fresh` are
    directories in which something must be younger than a day.
    """

    part: Part
    server: str
    files: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    size: int = 0
    daily: int = 0

    @property
    def name(self) -> str:
        return f"{self.part.value.capitalize()}-{self.server}"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool of volumes: at most `count` of `size` bytes, kept `retention` days.

    `use_days`: a volume takes new jobs for so long. `need` is what the jobs are reckoned to take.
    """

    name: str
    retention: int
    size: int
    count: int
    use_days: int
    need: int

    @property
    def most(self) -> int:
        return self.size * self.count


class Finding(Model):
    """Something to know before the first backup. `level` is `note` or `warning`."""

    code: str
    level: str = "warning"
    what: str
    todo: str = ""


@dataclass(frozen=True, kw_only=True)
class Bacula:
    """Everything rendered: server → file name → text; the rest says what that came from."""

    fleet: str
    roles: Roles
    filesets: tuple[FileSet, ...]
    pools: tuple[Pool, ...]
    findings: tuple[Finding, ...]
    servers: dict[str, dict[str, str]]
    common: dict[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()


class JobReport(Model):
    """One job. Sizes in bytes, as reckoned from the fleet file."""

    name: str
    part: Part
    server: str
    files: tuple[str, ...]
    exclude: tuple[str, ...]
    size: int
    daily: int


class PoolReport(Model):
    """One pool: its volumes, how long they are kept, and what they are reckoned to take."""

    retention_days: int
    volume_bytes: int
    volumes: int
    need: int


class BaculaReport(Model):
    """What `quorate render --bacula --json` prints: files written, and what they say."""

    fleet: str
    directory: str
    director: str
    storage: str
    archive: str
    room: int = Field(description="Bytes that the volumes may take.")
    files: tuple[str, ...] = Field(description="Below the directory; a server's in its own.")
    jobs: tuple[JobReport, ...]
    pools: dict[str, PoolReport]
    findings: tuple[Finding, ...]
    steps: tuple[str, ...] = Field(description="What to type, in this order.")
