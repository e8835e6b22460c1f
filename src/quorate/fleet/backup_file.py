"""`backup:` of the fleet file as people write it, validated strictly."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from quorate.fleet.backup import (
    DEFAULTS,
    EVENTS,
    Backup,
    Copying,
    Event,
    Notify,
    Proving,
    Quiesce,
    Rehearsing,
    Wal,
)
from quorate.fleet.entries import Duration, Size, SourceEntry, Strict, Text, Words, http_url
from quorate.fleet.schedules import Schedule, When


def _absolute(value: Any) -> Any:
    if isinstance(value, str) and not value.startswith("/"):
        raise ValueError(f"`{value}` is no absolute path; write /mnt/data/backups")
    return value


def _plain_path(value: Any) -> Any:
    if isinstance(value, str) and (value.startswith("/") or ".." in PurePosixPath(value).parts):
        raise ValueError(f"`{value}` leaves the volume; write a path within it")
    return value


RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]{40,}(?: .*)?")
"""age(1), "Recipients and Identities"; its own keys are in Bech32 (BIP 173)."""

AbsolutePath = Annotated[str, BeforeValidator(_absolute)]
InnerPath = Annotated[str, BeforeValidator(_plain_path)]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:\-\[\]]+$")]


class WhenEntry(Strict):
    """When it comes round, in the time zone of `backup.timezone`."""

    base: ClassVar[Schedule | None] = None  # what it changes, where that is one schedule

    every: Text | None = Field(
        None,
        description="`hourly`, `daily`, `weekly`, `monthly`, or cron's five fields: `0 3 * * 0`.",
    )
    at: Text | None = Field(None, description="The time: `03:00`; hourly the minute: `15`.")
    day: Text | None = Field(None, description="weekly: `sunday`; monthly: 1 to 28.")

    @model_validator(mode="after")
    def _can_be_read(self) -> WhenEntry:
        if self.every is not None or self.base is not None:
            (self.base or Schedule()).changed(self.when())
        return self

    def when(self) -> When:
        """What was written."""
        return When(every=self.every, at=self.at, day=self.day)


class KeepEntry(Strict):
    """How many copies stay: the newest of so many hours, days, … that have a proven copy."""

    hourly: int = Field(0, ge=0, description="Hours.")
    daily: int = Field(0, ge=0, description="Days.")
    weekly: int = Field(0, ge=0, description="Weeks, from Monday.")
    monthly: int = Field(0, ge=0, description="Months.")
    yearly: int = Field(0, ge=0, description="Years.")


class HooksEntry(Strict):
    """Commands that are run in a container of the source's service."""

    before: Words = Field((), description="Before the backup; when it fails, there is none.")
    after: Words = Field((), description="After it, also when it failed.")


class KindEntry(WhenEntry):
    """How sources of a kind are backed up."""

    keep: KeepEntry | None = Field(None, description="How many copies stay.")
    to: Words | None = Field(
        None, description="Repositories; the first that is on another server than the data."
    )
    deadline: Duration | None = Field(
        None, gt=0, description="A run that takes longer counts as dead; `6h` when not given."
    )
    restore_within: Duration | None = Field(
        None, gt=0, description="How long a restore may take; `30m` when not given."
    )
    lose_at_most: Duration | None = Field(
        None, gt=0, description="How much work a recovery may lose, as rehearsals measure it."
    )


class WalEntry(WhenEntry):
    """A write-ahead log that is streamed to another server; base backups Sundays at 01:30."""

    base = Wal().schedule

    enabled: bool = Field(True, description="`wal: false` says the same as `enabled: false`.")
    server: Text | None = Field(
        None, description="Where it lies; not the database's own. When not given, one is chosen."
    )
    path: AbsolutePath = Field(Wal().path, description="The directory there.")
    keep: Duration | None = Field(
        None, gt=0, description="How far back any moment can be restored; `14d` when not given."
    )
    slot_room: Size | None = Field(
        None,
        gt=0,
        description="What the database may hold back at most for a receiver that does not come; "
        "a tenth of its disk, 1G to 16G, when not given.",
    )

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


