"""The copies that jobs tell of, gathered: what is known of the fleet's repositories. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from quorate.backup.jobs.decide import Refused
from quorate.backup.jobs.model import Copied, Work
from quorate.backup.jobs.watching import Outcome
from quorate.backup.model import Proof, Snapshot
from quorate.errors import RepositoryError

MISSING = "missing"
"""`quorate.tools.restic_errors.Reason.MISSING`."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """The copies in the repositories that were read, `unread` those that were not, with why.

    `earlier`: jobs that had ended, whose starters were killed, and that were met on the way.
    """

    snapshots: tuple[Snapshot, ...] = ()
    unread: tuple[Refused, ...] = ()
    earlier: tuple[Outcome, ...] = ()

    @property
    def dark(self) -> frozenset[str]:
        """The names of the repositories that were not read."""
        return frozenset(one.what for one in self.unread)

    def after(self, outcomes: Iterable[Outcome]) -> Known:
        """With the copies that jobs have made or proven since."""
        found = {(one.repository, one.id): one for one in self.snapshots}
        for outcome in outcomes:
            for copied in outcome.answer.copies if outcome.answer else ():
                found[copied.repository, copied.id] = snapshot_of(copied)
        return replace(self, snapshots=tuple(found.values()))


def known(
    outcomes: Iterable[Outcome], refused: Iterable[Refused], unmade: Iterable[str] = ()
) -> Known:
    """What lists of copies have found.

    Args:
        unmade: repositories that nobody has made yet: that they are missing is no error.
    """
    new = frozenset(unmade)
    snapshots: list[Snapshot] = []
    unread = list(refused)
    for one in outcomes:
        if one.job.work != Work.CATALOGUE:
            continue
        name, error = one.job.repository, one.error
        if error is None:
            snapshots += map(snapshot_of, one.answer.copies if one.answer else ())
        elif not (name in new and none_there(one)):
            unread.append(Refused(what=name, error=error))
    return Known(snapshots=tuple(snapshots), unread=tuple(unread))


def none_there(outcome: Outcome) -> bool:
    """Whether a list ended with nothing but that no repository is at its place.

    Whether that is wrong, only the note tells that says which were made.
    """
    error = outcome.error
    listed = outcome.job.work == Work.CATALOGUE
    return listed and isinstance(error, RepositoryError) and error.reason == MISSING


def snapshot_of(copied: Copied) -> Snapshot:
    """A copy as a job tells of it, as the catalogue has it."""
    proof = None
    if copied.proven is not None and copied.proven_at is not None:
        proof = Proof(
            snapshot=copied.id,
            repository=copied.repository,
            at=copied.proven_at,
            ok=copied.proven,
            seconds=copied.proof_seconds,
            server=copied.proof_server,
            differences=copied.differences,
        )
    same = copied.model_dump(
        include={
            *("id", "source", "kind", "repository", "taken", "received", "complete", "server"),
            *("size", "added", "run", "original"),
        }
    )
    return Snapshot(**same, proof=proof)
