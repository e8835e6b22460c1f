"""Which copies count, what another repository lacks, and where copies are made and proven. Pure.

Whoever starts such work, on schedule or by hand, chooses by these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo

from quorate.backup.model import Snapshot, Source
from quorate.backup.policy.retention import Decision, decide, wrong_time
from quorate.backup.policy.sources import Planned
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet

Sound = Mapping[str, Sequence[Snapshot]]
"""By source: its complete copies whose time can be right, the oldest first."""


def sound_copies(snapshots: Iterable[Snapshot], now: datetime) -> Sound:
    """The copies that count."""
    copies = tuple(snapshots)
    originals = {one.id: one.taken for one in copies if one.original is None}
    found: dict[str, list[Snapshot]] = {}
    for one in sorted(copies, key=lambda copy: (copy.taken, copy.id)):
        if one.complete and not wrong_time(one, now, originals):
            found.setdefault(one.source, []).append(one)
    return found


def recovery_copies(every: Iterable[Snapshot], near: Collection[str]) -> list[Snapshot]:
    """The newest proven copy of one source, in each repository that has it, the best first.

    Args:
        every: its sound copies, the oldest first.
        near: repositories on the server it goes to.
    """
    good = [one for one in every if one.proven]
    return ranked(same_copies(good, good[-1]), near) if good else []


def same_copies(copies: Iterable[Snapshot], one: Snapshot) -> list[Snapshot]:
    """The same copy, in whichever repository."""
    same = one.original or one.id
    return [each for each in copies if (each.original or each.id) == same]


def ranked(same: Iterable[Snapshot], near: Collection[str]) -> list[Snapshot]:
    """The same copy in several repositories: a proven one first, then the nearest."""

    def worse(one: Snapshot) -> tuple[bool, bool, bool, str]:
        return not one.proven, one.repository not in near, one.original is not None, one.repository

    return sorted(same, key=worse)


def in_repository(sound: Sound, source: str, repository: str) -> list[Snapshot]:
    """The copies of a source in a repository, the oldest first."""
    return [one for one in sound.get(source, ()) if one.repository == repository]


def newest_made(sound: Sound, source: str, until: datetime) -> Snapshot | None:
    """The newest copy that a backup made, not one that was copied, of those received by then."""
    made = [one for one in sound.get(source, ()) if one.original is None and one.received <= until]
    return made[-1] if made else None


def lacking(
    sound: Sound, planned: Iterable[Planned], target: str, until: datetime
) -> dict[str, list[str]]:
    """Sources whose newest copy a repository lacks, by the repository that has it."""
    found: dict[str, list[str]] = {}
    for one in planned:
        newest = newest_made(sound, one.source.id, until)
        if newest is None or newest.repository == target:
            continue
        there = in_repository(sound, one.source.id, target)
        if all((copy.original or copy.id) != newest.id for copy in there):
            found.setdefault(newest.repository, []).append(one.source.id)
    return found


def beside(repository: Repository) -> tuple[str, ...]:
    """The repository's own server, where it is a directory on one."""
    local = repository.place == "local" and repository.server
    return (repository.server,) if local and repository.server else ()


def copying_servers(fleet: Fleet, origin: Repository, target: Repository) -> tuple[str, ...]:
    """Where copies are brought from one repository to another: where one of both lies."""
    return beside(origin) or beside(target) or tuple(server.name for server in fleet.servers)


def proving_servers(fleet: Fleet, copy: Snapshot, source: Source) -> tuple[str, ...]:
    """Where a copy may be proven: on another server than the source's, if the policy has one."""
    return trying_servers(fleet, fleet.backup.proving.servers, copy, source)


def trying_servers(
    fleet: Fleet, named: tuple[str, ...], copy: Snapshot, source: Source
) -> tuple[str, ...]:
    """Where a copy may be restored beside what is in place, of those that are named.

    Nobody's data go to a server that the policy does not name: where it names the source's own
    alone, it is that one. `check` warns of it (Q718), and the status says where it was proven so.
    """
    allowed = named or tuple(server.name for server in fleet.servers)
    own = {copy.server, *source.servers[:1]}
    return tuple(name for name in allowed if name not in own) or allowed


def kept(
    planned: Iterable[Planned],
    snapshots: Iterable[Snapshot],
    repository: str,
    zone: tzinfo,
    now: datetime,
) -> dict[str, Decision]:
    """What becomes of a repository's copies, by source; those without a policy are left out."""
    mine = [one for one in snapshots if one.repository == repository]
    found = {}
    for one in planned:
        copies = [copy for copy in mine if copy.source == one.source.id]
        if one.policy is not None and copies:
            found[one.source.id] = decide(copies, one.policy.keep, zone, now=now)
    return found
