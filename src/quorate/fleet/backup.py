"""What is backed up, when, where to and for how long: the fleet file's `backup`, resolved.

The defaults are the source document's ("Backup Retention Policy" and the stack files before it).
Sizes in bytes, spans in seconds, times on the wall of `Backup.timezone`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from quorate.fleet.base import Location, Model, SecretSource
from quorate.fleet.schedules import Schedule, When

KINDS = (
    *("postgres", "mariadb", "redis", "gitlab", "volume"),
    *("configs", "swarm", "system", "images"),
)
"""What can be backed up; the words are those of `quorate.backup.model.Kind`."""

Quiesce = Literal["none", "stop", "pause", "freeze"]
Place = Literal["local", "sftp", "s3", "rest"]
Event = Literal["failure", "recovery", "digest"]
EVENTS: tuple[Event, ...] = ("failure", "recovery", "digest")


class Keep(Model):
    """How many copies stay: the newest of so many hours, days, weeks, months and years."""

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @property
    def nothing(self) -> bool:
        return not any(count for _, count in self.items())

    @property
    def words(self) -> str:
        """`7 daily, 4 weekly`."""
        return ", ".join(f"{count} {name}" for name, count in self.items() if count) or "nothing"

    def items(self) -> tuple[tuple[str, int], ...]:
        """Each span with its number, the shortest first."""
        names = ("hourly", "daily", "weekly", "monthly", "yearly")
        return tuple((name, getattr(self, name)) for name in names)


class Hooks(Model):
    """Commands in a container of the source's service; `after` also when the backup failed."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Wal(Model):
    """A Postgres' write-ahead log, streamed to another server as it is written.

    `on`: whether it is. `server`: where the receiver runs and all of it lies, in `path`; None: one
    is chosen (`quorate.backup.policy.wal`). `schedule`: when a base backup is made. `keep`:
    seconds; any moment of so long ago until now can be restored. `slot_room`: bytes the primary
    may hold back for a receiver that does not come; None: a share of its disk.
    """

    on: bool = False
    server: str | None = None
    path: str = "/var/lib/quorate/wal"
    schedule: Schedule = Schedule(every="weekly", day="sunday", at="01:30")
    keep: float = 14 * 86400.0
    slot_room: int | None = None


class SourcePolicy(Model):
    """How one source is backed up.

    `to`: the repositories it may go to; it goes to the first that is on another server. `sqlite`:
    SQLite files in a volume, copied through SQLite. `quiesce`: what keeps a volume still while
    it is read. `deadline`: seconds after which a run counts as dead. `restore_within`: seconds a
    restore may take; `lose_at_most`: seconds of work that may be lost by one (None: nobody says).
    `wal`: what is done with the write-ahead log, of Postgres.
    """

    schedule: Schedule
    keep: Keep
    to: tuple[str, ...] = ()
    hooks: Hooks = Hooks()
    sqlite: tuple[str, ...] = ()
    quiesce: Quiesce = "none"
    deadline: float = 6 * 3600.0
    restore_within: float = 1800.0
    lose_at_most: float | None = None
    wal: Wal = Wal()


class Override(Model):
    """What is said of one source, or of all of a kind; None: what holds above stays."""

    when: When = When()
    keep: Keep | None = None
    to: tuple[str, ...] | None = None
    hooks: Hooks | None = None
    sqlite: tuple[str, ...] | None = None
    quiesce: Quiesce | None = None
    deadline: float | None = None
    restore_within: float | None = None
    lose_at_most: float | None = None
    wal: Wal | None = None
    location: Location = Location(file="")

    def over(self, policy: SourcePolicy) -> SourcePolicy:
        """The policy with what is said here.

        Raises:
            ValueError: the time said here does not fit how often it comes round.
        """
        said = {
            name: value
            for name in SourcePolicy.model_fields
            if name != "schedule" and (value := getattr(self, name)) is not None
        }
        if self.when.said:
            said["schedule"] = policy.schedule.changed(self.when)
        return policy.model_copy(update=said)


class Repository(Model):
    """Where copies lie.

    `server` is the fleet's, where it lies on one (`local`, or an address of one); `address` is
    what restic is given without its prefix: a path, `HOST:PATH`, `ENDPOINT/BUCKET/PREFIX`, a URL.
    `medium` and `zone` say what fails together. `room`: bytes it may take; None: as its disk
    has. `credentials` by name: `identity` and `known_hosts` of sftp, `access_key` and
    `secret_key` of s3, `password` of rest, `ca` of both.
    """

    name: str
    place: Place
    server: str | None = None
    address: str = ""
    host: str = ""
    port: int | None = None
    user: str | None = None
    path: str = ""
    region: str | None = None
    medium: str | None = None
    zone: str | None = None
    offsite: bool = False
    append_only: bool = False
    room: int | None = None
    password: SecretSource
    credentials: dict[str, SecretSource] = Field(default_factory=dict)
    location: Location = Location(file="")


class Copying(Model):
    """Copies off-site: of everything, to each of these repositories."""

    to: tuple[str, ...] = ()
    schedule: Schedule = Schedule(at="04:00")


class Proving(Model):
    """Restores that prove copies. `servers`: where; empty: any but the source's."""

    schedule: Schedule = Schedule(at="06:00")
    servers: tuple[str, ...] = ()


