"""What `quorate backup status` says, as values: the coverage grid, and what nobody backs up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from quorate.backup.jobs.model import Holds
from quorate.backup.model import Kind, Proof, Snapshot
from quorate.backup.policy.coverage import Copy, Row, State
from quorate.backup.policy.holding import held
from quorate.backup.policy.rehearsals import Standing
from quorate.backup.policy.report import UnprotectedData
from quorate.backup.policy.sources import Unprotected
from quorate.backup.wal.standing import Log
from quorate.fleet.backup import Repository
from quorate.fleet.base import Model
from quorate.fleet.model import Fleet


class CoveredCopy(Model):
    """A source in one repository."""

    repository: str
    offsite: bool
    state: str = Field(description="ok, waiting, late, never.")
    proof: str = Field(description="ok, waiting, late, never, failed.")
    newest: datetime | None = Field(description="The state that its newest copy holds, UTC.")
    copies: int = Field(description="Complete copies there.")
    size: int | None = Field(description="Bytes of the newest copy, before compression.")
    proven: datetime | None = Field(description="When one was proven last, UTC.")
    restore_seconds: float | None = Field(description="How long that restore took.")


class CoveredSource(Model):
    """A source, and whether it is safe. Spans in seconds, sizes in bytes."""

    id: str
    kind: str
    service: str | None = Field(description="The service whose data it is.")
    servers: tuple[str, ...] = Field(
        description="Where the data is; where it may be, if not known."
    )
    good: bool = Field(description="Everything about it is as it should be.")
    backed_up: str = Field(description="ok, waiting, late, never, failed, nowhere, excluded.")
    offsite: str = Field(description="The same, of its copies off-site.")
    proven: str = Field(description="The same, of proofs.")
    age: float | None = Field(description="Of the state that its newest copy holds.")
    size: int | None = Field(description="Of the newest copy.")
    next: datetime | None = Field(description="When it is backed up next, UTC.")
    rpo: float | None = Field(
        description="The longest time between two copies: what a loss would have cost at worst."
    )
    rto: float | None = Field(description="How long the last restore took.")
    rto_target: float | None = Field(description="How long it may take.")
    rehearsed: Standing | None = Field(
        None, description="Of its rehearsed recoveries; null where none are to be, or none known."
    )
    copies: tuple[CoveredCopy, ...]
    missing: tuple[str, ...] = Field(description="What it lacks of 3-2-1, with the copies there.")
    problems: tuple[str, ...] = Field(description="What else is wrong, in words.")
    moved: str = Field(
        description="Where it was when it was last copied, if elsewhere; else empty."
    )
    beside: str = Field(
        "", description="Its own server, where a copy was proven there last; else empty."
    )


class UnreadRepository(Model):
    """A repository whose copies are not known, and why."""

    name: str
    why: str


class UnaskedServer(Model):
    """A server whose volumes and databases are not known, and why."""

    name: str
    why: str


class CoveredRepository(Model):
    """A repository, and what it holds. Sizes in bytes, null where they are not known."""

    name: str
    offsite: bool
    server: str | None = Field(description="The fleet's server it lies on.")
    address: str = Field(description="Where it is: a path, `HOST:PATH`, a URL.")
    medium: str | None
    read: bool = Field(description="Its copies are known.")
    copies: int = Field(description="Complete copies.")
    sources: int = Field(description="Sources that have some.")
    stored: int | None = Field(description="What all of it takes.")
    free: int | None = Field(description="What it may still take.")
    room: int | None = Field(description="What it may take in all.")


class Totals(Model):
    """All of it, counted."""

    sources: int = Field(description="Those that are to be backed up.")
    bad: int = Field(description="Those that are not as they should be.")
    three_two_one: int = Field(description="Those with 3 copies, on 2 media, 1 off-site.")
    unprotected: int
    copies: int = Field(description="Complete copies in all repositories.")
    size: int = Field(description="Bytes of the newest copies, before compression.")
    stored: int | None = Field(description="Bytes of all repositories, where all are known.")


class BackupStatus(Model):
    """Whether everything is backed up, off-site and proven."""

    fleet: str
    time: datetime = Field(description="When this was, UTC.")
    good: bool
    sources: tuple[CoveredSource, ...]
    unprotected: tuple[UnprotectedData, ...]
    unread: tuple[UnreadRepository, ...]
    asked: bool = Field(description="Servers were asked which volumes and databases they have.")
    unasked: tuple[UnaskedServer, ...]
    repositories: tuple[CoveredRepository, ...]
    logs: tuple[Log, ...] = Field((), description="Write-ahead logs that are to be received.")
    totals: Totals


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the status is made from beside the rows.

    `unread`: repositories that could not be read, with why; `unasked` the same of servers; not
    `asked`: nobody wanted to know of any. `logs`: as their receivers say.
    """

    snapshots: Sequence[Snapshot] = ()
    holds: Mapping[str, Holds] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    asked: bool = True
    unasked: Mapping[str, str] = field(default_factory=dict)
    logs: Sequence[Log] = ()