def _or_switch(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "boolean"})


WalWish = Annotated[
    WalEntry | None,
    Field(
        description="Stream the write-ahead log to another server, to restore to any second: "
        "`true`, `false`, or how; `false` when not given.",
        json_schema_extra=_or_switch,
    ),
]


class PostgresEntry(KindEntry):
    """How Postgres is backed up."""

    wal: WalWish = None


class VolumesEntry(KindEntry):
    """How volumes are backed up."""

    quiesce: Quiesce | None = Field(
        None,
        description="What keeps a volume still meanwhile: `stop` scales its services to 0 and "
        "back; `none` when not given. `pause` and `freeze` are refused when the backup runs: "
        "nothing would undo them if it were killed.",
    )


class SourcePolicyEntry(VolumesEntry):
    """What differs for one source; its key in `sources:` is its id."""

    hooks: HooksEntry | None = Field(None, description="Commands before and after.")
    sqlite: tuple[InnerPath, ...] | None = Field(
        None, description="SQLite files in the volume, copied through SQLite itself."
    )
    wal: WalWish = None


def _as(kind: str) -> str:
    policy = DEFAULTS[kind]
    return f"{policy.schedule.words}; {policy.keep.words}."


class KindsEntry(Strict):
    """How each kind of source is backed up, where the defaults do not suit."""

    postgres: PostgresEntry = Field(default_factory=PostgresEntry, description=f"{_as('postgres')}")
    mariadb: KindEntry = Field(default_factory=KindEntry, description=f"{_as('mariadb')}")
    redis: KindEntry = Field(default_factory=KindEntry, description=f"{_as('redis')}")
    gitlab: KindEntry = Field(default_factory=KindEntry, description=f"{_as('gitlab')}")
    volume: VolumesEntry = Field(default_factory=VolumesEntry, description=f"{_as('volume')}")
    configs: KindEntry = Field(
        default_factory=KindEntry, description=f"Fleet and compose files: {_as('configs')}"
    )
    swarm: KindEntry = Field(
        default_factory=KindEntry, description=f"Swarm's own state: {_as('swarm')}"
    )
    system: KindEntry = Field(
        default_factory=KindEntry, description=f"Each server's settings: {_as('system')}"
    )
    images: KindEntry = Field(
        default_factory=KindEntry, description=f"Images no registry has: {_as('images')}"
    )


class LocalEntry(Strict):
    """A directory on a server of the fleet."""

    server: Text = Field(description="The server.")
    path: AbsolutePath = Field(description="The directory: `/mnt/data/backups`.")


CA = "Where the authority's certificate (PEM) comes from, if it is not a public one."


class SftpEntry(Strict):
    """A directory reached by SFTP."""

    host: Host = Field(description="The host.")
    path: AbsolutePath = Field(description="The directory there.")
    user: Text | None = Field(None, description="The user to log in as.")
    port: int | None = Field(None, ge=1, le=65535, description="The port sshd listens on.")
    identity: SourceEntry | None = Field(None, description="Where the private key comes from.")
    known_hosts: SourceEntry | None = Field(
        None, description="Where the host's public key comes from, as a line of known_hosts."
    )


class S3Entry(Strict):
    """A bucket of an S3-compatible store."""

    endpoint: Annotated[str, BeforeValidator(http_url)] = Field(
        description="Where it answers: `https://HOST:PORT`."
    )
    bucket: Text = Field(min_length=1, description="The bucket.")
    prefix: Text | None = Field(None, description="A path within it.")
    region: Text | None = Field(None, description="Its region, where the store has some.")
    access_key: SourceEntry = Field(description="Where the access key comes from.")
    secret_key: SourceEntry = Field(description="Where the secret key comes from.")
    ca: SourceEntry | None = Field(None, description=CA)


class RestEntry(Strict):
    """A restic REST server."""

    url: Annotated[str, BeforeValidator(http_url)] = Field(
        description="Where it answers, with the repository's path: `https://HOST:PORT/office`."
    )
    user: Text | None = Field(None, description="The user to log in as.")
    password: SourceEntry | None = Field(None, description="Where that user's password comes from.")
    ca: SourceEntry | None = Field(None, description=CA)


