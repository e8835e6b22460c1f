"""How much storage the policy will need in each repository, against the room there is.

The source document's "Storage Requirements", worked out: what is kept once everything runs (the
schedules played through), what a copy adds to those before it, and the assumptions behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from quorate.backup.model import Kind, Snapshot
from quorate.backup.policy.retention import places
from quorate.backup.policy.sources import Planned
from quorate.backup.policy.three import VOLUMES
from quorate.backup.policy.times import occurrences, period
from quorate.fleet.backup import Keep, Repository
from quorate.fleet.backup_read import disk_of
from quorate.fleet.model import Fleet
from quorate.fleet.schedules import Schedule

MIB = 2**20
DAYS = {"hourly": 1 / 24, "daily": 1.0, "weekly": 7.0, "monthly": 31.0, "yearly": 366.0}
SPOOLED = (Kind.POSTGRES, Kind.MARIADB, Kind.REDIS, Kind.GITLAB, Kind.IMAGES)


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What is assumed of a kind of source.

    `read`: the share of its data that a backup holds. `packed`: what is left of that after
    compression. `change`: the share of it that is new after a day. `least`: bytes, where
    nobody says how large it is. `why` in words.
    """

    read: float
    packed: float
    change: float
    least: int = 0
    why: str


GUESSES: dict[Kind, Guess] = {
    Kind.POSTGRES: Guess(read=0.6, packed=0.4, change=0.02, why="no indexes, rows as text"),
    Kind.MARIADB: Guess(read=0.6, packed=0.4, change=0.02, why="no indexes, rows as text"),
    Kind.REDIS: Guess(read=0.7, packed=0.6, change=1.0, why="an RDB file is new as a whole"),
    Kind.GITLAB: Guess(read=1.0, packed=0.8, change=0.01, why="repositories are packed already"),
    Kind.VOLUME: Guess(read=1.0, packed=0.7, change=0.003, why="2 % a week"),
    Kind.CONFIGS: Guess(read=1.0, packed=0.3, change=0.02, least=MIB, why="text"),
    Kind.SWARM: Guess(read=1.0, packed=0.3, change=0.05, least=4 * MIB, why="text"),
    Kind.SYSTEM: Guess(read=1.0, packed=0.4, change=0.002, least=64 * MIB, why="/etc, lists"),
    Kind.IMAGES: Guess(read=1.0, packed=0.4, change=0.01, least=512 * MIB, why="few are new"),
}
"""Ours, to be replaced by what is seen as soon as there are copies."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one source needs in one repository: `first` the first copy, `stored` all of them, bytes.

    `kept`: how many copies stay. `oldest`: seconds. `measured`: from copies that are there; else
    assumed. `unknown`: nobody says how large the source is, and it counts as nothing.
    """

    source: str
    repository: str
    first: int
    stored: int
    kept: int
    oldest: float
    measured: bool = False
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a place needs, and has, in bytes; `room` None: nobody says."""

    name: str
    needed: int
    room: int | None

    @property
    def fits(self) -> bool | None:
        """None: it is not known."""
        return None if self.room is None else self.needed <= self.room


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Every source in every repository, the repositories, and the spools of the servers."""

    needs: tuple[Need, ...]
    repositories: tuple[Room, ...]
    spools: tuple[Room, ...]
    assumptions: tuple[str, ...]


def estimate(
    fleet: Fleet,
    sources: Sequence[Planned],
    *,
    zone: tzinfo,
    sizes: Mapping[str, int] | None = None,
    snapshots: Iterable[Snapshot] = (),
    free: Mapping[str, int] | None = None,
) -> Estimate:
    """What the policy comes to.

    Args:
        sources: of the fleet, with their policies.
        sizes: bytes of sources as observed, by id; otherwise as the files say (`data_size`).
        snapshots: copies that are there: what they took replaces what is assumed.
        free: bytes that repositories may take, as observed, by name.
    """
    seen = sizes or {}
    made: dict[str, list[Snapshot]] = {}
    for one in snapshots:
        if one.original is None and one.complete:
            made.setdefault(one.source, []).append(one)
    needs = [
        _need(one, repository.name, seen, made.get(one.source.id, ()), zone)
        for one in sources
        for repository in one.repositories
    ]
    return Estimate(
        needs=tuple(needs),
        repositories=tuple(
            Room(
                name=one.name,
                needed=sum(need.stored for need in needs if need.repository == one.name),
                room=(free or {}).get(one.name, room_of(fleet, one)),
            )
            for one in fleet.backup.repositories
        ),
        spools=tuple(_spools(fleet, sources, seen)),
        assumptions=tuple(_assumptions(sources, needs)),
    )


