"""What lived on a lost server alone, and the copy that each of it comes back from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quorate.backup.jobs.copies import Known, snapshot_of
from quorate.backup.jobs.decide_copy import nearest
from quorate.backup.jobs.model import Copied
from quorate.backup.model import Kind, Snapshot
from quorate.backup.policy import choices
from quorate.backup.policy.sources import Planned, planned
from quorate.backup.runner.answers import copied
from quorate.fleet.datasets import data_sets, served
from quorate.fleet.model import Engine, Fleet, Model
from quorate.recover.server.sight import Sight

DATABASES = (Kind.POSTGRES, Kind.MARIADB, Kind.REDIS, Kind.GITLAB)
"""Restored into their running service; volumes are filled before any service starts."""
KEPT = (Kind.IMAGES, *DATABASES, Kind.VOLUME)
WITHOUT_LOG = "without its log: "
"""A fact, the source after it: what its write-ahead log should have given came from its copy."""
UNKNOWN_IMAGES = (
    "a service whose image no registry has does not start before that is built on its server"
)
DISK_SHARE = 1.2
"""Of what copies hold: a copy is laid beside its place before it is put there."""
ASSUMED_RATE = 40e6
"""Bytes per second of a restore whose time no proof has measured."""
LEAST_SECONDS = 5.0


class Log(Model):
    """A write-ahead log on a server that is still there. `until`: all committed until then is in
    it; `path`: its directory there."""

    server: str
    path: str
    until: datetime


class Lost(Model):
    """A set of data that was lost, and what it comes back from.

    `services` use it; `servers`: those it lay on. `copy_used`: None with no `log`: it is started
    empty, as was asked for. `log`: it comes out of this, and from the copy only where that fails.
    `newer`: when the newest copy was taken that is not known to restore, where that is newer.
    `by_hand`: its database runs by compose, where no job reaches it.
    """

    source: str
    kind: Kind
    service: str
    services: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    copy_used: Copied | None = None
    log: Log | None = None
    newer: datetime | None = None
    by_hand: bool = False

    @property
    def restored(self) -> bool:
        """Whether a step brings it back."""
        return (self.copy_used is not None or self.log is not None) and not self.by_hand

    @property
    def until(self) -> datetime | None:
        """What was written until then comes back; None: nothing does."""
        if self.log is not None:
            return self.log.until
        return self.copy_used.taken if self.copy_used else None

    @property
    def database(self) -> bool:
        """Whether it is restored into its running service."""
        return self.kind in DATABASES

    @property
    def binds(self) -> tuple[str, ...]:
        """Directories of its server that it lies in: no engine lists them."""
        return binds(self.volumes)

    @property
    def copy_of_it(self) -> Snapshot | None:
        """The copy as the catalogue has it."""
        return snapshot_of(self.copy_used) if self.copy_used else None

    @property
    def seconds(self) -> float:
        """How long its restore is expected to take: as its proof took, else by its size."""
        if self.copy_used is None:
            return 0.0
        measured = self.copy_used.proof_seconds
        return max(LEAST_SECONDS, measured or self.copy_used.size / ASSUMED_RATE)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for: `unproven`: a copy that was never proven is taken too, where it is newer
    or there is no other; `without`: sources that start empty; `logs`: write-ahead logs that are
    there, by their sources."""

    now: datetime
    unproven: bool = False
    without: frozenset[str] = frozenset()
    logs: Mapping[str, Log] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What comes back, what stands in the way of it (all of it, in words), and warnings."""

    lost: tuple[Lost, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def chosen(
    sight: Sight,
    known: Known,
    *,
    now: datetime,
    unproven: bool,
    without: Collection[str] = (),
    logs: Mapping[str, Log] | None = None,
) -> Choice:
    """A copy for each set of data that only the lost server had.

    Args:
        logs: the write-ahead logs that other servers have, by their sources.
        unproven: a newer copy that was never proven is taken too, or where there is no other.
        without: sources that start empty.
    """
    users = {one.id: one.services for one in data_sets(sight.fleet, sight.homes)}
    close = frozenset(
        one.name
        for one in sight.fleet.backup.repositories
        if choices.beside(one) == (sight.target,)
    )
    wish = Asked(now=now, unproven=unproven, without=frozenset(without), logs=logs or {})
    return chosen_for(sight.fleet, lived_there(sight), users, known, wish, close)


def chosen_for(
    fleet: Fleet,
    wanted: Iterable[Planned],
    users: Mapping[str, tuple[str, ...]],
    known: Known,
    wish: Asked,
    close: frozenset[str] = frozenset(),
) -> Choice:
    """A copy for each of these sets of data.

    Args:
        users: the services that use a source, by its id.
        close: repositories on the server that it goes to.
    """
    found: list[Lost] = []
    problems: list[str] = []
    warnings: list[str] = []
    sound = choices.sound_copies(known.snapshots, wish.now)
    for one in wanted:
        source = one.source
        base = Lost(
            source=source.id,
            kind=source.kind,
            service=source.service or "",
            services=users.get(source.id, ()),
            volumes=source.volumes,
            servers=source.servers,
            by_hand=source.kind in DATABASES and _compose(fleet, source.service),
        )
        good = [c for c in sound.get(source.id, ()) if c.proof is None or c.proof.ok]
        proven = [c for c in good if c.proven]
        # What an image's copy holds is checked by its digests before an engine is given it.
        among = good if wish.unproven or source.kind is Kind.IMAGES else proven
        log = None if base.by_hand else wish.logs.get(source.id)
        if log is not None and among and among[-1].taken > log.until:
            warnings.append(
                f"the write-ahead log of {source.id} ends before its newest copy, and is not used"
            )
            log = None
        if source.id in wish.without:
            warnings.append(f"{source.id} starts empty, as was asked for: its data stays lost")
            found.append(base)
        elif one.policy is None:
            warnings.append(f"{source.id} was not backed up (`exclude:`): it starts empty")
            found.append(base)
        elif log is not None and not among:
            warnings.append(f"{source.id} has no proven copy: it comes out of its log, or not")
            found.append(base.model_copy(update={"log": log}))
        elif not among and source.kind is Kind.IMAGES:
            warnings.append(f"{source.id} has no copy: {UNKNOWN_IMAGES}")
            found.append(base)
        elif not among:
            problems.append(_no_copy(source.id, good, wish.now))
        else:
            used = _of_same(among, close)
            newer = good[-1].taken if good[-1].taken > used.taken else None
            update = {"copy_used": copied(used), "newer": newer, "log": log}
            found.append(base.model_copy(update=update))
            if newer is not None and log is None:
                warnings.append(
                    f"a newer copy of {source.id}, of {newer:%Y-%m-%d %H:%M} UTC, was never proven "
                    "and is not used; `--unproven` takes it"
                )
            if not used.proven and log is None and source.kind is not Kind.IMAGES:
                warnings.append(
                    f"the copy {used.id[:8]} of {source.id} was never proven: it may not restore"
                )
    warnings += _composed(fleet, found)
    warnings += [f"{one.what} could not be read: {one.error.what}" for one in known.unread]
    return Choice(lost=tuple(found), problems=tuple(problems), warnings=tuple(warnings))


def binds(volumes: Iterable[str]) -> tuple[str, ...]:
    """Those that are directories of a server, which no engine lists."""
    return tuple(name for name in volumes if name.startswith("/"))


def lived_there(sight: Sight) -> tuple[Planned, ...]:
    """The sets of data that lay on the lost server by the last deployment, and nowhere else now.

    Onto another server: without those of services that have data of their own there.
    """
    own = {one.source.id for one in own_there(sight)}
    return tuple(one for one in _lay_there(sight) if one.source.id not in own)


def own_there(sight: Sight) -> tuple[Planned, ...]:
    """What the lost server had of services with a task on each of several servers, where the other
    server is one of these: its own data is in use, and must not be written over."""
    if not sight.onto:
        return ()
    return tuple(
        one
        for one in _lay_there(sight)
        if "@" in one.source.id and sight.target in sight.homes.get(one.source.service or "", ())
    )


def _lay_there(sight: Sight) -> tuple[Planned, ...]:
    shared = served(sight.fleet)
    found = []
    for one in planned(sight.fleet, sight.homes):
        source = one.source
        if source.kind not in KEPT or sight.name not in source.servers:
            continue
        elsewhere = set(sight.running.get(source.service or "", ())) - {sight.name}
        alone = "@" in source.id or not elsewhere
        if alone and not shared & set(source.volumes):
            found.append(one)
    return tuple(found)


def needs_disk(lost: Iterable[Lost], planned_sizes: Iterable[int] = ()) -> int:
    """Bytes that the replacement must have free."""
    copies = sum(one.copy_used.size for one in lost if one.copy_used)
    return round(max(copies, sum(planned_sizes)) * DISK_SHARE)


def _of_same(among: list[Snapshot], close: frozenset[str]) -> Snapshot:
    """The newest copy; where several repositories have it, a proven one, then one that is near."""
    newest = among[-1]
    same = newest.original or newest.id
    return nearest([one for one in among if (one.original or one.id) == same], close)


def _no_copy(source: str, good: list[Snapshot], now: datetime) -> str:
    if not good:
        return f"{source}: no complete copy in any repository that answers"
    best = good[-1]
    return (
        f"{source}: no copy is proven; the best is {best.id[:8]} in {best.repository}, of "
        f"{best.taken:%Y-%m-%d %H:%M} UTC ({age((now - best.taken).total_seconds())} old): whole "
        "when it was stored, but nobody knows whether it restores"
    )


def age(seconds: float) -> str:
    """A span for people: `40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _compose(fleet: Fleet, service: str | None) -> bool:
    return service is not None and fleet.service(service).engine is Engine.COMPOSE


def _composed(fleet: Fleet, found: Iterable[Lost]) -> list[str]:
    """What is to be done by hand, since Quorate starts nothing that runs by compose."""
    stacks = {
        service.stack
        for one in found
        for name in one.services
        if (service := fleet.service(name)).engine is Engine.COMPOSE
    }
    return [
        f"the stack {name} runs by compose: its volumes come back, start it there by hand; its "
        "databases are filled by hand, as `quorate runbook` says"
        for name in sorted(stacks)
    ]