class RepositoryEntry(Strict):
    """Where copies lie: exactly one of local, sftp, s3, rest."""

    local: LocalEntry | None = Field(None, description="A directory on a server of the fleet.")
    sftp: SftpEntry | None = Field(None, description="A directory reached by SFTP.")
    s3: S3Entry | None = Field(None, description="A bucket of an S3-compatible store.")
    rest: RestEntry | None = Field(None, description="A restic REST server.")
    password: SourceEntry = Field(description="Where the repository's own password comes from.")
    medium: Text | None = Field(
        None, description="What it lies on; of a server's disk its kind: `nvme`, `ssd`, `hdd`."
    )
    zone: Text | None = Field(
        None, description="Room or site, as `zone` of a server; of a local one its server's."
    )
    offsite: bool = Field(False, description="At another site: gets a copy of everything.")
    append_only: bool = Field(False, description="The far side lets nobody delete.")
    room: Size | None = Field(None, description="What it may take; as its disk has, if not given.")

    @model_validator(mode="after")
    def _exactly_one(self) -> RepositoryEntry:
        if sum(one is not None for one in (self.local, self.sftp, self.s3, self.rest)) != 1:
            raise ValueError("give exactly one of local, sftp, s3, rest")
        return self


class CopyEntry(WhenEntry):
    """Copies to repositories elsewhere: everything, daily at 04:00 unless said otherwise."""

    base = Copying().schedule

    to: Words = Field((), description="Repositories; those with `offsite: true` when not given.")


class ProveEntry(WhenEntry):
    """Restores that prove the copies: daily at 06:00 unless said otherwise."""

    base = Proving().schedule

    servers: Words = Field(
        (), description="Servers to restore on; any but the source's own when not given."
    )


class RehearseEntry(WhenEntry):
    """Recoveries rehearsed beside what is in place: Sundays at 10:00 unless said otherwise."""

    base = Rehearsing().schedule

    enabled: bool = Field(True, description="`rehearse: true` says the same as `enabled: true`.")
    sources: Words = Field(
        (),
        description="Which, by id or service; every database, GitLab and volume when not given.",
    )
    servers: Words = Field(
        (), description="Servers to restore on; any but the source's own when not given."
    )

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class SpoolEntry(Strict):
    """Where dumps lie on a server until they are in the repository."""

    path: Path | None = Field(
        None,
        description="A directory, which must be there on every server; the engine's volume "
        "`quorate-spool` when not given.",
    )
    room: Size | None = Field(None, description="What it may take; the disk's when not given.")


def _recipient(value: Any) -> Any:
    if isinstance(value, str) and not RECIPIENT.fullmatch(value):
        if value.startswith("AGE-SECRET-KEY-"):
            raise ValueError("a private key in a fleet file; write its public half: `age1…`")
        raise ValueError(f"`{value}` is no public key of age (`age1…`) or ssh (`ssh-ed25519 …`)")
    return value


Recipient = Annotated[str, BeforeValidator(_recipient)]


class BundleEntry(Strict):
    """The recovery bundle: secrets, passwords and the fleet's files, for bare servers.

    Encrypted with age: to keys (`recipients`), or with a passphrase. Keep the private key, or the
    passphrase, where none of these servers is.
    """

    recipients: tuple[Recipient, ...] = Field(
        (),
        description="Public keys, of which each opens it: `age1…`, `ssh-ed25519 …`, `ssh-rsa …`.",
    )
    passphrase: SourceEntry | None = Field(
        None, description="Where the passphrase comes from, instead of keys."
    )

    @model_validator(mode="after")
    def _one_way(self) -> BundleEntry:
        if bool(self.recipients) == (self.passphrase is not None):
            raise ValueError("give either `recipients` or `passphrase`: age takes one of the two")
        return self


