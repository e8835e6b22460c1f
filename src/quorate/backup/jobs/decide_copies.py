"""Which jobs to start for copies off-site, for proofs, and for retention. Pure.

From the fleet, what is seen of the swarm, and the copies that its repositories have told of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from quorate.backup.jobs import orders
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import Decision, Refused, each, named, repositories_named
from quorate.backup.jobs.model import Work
from quorate.backup.jobs.names import copy_task, proof_task, run_key
from quorate.backup.jobs.needs import Start
from quorate.backup.jobs.whereabouts import Scene
from quorate.backup.model import Snapshot
from quorate.backup.policy import choices, retention
from quorate.backup.policy.sources import Planned, planned
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.backup import Repository
from quorate.fleet.model import Fleet
from quorate.fleet.zones import time_zone
from quorate.observe.whereabouts import where_now

UPKEEP = (Work.FORGET, Work.CHECK, Work.PRUNE)
"""In this order: only what was found whole is pruned."""


@dataclass(frozen=True, kw_only=True)
class Proving:
    """Which copies are to be proven: of these repositories (empty: of all); that of the id, or
    the newest of each source in each, or `every` one."""

    repositories: tuple[str, ...] = ()
    copy: str = ""
    every: bool = False


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What retention makes of one repository: by source, each copy with why it goes or stays.

    `strangers`: sources with copies and without a policy; they stay.
    """

    repository: str
    decisions: dict[str, retention.Decision]
    strangers: tuple[str, ...] = ()

    @property
    def forgotten(self) -> int:
        """How many copies go."""
        return sum(len(one.forgotten) for one in self.decisions.values())


def copies(
    scene: Scene, known: Known, names: Sequence[str], to: Sequence[str], *, due: datetime
) -> Decision:
    """What brings the newest copies to other repositories, from where they are.

    Where no source is named, all complete copies go along, as by the controller.

    Args:
        to: names of repositories; all that get copies by the policy when empty.

    Raises:
        UsageError: a name that is no source's or repository's, or nothing is off-site.
    """
    fleet = scene.fleet
    targets = repositories_named(fleet, to) if to else offsite(fleet)
    wanted = named(fleet, where_now(fleet, scene.snapshot), names)
    sound = choices.sound_copies(known.snapshots, due)
    refused = _without_copies(known, names and [one.source.id for one in wanted])
    spread = _Spread(scene)
    jobs: list[tuple[Repository, str, tuple[str, ...]]] = []
    for target in targets:
        if target.name in known.dark:
            continue
        meant = wanted if names or to else [one for one in wanted if target in one.copies]
        for origin, sources in choices.lacking(sound, meant, target.name, due).items():
            jobs.append((target, origin, tuple(sources) if names else ()))

    def start(job: tuple[Repository, str, tuple[str, ...]]) -> Start:
        target, origin, sources = job
        servers = choices.copying_servers(fleet, fleet.backup.repository(origin), target)
        run = run_key(copy_task(origin, target.name, sources), due)
        server = spread.idlest(servers)
        return orders.copy_start(
            scene, origin, target.name, server=server, run=run, sources=sources
        )

    decided = each(jobs, lambda job: job[0].name, start)
    return Decision(starts=decided.starts, refused=(*refused, *decided.refused))


def proofs(
    scene: Scene, known: Known, names: Sequence[str], wish: Proving, *, due: datetime
) -> Decision:
    """What proves copies, each on another server than its source's where there is one.

    Raises:
        UsageError: a name that is no source's or repository's, or no copy has that id.
    """
    fleet = scene.fleet
    where = {one.name for one in repositories_named(fleet, wish.repositories)}
    wanted = {one.source.id: one for one in _wanted(scene, names, wish)}
    among = [one for one in known.snapshots if one.repository in where and one.source in wanted]
    found = with_id(among, wish.copy) if wish.copy else _newest(among, due, every=wish.every)
    refused = [] if wish.copy else _without_copies(known, list(wanted) if names else ())
    spread = _Spread(scene)

    def start(copy: Snapshot) -> Start:
        servers = choices.proving_servers(fleet, copy, wanted[copy.source].source)
        return orders.proof_start(
            scene,
            copy.repository,
            server=spread.idlest(servers),
            run=run_key(proof_task(copy.repository, copy.id), due),
            source=copy.source,
            kind=copy.kind,
            snapshot=copy.id,
            deadline=orders.deadline_of(scene, copy.source),
        )

    decided = each(found, lambda copy: copy.source, start)
    return Decision(starts=decided.starts, refused=(*refused, *decided.refused))


