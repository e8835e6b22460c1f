"""Copies and errors as a job reports them. Pure."""

from __future__ import annotations

import traceback

from quorate.backup.jobs.model import Copied, Trouble
from quorate.backup.model import Snapshot
from quorate.backup.tags import shown
from quorate.errors import LockedError, MachineError, QuorateError, RepositoryError

LOCKED_SOURCE = "locked-source"
DIFFERENT = "different"
DEFECT = "defect"
VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""


def copied(copy: Snapshot) -> Copied:
    """A copy with its proof, in plain values."""
    proof = copy.proof
    return Copied(
        id=copy.id,
        source=copy.source,
        kind=copy.kind,
        repository=copy.repository,
        taken=copy.taken,
        received=copy.received,
        complete=copy.complete,
        server=copy.server,
        size=copy.size,
        added=copy.added,
        run=copy.run,
        original=copy.original,
        proven_at=proof.at if proof else None,
        proven=proof.ok if proof else None,
        proof_seconds=proof.seconds if proof else 0.0,
        proof_server=proof.server if proof else "",
        differences=shown(proof.differences) if proof else (),
    )


def trouble(error: Exception) -> Trouble:
    """Why a job failed; what is no error of ours is a defect."""
    if isinstance(error, OSError):
        return Trouble(
            what=f"this machine does not let the job go on: {error}",
            cause="its disk is full or fails, or something may not be read or written",
            todo="look at the disk and the rights, then run it again",
            code=MachineError.exit_code,
        )
    if not isinstance(error, QuorateError):
        where = traceback.extract_tb(error.__traceback__)
        last = f" ({where[-1].name}, line {where[-1].lineno})" if where else ""
        return Trouble(
            what=f"a defect in Quorate: {type(error).__name__}: {error}{last}",
            todo="report it with the log of this job",
            reason=DEFECT,
        )
    reason = error.reason if isinstance(error, RepositoryError) else ""
    if isinstance(error, LockedError):
        reason = LOCKED_SOURCE
    return Trouble(
        what=error.what,
        cause=error.cause or "",
        todo=error.todo or "",
        reason=reason,
        code=error.exit_code,
    )


def different(copy: Snapshot, differences: tuple[str, ...]) -> Trouble:
    """A copy that is not what it was made of."""
    return Trouble(
        what=f"the copy {copy.id[:8]} of {copy.source} in {copy.repository} is not proven: "
        "restored, it is not what the source was",
        cause="\n".join(shown(differences)),
        todo="check the repository, back the source up again, and prove an older copy",
        reason=DIFFERENT,
        code=VERDICT,
    )


def not_as_then(source: str, moment: str, differences: tuple[str, ...]) -> Trouble:
    """A source that was brought to a moment, and is not what it was then."""
    return Trouble(
        what=f"{source} was brought to {moment}, and is not what it was then",
        cause="\n".join(shown(differences)),
        todo="see who writes to it meanwhile; what was there before is kept",
        reason=DIFFERENT,
        code=VERDICT,
    )