def backup_status(
    fleet: Fleet,
    rows: Sequence[Row],
    unprotected: Iterable[Unprotected],
    evidence: Evidence,
    *,
    now: datetime,
) -> BackupStatus:
    """The status; good only when nothing that was asked for is unknown either."""
    without = tuple(UnprotectedData(what=_where(one), why=one.why) for one in unprotected)
    unread, unasked = evidence.unread, evidence.unasked
    sources = tuple(_source(row) for row in rows)
    repositories = tuple(_repository(one, evidence) for one in fleet.backup.repositories)
    return BackupStatus(
        fleet=fleet.name,
        time=now,
        good=all(row.good for row in rows)
        and all(one.good for one in evidence.logs)
        and not (without or unread or unasked),
        sources=sources,
        unprotected=without,
        unread=tuple(UnreadRepository(name=name, why=why) for name, why in unread.items()),
        asked=evidence.asked,
        unasked=tuple(UnaskedServer(name=name, why=why) for name, why in unasked.items()),
        repositories=repositories,
        logs=tuple(evidence.logs),
        totals=_totals(sources, without, repositories),
    )


def proven_beside(server: str) -> str:
    """What is said of a source whose last proof was on its own server."""
    return f"was proven on {server}, its own server: `backup.prove.servers` can name another one"


def _totals(
    sources: Iterable[CoveredSource],
    without: Sequence[UnprotectedData],
    repositories: Sequence[CoveredRepository],
) -> Totals:
    kept = [one for one in sources if one.backed_up != State.EXCLUDED]
    sizes = [one.stored for one in repositories]
    known = [size for size in sizes if size is not None]
    return Totals(
        sources=len(kept),
        bad=sum(not one.good for one in kept),
        three_two_one=sum(not one.missing for one in kept),
        unprotected=len(without),
        copies=sum(one.copies for one in repositories),
        size=sum(one.size or 0 for one in kept),
        stored=sum(known) if len(known) == len(sizes) else None,
    )


def _repository(one: Repository, evidence: Evidence) -> CoveredRepository:
    mine = [copy for copy in evidence.snapshots if copy.repository == one.name and copy.complete]
    found = held(one, evidence.holds.get(one.name))
    return CoveredRepository(
        name=one.name,
        offsite=one.offsite,
        server=one.server,
        address=one.address,
        medium=one.medium,
        read=one.name not in evidence.unread,
        copies=len(mine),
        sources=len({copy.source for copy in mine}),
        stored=found.stored,
        free=found.free,
        room=found.room,
    )


def _where(one: Unprotected) -> str:
    return f"{one.what} on {one.server}" if one.server else one.what


def _source(row: Row) -> CoveredSource:
    source, policy = row.planned.source, row.planned.policy
    return CoveredSource(
        id=source.id,
        kind=source.kind.value,
        service=source.service,
        servers=source.servers,
        good=row.good,
        backed_up=row.backed_up.value,
        offsite=row.offsite.value,
        proven=row.proven.value,
        age=row.age,
        size=row.size,
        next=row.next,
        rpo=row.rpo,
        rto=row.rto,
        rto_target=policy.restore_within if policy else None,
        rehearsed=row.rehearsed,
        copies=tuple(_copy(copy) for copy in row.copies),
        missing=row.missing,
        problems=(*row.problems, *(f"wrong time: {text}" for text in row.poisoned)),
        moved=_moved(row),
        beside=row.beside,
    )


def _moved(row: Row) -> str:
    """The server of the newest copy, where the data is known to be elsewhere now."""
    source = row.planned.source
    newest = max((copy.newest for copy in row.copies if copy.newest), key=_taken, default=None)
    everywhere = source.kind in (Kind.CONFIGS, Kind.SWARM) or len(source.servers) != 1
    if newest is None or everywhere or newest.server in ("", *source.servers):
        return ""
    return newest.server


def _taken(copy: Snapshot) -> datetime:
    return copy.taken


def _copy(copy: Copy) -> CoveredCopy:
    proof: Proof | None = copy.proven.proof if copy.proven else None
    return CoveredCopy(
        repository=copy.repository,
        offsite=copy.offsite,
        state=copy.state.value,
        proof=copy.proof.value,
        newest=copy.newest.taken if copy.newest else None,
        copies=copy.count,
        size=copy.newest.size if copy.newest else None,
        proven=proof.at if proof else None,
        restore_seconds=proof.seconds if proof else None,
    )


def is_good(state: str) -> bool:
    """Whether a state's word is one of those that are as they should be."""
    return State(state).good
