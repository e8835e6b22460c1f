"""Which copy of a source is meant: by its id, a moment, or the newest. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide_copies import with_id
from quorate.backup.model import Snapshot
from quorate.backup.policy import choices
from quorate.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A copy by its id or its beginning, or the newest not after `at`; of any repository unless
    one is named."""

    copy: str = ""
    at: datetime | None = None
    repository: str = ""


def chosen(
    known: Known, source: str, wish: Wanted, *, close: frozenset[str], due: datetime
) -> Snapshot:
    """The copy that is meant: by its id, or the newest (not after a moment) that is not known to
    be bad; where several repositories have it, a proven one, then one that is near.

    Args:
        close: repositories on the server that it goes to.

    Raises:
        UsageError: there is none.
    """
    mine = [
        one
        for one in known.snapshots
        if one.source == source and wish.repository in ("", one.repository)
    ]
    if wish.copy:
        return nearest(with_id(mine, wish.copy), close)
    sound = choices.sound_copies(mine, due).get(source, ())
    until = [one for one in sound if wish.at is None or one.taken <= wish.at]
    good = [one for one in until if one.proof is None or one.proof.ok]
    if not good:
        raise _no_copy(source, wish, sound, until, known)
    newest = good[-1]
    same = newest.original or newest.id
    return nearest([one for one in good if (one.original or one.id) == same], close)


def nearest(copies: Iterable[Snapshot], close: frozenset[str]) -> Snapshot:
    """Of one copy in several repositories."""

    def worse(one: Snapshot) -> tuple[bool, bool, bool, str]:
        far = one.repository not in close
        return not one.proven, far, one.original is not None, one.repository

    return min(copies, key=worse)


def _no_copy(source: str, wish: Wanted, sound: object, until: object, known: Known) -> UsageError:
    where = f" in {wish.repository}" if wish.repository else ""
    if until:
        what, todo = (
            f"no copy of {source}{where} is known to be good: each failed its proof",
            "restore one all the same by its id (`--copy`), or look for it in another repository",
        )
    elif sound and wish.at is not None:
        what, todo = (
            f"no copy of {source}{where} was taken until {wish.at:%Y-%m-%d %H:%M:%S %Z}",
            f"`quorate backup list --source {source}` shows when they were taken",
        )
    else:
        what, todo = f"there is no complete copy of {source}{where}", "`quorate backup list`"
    unread = [f"{one.what} could not be read: {one.error.what}" for one in known.unread]
    return UsageError(what, cause="; ".join(unread) or None, todo=todo)


def notes(copy: Snapshot, known: Known) -> list[str]:
    """What people should know of a copy before it is restored."""
    said = []
    if copy.proof is not None and not copy.proof.ok:
        said.append(f"the copy {copy.id[:8]} failed its proof: it may not restore")
    elif not copy.proven:
        said.append(f"the copy {copy.id[:8]} was not proven yet")
    if known.dark:
        unread = ", ".join(sorted(known.dark))
        said.append(f"{unread} could not be read: a newer copy may be there")
    return said
