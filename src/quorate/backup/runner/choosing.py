"""Which copy is meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from quorate.backup.model import Snapshot
from quorate.errors import RefusedError, UsageError


def chosen(copies: Iterable[Snapshot], repository: str, id: str, source: str) -> Snapshot:
    """The copy of this id (or its beginning, or that of its original); without one, the newest.

    Raises:
        UsageError: there is none, or several begin so.
        RefusedError: it was never completed.
    """
    listed = [copy for copy in copies if not source or copy.source == source]
    if not id:
        if not source:
            raise UsageError("neither a copy nor a source is named")
        complete = [copy for copy in listed if copy.complete]
        if not complete:
            raise UsageError(
                f"{repository} has no complete copy of {source}", todo="back it up first"
            )
        return max(complete, key=lambda copy: (copy.taken, copy.id))
    found = [copy for copy in listed if copy.id.startswith(id)]
    found = found or [copy for copy in listed if (copy.original or "").startswith(id)]
    if not found:
        of = f" of {source}" if source else ""
        raise UsageError(
            f"{repository} has no copy {id[:16]}{of}",
            cause="it was forgotten, or lies in another repository",
            todo="`quorate backup list` shows what there is",
        )
    whole = [copy for copy in found if copy.complete]
    if not whole:
        raise RefusedError(
            f"the copy {found[0].id[:8]} of {found[0].source} was never completed",
            cause="its run was killed, or failed",
            todo="take a complete one",
        )
    if len(whole) > 1:
        raise UsageError(f"{len(whole)} copies in {repository} begin with {id}", todo="say more")
    return whole[0]
