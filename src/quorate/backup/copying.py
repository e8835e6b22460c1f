"""Copies off-site: added to, never mirrored.

What the source repository has lost, or had taken away, stays off-site: an emptied
source empties nothing. A copy is known by the id that stays when restic copies it,
and counts there once it was listed there and marked complete there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from quorate.backup import catalogue, marking
from quorate.backup.model import Snapshot
from quorate.backup.place import Place, PlaceType, Repository
from quorate.backup.repository import counted
from quorate.errors import RepositoryError, UsageError
from quorate.tools import clock
from quorate.tools.restic_answers import Progress
from quorate.tools.restic_errors import Reason

Watch = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A copy that could not be copied, and why."""

    copy: Snapshot
    error: RepositoryError


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a run came to: copies that are now there, and those that are not."""

    copies: tuple[Snapshot, ...] = ()
    failures: tuple[Failure, ...] = ()


def lasting(copy: Snapshot) -> str:
    """The id that stays when a copy is copied or tagged."""
    return copy.original or copy.id


def missing(source: Iterable[Snapshot], there: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Complete copies that are not complete there, the newest first. Pure.

    The newest first, since it is what a lost server needs; older ones may follow in
    the next run when the network ends this one.
    """
    known = {lasting(copy) for copy in there if copy.complete}
    lacking = [copy for copy in source if copy.complete and lasting(copy) not in known]
    return tuple(sorted(lacking, key=lambda copy: (copy.taken, copy.id), reverse=True))


def copy_missing(
    source: Repository,
    there: Repository,
    *,
    choose: Callable[[Snapshot], bool] = lambda _: True,
    watch: Watch | None = None,
) -> Copied:
    """Copy what is complete in `source` and not `there`, one by one, each verified.

    A copy that fails for itself does not hold up the others; when a repository is
    gone, full or refuses us, the run ends with the first failure.

    Args:
        source: where the copies are.
        there: where they go; it must exist.
        choose: which of those missing to copy.
        watch: told of bytes after each copy; restic says nothing during one.

    Raises:
        RepositoryError: one of both repositories cannot be read.
        UsageError: both need other credentials under the same name.
    """
    require_compatible(source.place, there.place)
    todo = [copy for copy in missing(catalogue.read(source), catalogue.read(there)) if choose(copy)]
    total, done, started = sum(copy.size for copy in todo), 0, clock.monotonic()
    copies: list[Snapshot] = []
    failures: list[Failure] = []
    for copy in todo:
        try:
            copies.append(_copy(source, there, copy))
        except RepositoryError as error:
            failures.append(Failure(copy=copy, error=error))
            if error.reason not in (Reason.SOURCE, Reason.DAMAGED, Reason.OTHER):
                break
        done += copy.size
        if watch:
            watch(Progress(done=done, total=total, seconds=clock.monotonic() - started))
    return Copied(copies=tuple(copies), failures=tuple(failures))


def _copy(source: Repository, there: Repository, copy: Snapshot) -> Snapshot:
    """Copy one, list it there, compare, and mark it complete there.

    restic up to 0.18 ends with 0 when the id is not in the source, and skips
    what is there already, marked or not: only the listing tells.
    """
    there.restic.copy(source.restic, [copy.id])
    arrived = [entry for entry in there.restic.snapshots() if entry.lasting == lasting(copy)]
    if not arrived:
        raise RepositoryError(
            f"the copy {copy.id[:8]} of {copy.source} did not arrive in {there.name}",
            reason=Reason.SOURCE,
            cause=f"it was forgotten in {source.name} meanwhile",
        )
    here, listing = source.restic.listing(copy.id), there.restic.listing(arrived[-1].id)
    if (here.entry.tree, sorted_nodes(here.nodes)) != (
        listing.entry.tree,
        sorted_nodes(listing.nodes),
    ):
        raise RepositoryError(
            f"the copy {copy.id[:8]} of {copy.source} is not the same in {there.name}",
            reason=Reason.DAMAGED,
            cause="its list of files there differs from the one it was copied from",
            todo=f"check both repositories, {source.name} and {there.name}",
        )
    marking.complete(there, listing)
    return counted(there, lasting(copy))


def sorted_nodes(nodes: Sequence[object]) -> list[str]:
    """Nodes in an order that does not depend on the repository."""
    return sorted(map(repr, nodes))


def require_compatible(source: Place, there: Place) -> None:
    """Raise if one restic cannot talk to both: it has one set of credentials and one ssh.

    Raises:
        UsageError: they differ where only one can be given.
    """
    if source.type == there.type == PlaceType.S3 and source.credentials != there.credentials:
        what = "two S3 repositories with different keys"
    elif source.type == there.type == PlaceType.SFTP and _ssh(source) != _ssh(there):
        what = "two SFTP repositories on different hosts, or with different keys"
    else:
        return
    raise UsageError(
        f"{source.name} cannot be copied to {there.name}: restic takes no {what} at once",
        todo="copy to both from a repository on a server (`local`), or where one of them lies, "
        "as a `local` one",
    )


def _ssh(place: Place) -> tuple[str, int | None, str]:
    return place.location.partition(":")[0], place.port, str(place.ssh_config)