class Rehearsing(Model):
    """Recoveries that are rehearsed: restored beside what is in place, compared, timed.

    `sources`: which, by their ids or services; empty: every database, GitLab and volume.
    `servers`: where; empty: any but the source's.
    """

    on: bool = False
    schedule: Schedule = Schedule(every="weekly", day="sunday", at="10:00")
    sources: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


class Notify(Model):
    """Who is told of backups: `to` are URLs as Apprise takes them, by a name to speak of them.

    `digest`: when all is summed up. The URLs are secret: they hold passwords and tokens.
    """

    to: dict[str, SecretSource] = Field(default_factory=dict)
    events: tuple[Event, ...] = EVENTS
    digest: Schedule = Schedule(every="weekly", day="monday", at="08:00")


class Controller(Model):
    """`quorate serve` as a service on the managers, which `quorate up` deploys.

    `on`: whether it does. `networks`: networks of the swarm that it joins, where Prometheus is.
    """

    on: bool = True
    networks: tuple[str, ...] = ()


SPOOL_VOLUME = "quorate-spool"


class Spool(Model):
    """Where dumps lie on a server until they are in the repository; `room` in bytes.

    `path`: a directory; None: a volume of the engine, `SPOOL_VOLUME`.
    """

    path: Path | None = None
    room: int | None = None


class Bundle(Model):
    """Who can open the recovery bundle: who holds one of these keys, or knows the passphrase.

    `recipients` are public keys of age (`age1…`) or ssh; with them there is no passphrase.
    """

    recipients: tuple[str, ...] = ()
    passphrase: SecretSource | None = None
    location: Location = Location(file="")


def _kind(schedule: Schedule, **keep: int) -> SourcePolicy:
    return SourcePolicy(schedule=schedule, keep=Keep(**keep))


_MIDNIGHT = Schedule(at="00:00")
DEFAULTS: dict[str, SourcePolicy] = {
    "postgres": _kind(_MIDNIGHT, daily=7, weekly=4, monthly=6),
    "mariadb": _kind(_MIDNIGHT, daily=7, weekly=4, monthly=6),
    "redis": _kind(Schedule(every="hourly"), hourly=24),
    "gitlab": _kind(Schedule(at="02:00"), daily=7, weekly=4),
    "volume": _kind(Schedule(every="weekly", day="sunday", at="03:00"), weekly=4),
    "configs": _kind(Schedule(at="01:00"), daily=30),
    "swarm": _kind(Schedule(at="01:00"), daily=30),
    "system": _kind(Schedule(every="monthly", day="1", at="05:00"), monthly=12),
    "images": _kind(Schedule(every="weekly", day="sunday", at="02:30"), weekly=4),
}
"""By kind. The document has no times for configs and the full system: 01:00 and 05:00 are ours,
between its own. Swarm's state goes with the configs, images are as seldom new as volumes."""


class Backup(Model):
    """The whole policy. `kinds` and `sources` are what the fleet file says beyond the defaults.

    `sources` and `exclude` name sources by their ids (`quorate.fleet.datasets`). `images`: those
    that are backed up whatever registries have (`quorate.fleet.images`). `image`: what jobs
    run; None: Quorate's own, by its version. `heartbeat`: a URL that is asked after each round in
    which all went well; who watches it notices silence. `pushgateway`: the URL of a Prometheus
    Pushgateway that each job tells how it ended.
    """

    image: str | None = None
    timezone: str = "UTC"
    repositories: tuple[Repository, ...] = ()
    to: tuple[str, ...] = ()
    copying: Copying = Copying()
    proving: Proving = Proving()
    rehearsing: Rehearsing = Rehearsing()
    kinds: dict[str, Override] = Field(default_factory=dict)
    sources: dict[str, Override] = Field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    spool: Spool = Spool()
    bundle: Bundle | None = None
    notify: Notify = Notify()
    heartbeat: SecretSource | None = None
    pushgateway: str | None = None
    controller: Controller = Controller()

    def repository(self, name: str) -> Repository:
        """The repository of that name; KeyError when there is none."""
        for repository in self.repositories:
            if repository.name == name:
                return repository
        raise KeyError(name)

    def of_kind(self, kind: str) -> SourcePolicy:
        """How sources of a kind are backed up, unless more is said of one."""
        said = self.kinds.get(kind, Override())
        return said.over(DEFAULTS[kind].model_copy(update={"to": self.to}))

    def candidates(self, policy: SourcePolicy) -> tuple[Repository, ...]:
        """The repositories a source may go to, the preferred first.

        Those it names; else those on servers, then the others that are not off-site, then those.
        """
        if policy.to:
            return tuple(one for name in policy.to for one in self.repositories if one.name == name)
        return tuple(sorted(self.repositories, key=lambda one: (one.offsite, one.server is None)))

    @property
    def copies(self) -> tuple[Repository, ...]:
        """The repositories that get a copy of everything."""
        if self.copying.to:
            return tuple(one for one in self.repositories if one.name in self.copying.to)
        return tuple(one for one in self.repositories if one.offsite)


def chosen(
    candidates: tuple[Repository, ...], servers: tuple[str, ...] | frozenset[str]
) -> Repository | None:
    """The first repository that lies on none of the servers of the data; None: there is none."""
    return next((one for one in candidates if one.server not in servers), None)
