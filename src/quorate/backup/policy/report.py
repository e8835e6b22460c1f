"""What `quorate backup plan` and `quorate backup estimate` say, as values."""

from __future__ import annotations

from datetime import datetime, tzinfo

from pydantic import Field

from quorate.backup.policy.estimate import Estimate
from quorate.backup.policy.sources import Planned, planned, unprotected
from quorate.backup.policy.three import missing
from quorate.backup.policy.times import next_after
from quorate.fleet.base import Model
from quorate.fleet.datasets import Homes
from quorate.fleet.model import Fleet


class PlannedSource(Model):
    """A source: how it is backed up, when next, and where to."""

    id: str
    kind: str
    service: str | None = Field(description="The service whose data it is.")
    group: str | None = Field(description="What it is backed up together with.")
    servers: tuple[str, ...] = Field(description="Where the data may lie.")
    volumes: tuple[str, ...]
    size: int = Field(description="Bytes, as the files say; 0 when they do not.")
    excluded: bool
    schedule: str = Field(description="In words.")
    cron: str = Field(description="The same in cron's five fields.")
    next: datetime | None = Field(description="When it is backed up next, UTC; null: never.")
    keep: str = Field(description="How many copies stay, in words.")
    repository: str | None = Field(description="Where it goes.")
    copies: tuple[str, ...] = Field(description="Where that is copied to.")
    missing: tuple[str, ...] = Field(description="What it will lack of 3-2-1.")


class UnprotectedData(Model):
    """Data that no backup holds."""

    what: str
    why: str


class BackupPlan(Model):
    """What is backed up, when, where to."""

    fleet: str
    timezone: str
    sources: tuple[PlannedSource, ...]
    copying: str = Field(description="When copies are made off-site, in words.")
    proving: str = Field(description="When copies are proven, in words.")
    rehearsing: str = Field("", description="When recoveries are rehearsed; empty: they are not.")
    unprotected: tuple[UnprotectedData, ...]


class NeededSource(Model):
    """What one source needs in one repository, in bytes."""

    source: str
    repository: str
    first: int = Field(description="The first copy.")
    stored: int = Field(description="All copies that stay.")
    kept: int = Field(description="How many those are.")
    oldest: float = Field(description="Age of the oldest of them, seconds.")
    measured: bool = Field(description="From copies that are there; else assumed.")
    unknown: bool = Field(description="Nobody says how large it is: counted as nothing.")


class NeededRoom(Model):
    """What a place needs and has, in bytes. `room` null: nobody says."""

    name: str
    needed: int
    room: int | None
    fits: bool | None


class BackupEstimate(Model):
    """How much storage the policy will need, against the room there is."""

    fleet: str
    sources: tuple[NeededSource, ...]
    repositories: tuple[NeededRoom, ...]
    spools: tuple[NeededRoom, ...] = Field(description="By server: room for dumps on the way.")
    assumptions: tuple[str, ...]


def backup_plan(fleet: Fleet, *, homes: Homes | None, zone: tzinfo, now: datetime) -> BackupPlan:
    """The plan of backups; `homes`: where services are, by a plan."""
    return BackupPlan(
        fleet=fleet.name,
        timezone=fleet.backup.timezone,
        sources=tuple(_source(fleet, one, zone, now) for one in planned(fleet, homes)),
        copying=fleet.backup.copying.schedule.words,
        proving=fleet.backup.proving.schedule.words,
        rehearsing=fleet.backup.rehearsing.schedule.words if fleet.backup.rehearsing.on else "",
        unprotected=tuple(
            UnprotectedData(what=one.what, why=one.why) for one in unprotected(fleet)
        ),
    )


def backup_estimate(fleet: Fleet, made: Estimate) -> BackupEstimate:
    """The estimate as a report."""
    fields = ("source", "repository", "first", "stored", "kept", "oldest", "measured", "unknown")
    rooms = [
        tuple(
            NeededRoom(name=one.name, needed=one.needed, room=one.room, fits=one.fits)
            for one in place
        )
        for place in (made.repositories, made.spools)
    ]
    return BackupEstimate(
        fleet=fleet.name,
        sources=tuple(
            NeededSource(**{name: getattr(one, name) for name in fields}) for one in made.needs
        ),
        repositories=rooms[0],
        spools=rooms[1],
        assumptions=made.assumptions,
    )


def _source(fleet: Fleet, one: Planned, zone: tzinfo, now: datetime) -> PlannedSource:
    source, policy = one.source, one.policy
    return PlannedSource(
        id=source.id,
        kind=source.kind.value,
        service=source.service,
        group=source.group,
        servers=source.servers,
        volumes=source.volumes,
        size=one.size,
        excluded=policy is None,
        schedule=policy.schedule.words if policy else "",
        cron=policy.schedule.fields if policy else "",
        next=next_after(policy.schedule, zone, now) if policy and not one.unreachable else None,
        keep=policy.keep.words if policy else "",
        repository=one.repository.name if one.repository else None,
        copies=tuple(copy.name for copy in one.copies),
        missing=missing(fleet, source, one.repositories) if policy else (),
    )