@lru_cache(maxsize=256)
def kept_after(schedule: Schedule, keep: Keep, zone: tzinfo) -> tuple[float, ...]:
    """The ages, in days, of the copies that stay once the policy has run for long; newest first.

    Every run is taken to succeed and to be proven.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)  # any moment: the result is about a steady state
    every = period(schedule, zone, now) / timedelta(days=1)
    days = max(count * max(DAYS[span], every) for span, count in keep.items()) + 2 * every + 2
    times = list(occurrences(schedule, zone, now - timedelta(days=days), now))[::-1]
    kept = sorted(places(times, keep, zone))
    return tuple((now - times[index]) / timedelta(days=1) for index in kept)


def room_of(fleet: Fleet, repository: Repository) -> int | None:
    """What a repository may take, by the fleet file: what it says, or its disk less the rest on it.

    Volumes count where the engine's directory is on that disk; what is reserved for something
    outside Swarm counts there too, since nobody says which disk it is on.
    """
    if repository.room is not None or repository.place != "local" or repository.server is None:
        return repository.room
    server = next((one for one in fleet.servers if one.name == repository.server), None)
    disk = disk_of(server, repository.path) if server else None
    if server is None or disk is None:
        return None
    beside = sum(item.disk for item in server.reserved)
    if disk_of(server, VOLUMES) == disk:
        beside += sum(s.data_size for s in fleet.services if server.name in s.pins)
    return max(0, disk.size - beside)


def _need(
    one: Planned,
    repository: str,
    sizes: Mapping[str, int],
    made: Sequence[Snapshot],
    zone: tzinfo,
) -> Need:
    if one.policy is None:
        raise ValueError(f"{one.source.id} is excluded and has no repository")
    guess = GUESSES[one.source.kind]
    ages = kept_after(one.policy.schedule, one.policy.keep, zone)
    gaps = [older - newer for newer, older in pairwise(ages)]
    size = sizes.get(one.source.id, one.size) or guess.least
    measured = _measured(made)
    first, change = measured or (size * guess.read * guess.packed, guess.change)
    # What changes twice between two copies is stored once.
    added = sum(1 - (1 - change) ** max(gap, 0.0) if change < 1 else 1.0 for gap in gaps)
    return Need(
        source=one.source.id,
        repository=repository,
        first=round(first),
        stored=round(first * (1 + added)),
        kept=len(ages),
        oldest=(ages[-1] if ages else 0.0) * 86400,
        measured=measured is not None,
        unknown=measured is None and size == 0,
    )


def _measured(made: Sequence[Snapshot]) -> tuple[float, float] | None:
    """Bytes of a first copy, and the share that is new after a day; from at least three copies."""
    copies = sorted(made, key=lambda one: one.taken)
    if len(copies) < 3 or not copies[0].size or not copies[-1].size or not copies[0].added:
        return None
    first = copies[0].added / copies[0].size * copies[-1].size
    days = (copies[-1].taken - copies[0].taken) / timedelta(days=1)
    later = sum(one.added for one in copies[1:])
    return first, min(1.0, later / first / days) if days else 1.0


def _spools(fleet: Fleet, sources: Sequence[Planned], sizes: Mapping[str, int]) -> Iterable[Room]:
    """Of each server the largest dump, since runs on one server follow one another."""
    for server in fleet.servers:
        dumps = [
            round((sizes.get(one.source.id, one.size)) * GUESSES[one.source.kind].read)
            for one in sources
            if one.policy
            and not one.unreachable
            and one.source.kind in SPOOLED
            and server.name in one.source.servers
        ]
        if dumps:
            disk = disk_of(server, str(fleet.backup.spool.path or VOLUMES))
            room = fleet.backup.spool.room or (disk.size if disk else None)
            yield Room(name=server.name, needed=max(dumps), room=room)


def _assumptions(sources: Sequence[Planned], needs: Sequence[Need]) -> Iterable[str]:
    assumed = {need.source for need in needs if not need.measured}
    kinds = {one.source.kind for one in sources if one.source.id in assumed}
    for kind in (kind for kind in Kind if kind in kinds):
        guess = GUESSES[kind]
        yield (
            f"{kind.value}: {guess.read * guess.packed:.0%} of the data is stored by a first copy, "
            f"{guess.change:.2g} of that is new after a day ({guess.why})"
        )
    if unknown := sorted({need.source for need in needs if need.unknown}):
        yield f"of unknown size, and counted as nothing: {', '.join(unknown)}"
    if without := sorted(one.source.id for one in sources if one.policy and one.unreachable):
        yield f"of what no job can back up there is no copy to count: {', '.join(without)}"
    yield "every copy is proven; as many again may stay while proofs fail"
    yield "what two sources have alike is not counted once only, though it is stored once"