class ControllerEntry(Strict):
    """The controller, `quorate serve` as a service on the managers."""

    enabled: bool = Field(
        True, description="`controller: false` says the same as `enabled: false`."
    )
    networks: Words = Field(
        (),
        description="Networks of the swarm it joins, by their names there: the one in which "
        "Prometheus finds it as `quorate-controller:9912`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


def _switch_too(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": "boolean"}, {"$ref": schema.pop("$ref")}]


class DigestEntry(WhenEntry):
    """When all is summed up: Mondays at 08:00 unless said otherwise."""

    base = Notify().digest


class NotifyEntry(Strict):
    """Who is told of backups, and of what."""

    to: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], SourceEntry] = Field(
        default_factory=dict,
        description="Where each URL comes from, by a name to speak of it. The URL is one that "
        "Apprise takes: `mailtos://USER:PASSWORD@HOST?to=…`, `slack://…`, `jsons://HOST/PATH`.",
    )
    events: tuple[Event, ...] = Field(
        EVENTS,
        description="`failure`: something is not as it should be. `recovery`: it is again. "
        "`digest`: all of it, summed up.",
    )
    digest: DigestEntry = Field(default_factory=DigestEntry, description="When the digest comes.")


class BackupEntry(Strict):
    """What is backed up, when, where to, for how long.

    Sources are found by themselves: databases, GitLab and volumes by the services' `state`, the
    fleet's own files, Swarm's state, each server's settings, images that are built.
    """

    image: Text | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$",
        description="Quorate's own image as the servers know it: `registry.example.com/quorate:1`; "
        "`quorate:VERSION` when not given.",
    )
    timezone: Text = Field(
        Backup().timezone, description="Of all times here, by its IANA name: `Europe/Berlin`."
    )
    repositories: dict[
        Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], RepositoryEntry
    ] = Field(default_factory=dict, description="Where copies lie, by name.")
    to: Words = Field(
        (),
        description="Repositories for every source; the first that is on another server than the "
        "data. When not given: those on servers, in the order they are written.",
    )
    copy_to: CopyEntry = Field(
        default_factory=CopyEntry, alias="copy", description="Copies elsewhere."
    )
    prove: ProveEntry = Field(
        default_factory=ProveEntry, description="Restores that prove the copies."
    )
    rehearse: Annotated[
        RehearseEntry | None,
        Field(
            description="Rehearse recoveries and measure what they would take and lose: `true`, "
            "`false`, or how; `false` when not given.",
            json_schema_extra=_or_switch,
        ),
    ] = None
    kinds: KindsEntry = Field(
        default_factory=KindsEntry, description="What differs for a kind of source."
    )
    sources: dict[str, SourcePolicyEntry] = Field(
        default_factory=dict,
        description="What differs for one source, by its id: `gibd-postgres`, "
        "`volume/appwrite_uploads`, `bind/srv/data`, `configs`, `swarm`, `system/SERVER`, "
        "`images/SERVER`.",
    )
    exclude: Words = Field((), description="Sources that are not backed up, by id.")
    images: Words = Field(
        (),
        description="Images that are backed up, as services name them: those that are in no "
        "registry, or in one that would be lost with these servers. Those of services with "
        "`build:` are found by themselves, and kept where no registry is known to have them.",
    )
    spool: SpoolEntry = Field(default_factory=SpoolEntry, description="Where dumps lie on the way.")
    bundle: BundleEntry | None = Field(
        None, description="What it takes to begin again on bare servers, encrypted."
    )
    notify: NotifyEntry = Field(
        default_factory=NotifyEntry, description="Who is told when something fails."
    )
    heartbeat: SourceEntry | None = Field(
        None,
        description="Where a URL comes from that is asked after each good round of `quorate "
        "serve`: a dead man's switch, which tells you when it falls silent.",
    )
    pushgateway: Annotated[str, BeforeValidator(http_url)] | None = Field(
        None,
        description="A Prometheus Pushgateway that each job tells how it ended: "
        "`http://HOST:9091`. HOST may be a service of the fleet, as `STACK_SERVICE`.",
    )
    controller: ControllerEntry = Field(
        default_factory=ControllerEntry,
        description="Whether `quorate up` deploys the controller, which backs up by itself: "
        "`true`, `false`, or how; `true` when not given and there are repositories.",
        json_schema_extra=_switch_too,
    )