def with_id(copies: Iterable[Snapshot], id: str) -> list[Snapshot]:
    """The complete copy of this id (or its beginning, or that of its original), wherever it is.

    Raises:
        UsageError: there is none, or several begin so.
    """
    found = [one for one in copies if one.complete and _is(one, id)]
    if not found:
        raise UsageError(
            f"no complete copy has the id {id[:16]}",
            cause="it was forgotten, or the repository that has it could not be read",
            todo="`quorate backup list` shows what there is",
        )
    if len({one.original or one.id for one in found}) > 1:
        raise UsageError(f"{len(found)} copies have ids that begin with {id}", todo="say more")
    return found


def keepings(
    scene: Scene, known: Known, names: Sequence[str], *, now: datetime
) -> tuple[tuple[Keeping, ...], tuple[Refused, ...]]:
    """What retention makes of each repository named (all when none is), and which it may not touch.

    Those that are append-only are left out where they were not named.

    Raises:
        UsageError: a name that is no repository's, or there is none.
    """
    fleet = scene.fleet
    zone = time_zone(fleet.backup.timezone)
    every = planned(fleet)
    policies = {one.source.id for one in every if one.policy is not None}
    guarded = append_only(fleet)
    found, refused = [], []
    for repository in repositories_named(fleet, names):
        name = repository.name
        if name in known.dark:
            continue
        if repository in guarded:
            if names:
                refused.append(Refused(what=name, error=_append_only(name)))
            continue
        there = {one.source for one in known.snapshots if one.repository == name}
        made = choices.kept(every, known.snapshots, name, zone, now)
        strangers = tuple(sorted(there - policies))
        found.append(Keeping(repository=name, decisions=made, strangers=strangers))
    return tuple(found), tuple(refused)


def append_only(fleet: Fleet) -> tuple[Repository, ...]:
    """The repositories from which nobody here may remove anything."""
    every = fleet.backup.repositories
    return tuple(one for one in every if one.append_only and one.place != "local")


def upkeep(scene: Scene, work: Work, names: Iterable[str], *, due: datetime) -> Decision:
    """One step of upkeep (`UPKEEP`) for each repository, on its own server where it has one."""

    def start(name: str) -> Start:
        own = choices.beside(scene.fleet.backup.repository(name))
        server = own[0] if own else scene.any_node().hostname
        return orders.upkeep_start(
            scene, work, name, server=server, run=run_key(f"{work}:{name}", due)
        )

    return each(names, lambda name: name, start)


class _Spread:
    """Chooses servers so that none gets all the work."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._jobs: Counter[str] = Counter()

    def idlest(self, servers: Sequence[str]) -> str:
        """The one with the fewest jobs of those that can be given work, the first of equals.

        Raises:
            MachineError: none can.
        """
        able = [name for name in servers if self._able(name)]
        if not able:
            self._scene.node(servers[0])  # says why
        best = min(able, key=lambda name: (self._jobs[name], servers.index(name)))
        self._jobs[best] += 1
        return best

    def _able(self, server: str) -> bool:
        try:
            self._scene.node(server)
        except QuorateError:
            return False
        return True


def _wanted(scene: Scene, names: Sequence[str], wish: Proving) -> list[Planned]:
    homes = where_now(scene.fleet, scene.snapshot)
    if wish.copy and not names:  # whatever it is of
        return list(planned(scene.fleet, homes))
    return named(scene.fleet, homes, names)


def _newest(among: Iterable[Snapshot], due: datetime, *, every: bool) -> list[Snapshot]:
    """The newest sound copy of each source in each repository, or every one, the newest first."""
    sound = choices.sound_copies(among, due)
    places: dict[tuple[str, str], list[Snapshot]] = {}
    for copies in sound.values():
        for one in reversed(copies):
            places.setdefault((one.source, one.repository), []).append(one)
    return [one for copies in places.values() for one in (copies if every else copies[:1])]


def _without_copies(known: Known, sources: Iterable[str]) -> list[Refused]:
    """Those of the sources named of which no complete copy is known."""
    there = {one.source for one in known.snapshots if one.complete}
    return [
        Refused(
            what=source,
            error=QuorateError(
                f"there is no complete copy of {source}", todo="`quorate backup run` makes one"
            ),
        )
        for source in sources
        if source not in there
    ]


def offsite(fleet: Fleet) -> tuple[Repository, ...]:
    """The repositories that get copies by the policy.

    Raises:
        UsageError: there is none.
    """
    found = fleet.backup.copies
    if not found:
        raise UsageError(
            "the fleet file names no repository that gets copies",
            todo="give one `offsite: true`, or name one with --to",
        )
    return found


def _is(copy: Snapshot, id: str) -> bool:
    return copy.id.startswith(id) or (copy.original or "").startswith(id)


def _append_only(name: str) -> RefusedError:
    return RefusedError(
        f"{name} is append-only: nothing is forgotten or pruned there",
        cause="its far side lets nobody delete",
        todo="do that on the server where it lies, as a local repository",
    )
