"""Forgetting copies, and getting their room back: two steps, the second one guarded.

Which copies go is decided elsewhere. Here exactly those are forgotten, and looked
for afterwards: restic up to 0.18 ends with exit code 0 where it could not.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quorate.backup.place import Place, PlaceType, Repository
from quorate.backup.tags import MarkKind, read_label, read_mark
from quorate.errors import MachineError, RefusedError, RepositoryError
from quorate.tools.restic_answers import Entry, PrunePlan
from quorate.tools.restic_errors import Reason

# What is written anew needs its room before anything is removed; indexes and a pack
# under way come on top.
SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What a prune brought: bytes on the disk before and after, where that is this machine's."""

    plan: PrunePlan
    before: int | None
    after: int | None


def forget(repository: Repository, ids: Iterable[str]) -> tuple[str, ...]:
    """Forget these copies with their marks, and nothing else; return the ids that went.

    Ids that are not there are gone already, which is what was wanted. Marks whose
    copy is gone go too, also those that an earlier, killed run left.

    Raises:
        RefusedError: the repository is append-only.
        RepositoryError: it cannot be written, an id is not one of a copy, or
            something is still listed afterwards.
    """
    _require_removing(repository.place, "forget")
    wanted = frozenset(ids)
    before = repository.restic.snapshots()
    copies = {entry.id for entry in before if entry.id in wanted}
    strangers = [entry.id for entry in before if entry.id in wanted and not read_label(entry.tags)]
    if strangers:
        raise RepositoryError(
            f"{', '.join(id[:8] for id in strangers)} in {repository.name} is no copy of Quorate's",
            reason=Reason.OTHER,
            todo="strangers' snapshots are forgotten by those who made them",
        )
    repository.restic.forget(sorted(copies))
    _require_gone(repository, copies, after := repository.restic.snapshots())
    spent = set(spent_marks(after))
    if spent:
        repository.restic.forget(sorted(spent))
        _require_gone(repository, spent, repository.restic.snapshots())
    return tuple(sorted(copies))


def spent_marks(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Marks whose copy is not there, and proofs that a later one replaced. Pure."""
    listed = tuple(entries)
    there = {entry.lasting for entry in listed if not read_mark(entry.tags)}
    marks = [(entry.id, mark) for entry in listed if (mark := read_mark(entry.tags))]
    spent = [id for id, mark in marks if mark.of not in there]
    proofs: dict[tuple[str, str], list[tuple[datetime, bool, str]]] = defaultdict(list)
    for id, mark in marks:
        if mark.kind == MarkKind.PROOF and mark.at is not None and mark.of in there:
            proofs[mark.of, mark.tree].append((mark.at, not mark.ok, id))
    for same in proofs.values():
        spent += [id for _, _, id in sorted(same)[:-1]]
    return tuple(spent)


def _require_gone(repository: Repository, ids: set[str], after: Iterable[Entry]) -> None:
    left = sorted(ids & {entry.id for entry in after})
    if left:
        raise RepositoryError(
            f"{len(left)} of {len(ids)} snapshots could not be forgotten in {repository.name}",
            reason=Reason.FORBIDDEN,
            cause=f"the far side lets nothing go; still there: {', '.join(id[:8] for id in left)}",
            todo="forget them where the repository lies, or allow removing there",
        )


def prune(repository: Repository, confirm: Callable[[PrunePlan], bool]) -> Pruned:
    """Remove what no snapshot uses, after a dry run, a look at the room, and a yes.

    Raises:
        RefusedError: append-only, or `confirm` said no; nothing was changed.
        MachineError: there is not the room that rewriting needs.
        RepositoryError: it is locked, or restic's dry run is not understood.
    """
    _require_removing(repository.place, "prune")
    plan = repository.restic.prune_plan()
    if plan is None:
        raise RepositoryError(
            f"what a prune of {repository.name} would do is not understood, so it is not done",
            reason=Reason.OTHER,
            cause="this version of restic says it in other words",
            todo="run `restic prune` by hand",
        )
    require_room(repository.name, plan, free(repository.place))
    if not confirm(plan):
        raise RefusedError(f"{repository.name} was not pruned; nothing was changed")
    before = stored(repository.place)
    repository.restic.prune()
    return Pruned(plan=plan, before=before, after=stored(repository.place))


def stored(place: Place) -> int | None:
    """Bytes a repository takes on this machine's disk; None where it is on another."""
    if place.type != PlaceType.LOCAL:
        return None
    return sum(file.stat().st_size for file in Path(place.location).rglob("*") if file.is_file())


def free(place: Place) -> int | None:
    """Bytes free where the repository lies; None where that is not this machine."""
    if place.type != PlaceType.LOCAL:
        return None
    return shutil.disk_usage(Path(place.location)).free


def require_room(name: str, plan: PrunePlan, free: int | None) -> None:
    """Raise if rewriting needs more room than there is. Pure.

    Raises:
        MachineError: with how much is missing.
    """
    if free is None or plan.repack == 0 or plan.repack + SPARE_BYTES <= free:
        return
    raise MachineError(
        f"pruning {name} writes {plan.repack >> 20} MiB anew before it removes anything, "
        f"and {free >> 20} MiB are free",
        cause="prune needs room in order to make some",
        todo="make room on that disk, or `restic prune --max-repack-size 0` by hand, "
        "which only removes what nothing uses",
    )


def _require_removing(place: Place, what: str) -> None:
    if place.append_only:
        raise RefusedError(
            f"{place.name} is append-only: it does not {what} from here",
            cause="who can write to it from here must not be able to remove",
            todo=f"{what} on the server where it lies, as a local repository",
        )
