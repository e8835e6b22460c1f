"""What `quorate backup status` says, as values: the coverage grid, and what nobody backs up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import Field

from quorate.backup.model import Proof
from quorate.backup.policy.coverage import Copy, Row, State
from quorate.backup.policy.report import UnprotectedData
from quorate.backup.policy.sources import Unprotected
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
    copies: tuple[CoveredCopy, ...]
    missing: tuple[str, ...] = Field(description="What it lacks of 3-2-1, with the copies there.")
    problems: tuple[str, ...] = Field(description="What else is wrong, in words.")


class UnreadRepository(Model):
    """A repository whose copies are not known, and why."""

    name: str
    why: str


class BackupStatus(Model):
    """Whether everything is backed up, off-site and proven."""

    fleet: str
    time: datetime = Field(description="When this was, UTC.")
    good: bool
    sources: tuple[CoveredSource, ...]
    unprotected: tuple[UnprotectedData, ...]
    unread: tuple[UnreadRepository, ...]


def backup_status(
    fleet: Fleet,
    rows: Sequence[Row],
    unprotected: Iterable[Unprotected],
    unread: Mapping[str, str],
    *,
    now: datetime,
) -> BackupStatus:
    """The status; good only when nothing is unknown either.

    Args:
        unread: repositories that could not be read, with why.
    """
    without = tuple(UnprotectedData(what=_where(one), why=one.why) for one in unprotected)
    return BackupStatus(
        fleet=fleet.name,
        time=now,
        good=all(row.good for row in rows) and not without and not unread,
        sources=tuple(_source(row) for row in rows),
        unprotected=without,
        unread=tuple(UnreadRepository(name=name, why=why) for name, why in unread.items()),
    )


def _where(one: Unprotected) -> str:
    return f"{one.what} on {one.server}" if one.server else one.what


def _source(row: Row) -> CoveredSource:
    source, policy = row.planned.source, row.planned.policy
    return CoveredSource(
        id=source.id,
        kind=source.kind.value,
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
        copies=tuple(_copy(copy) for copy in row.copies),
        missing=row.missing,
        problems=(*row.problems, *(f"wrong time: {text}" for text in row.poisoned)),
    )


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
