"""Which jobs to start: for backups of sources, and for lists of copies. Pure.

From the fleet, its policy and what is seen of the swarm. What cannot be started is refused by
itself, with its reason, and holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import TypeVar

from quorate.backup.jobs import ways
from quorate.backup.jobs.model import DATA, Job, Work
from quorate.backup.jobs.names import run_key, secret_name
from quorate.backup.jobs.needs import Mount, Secret, Start, spool_mount
from quorate.backup.jobs.repositories import Reached, reached, start_of
from quorate.backup.jobs.whereabouts import Scene, server_of
from quorate.backup.model import Kind, Source
from quorate.backup.policy.sources import Planned, planned
from quorate.errors import QuorateError, UsageError
from quorate.fleet.backup import Repository, SourcePolicy, chosen
from quorate.fleet.backup_policies import policies
from quorate.fleet.datasets import BUNDLE, Homes, data_sets, ids_named
from quorate.fleet.model import Fleet, Service
from quorate.observe.whereabouts import where_now

ON_A_MANAGER = (Kind.CONFIGS, Kind.SWARM)
FLEET_FILES = "fleet-files"
Item = TypeVar("Item")

LIST_SECONDS = 900.0
"""A list of copies is read in seconds; a repository far away may take some minutes."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A source or repository for which nothing can be started, and why."""

    what: str
    error: QuorateError


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to start, and what not."""

    starts: tuple[Start, ...] = ()
    refused: tuple[Refused, ...] = ()


def backups(scene: Scene, names: Sequence[str], *, due: datetime) -> Decision:
    """A backup of each source named (all of the policy when none is).

    Args:
        due: when the run was due: with the source it is the run's key.

    Raises:
        UsageError: a name that is no source's, or one that the policy leaves out.
    """
    wanted = named(scene.fleet, where_now(scene.fleet, scene.snapshot), names)
    return each(wanted, lambda one: one.source.id, lambda one: _backup(scene, one, due))


def catalogues(scene: Scene, names: Sequence[str], *, due: datetime) -> Decision:
    """A list of the copies in each repository named (all when none is).

    Raises:
        UsageError: a name that is no repository's, or the fleet has none.
    """
    wanted = repositories_named(scene.fleet, names)
    return each(wanted, lambda one: one.name, lambda one: _catalogue(scene, one, due))


def creations(
    scene: Scene,
    wanted: Collection[Repository],
    *,
    due: datetime,
    like: Repository | None = None,
) -> Decision:
    """What makes repositories: first the one whose chunks all others have.

    Args:
        like: that one, where it is another than the first of those that are not off-site.
    """
    first = like or first_of(scene.fleet)
    ordered = sorted(wanted, key=lambda one: one.name != first.name)
    return each(
        ordered,
        lambda one: one.name,
        lambda one: _creation(scene, one, first if one.name != first.name else None, due),
    )


def first_of(fleet: Fleet) -> Repository:
    """The repository whose chunks all others have: the first that is not off-site, if any."""
    return min(fleet.backup.repositories, key=lambda one: one.offsite)


def repositories_named(fleet: Fleet, names: Sequence[str]) -> tuple[Repository, ...]:
    """The fleet's repositories, or those named.

    Raises:
        UsageError: there is none of that name, or none at all.
    """
    every = {one.name: one for one in fleet.backup.repositories}
    if not every:
        raise UsageError(
            "the fleet file names no repository",
            todo="say under `backup.repositories` where copies are to lie",
        )
    for name in names:
        if name not in every:
            raise UsageError(f"the fleet has no repository {name}", todo=near(name, every))
    return tuple(one for name, one in every.items() if not names or name in names)


def each(
    items: Iterable[Item], name: Callable[[Item], str], start: Callable[[Item], Start]
) -> Decision:
    """A start of each item; what cannot be started is refused by itself."""
    starts, refused = [], []
    for item in items:
        try:
            starts.append(start(item))
        except QuorateError as error:
            refused.append(Refused(what=name(item), error=error))
    return Decision(starts=tuple(starts), refused=tuple(refused))


def named(fleet: Fleet, homes: Homes, names: Sequence[str]) -> list[Planned]:
    """The sources of the policy, or those named.

    Raises:
        UsageError: a name that is no source's, or one that the policy leaves out.
    """
    every = {one.source.id: one for one in planned(fleet, homes)}
    if not names:
        return [one for one in every.values() if one.policy is not None]
    known = ids_named(data_sets(fleet, homes))
    found: dict[str, Planned] = {}
    for name in names:
        ids = [one for one in known.get(name, ()) if one in every]
        if not ids:
            raise UsageError(f"the fleet has no source {name}", todo=near(name, known))
        for one in ids:
            found[one] = every[one]
        if all(every[one].policy is None for one in ids):
            raise UsageError(
                f"{name} is not backed up",
                cause="it is under `exclude:` in `backup:`",
                todo="take it out there first",
            )
    return [one for one in found.values() if one.policy is not None]


def _backup(scene: Scene, one: Planned, due: datetime) -> Start:
    source, policy = one.source, one.policy
    assert policy is not None  # those that are left out were sorted out
    server = server_of(scene, source)
    node = scene.node(server)
    repository = reached(_repository(scene.fleet, source, policy, server), server)
    job = Job(
        work=Work.BACKUP,
        run=run_key(source.id, due),
        fleet=scene.fleet.name,
        server=server,
        source=source.id,
        kind=source.kind,
        sqlite=policy.sqlite,
        before=policy.hooks.before,
        after=policy.hooks.after,
        repository=repository.at,
        timezone=scene.fleet.backup.timezone,
        deadline=policy.deadline,
    )
    start = start_of(job, node.id, repository)
    start = replace(start, mounts=(*start.mounts, spool_mount(scene.fleet.backup)))
    return _with_data(scene, source, start)


def _repository(fleet: Fleet, source: Source, policy: SourcePolicy, server: str) -> Repository:
    """Where it goes from this server.

    Raises:
        QuorateError: every repository for it is on the same server.
    """
    candidates = fleet.backup.candidates(policy)
    beside = () if source.kind in ON_A_MANAGER else (server,)
    found = chosen(candidates, beside)
    if found is not None:
        return found
    names = ", ".join(one.name for one in candidates)
    raise QuorateError(
        f"{source.id} has no repository to go to",
        cause=f"it is on {server} now, and so is every repository for it: {names}"
        if candidates
        else "the fleet file names none",
        todo="add a repository on another server under `backup.repositories`",
    )


def _with_data(scene: Scene, source: Source, start: Start) -> Start:
    """The start with what reaches the source's data."""
    service = scene.fleet.service(source.service) if source.service else None
    if source.kind in ways.DATABASES and service is not None:
        start = _with_database(scene, source, service, start)
    elif source.kind is Kind.VOLUME:
        start = _kept_still(scene, source, ways.with_volumes(scene, source, start))
    elif source.kind is Kind.CONFIGS:
        files = _bundle(scene) if source.id == BUNDLE else _files(scene)
        job = start.job.model_copy(update={"given": files.path})
        start = replace(start, job=job, secrets=(*start.secrets, files))
    elif source.kind is Kind.SYSTEM:
        start = _mounting(start, (Mount(source="/", target=f"{DATA}/0", read_only=True),))
    elif source.kind is Kind.IMAGES:
        job = start.job.model_copy(update={"images": ways.wanted_images(scene, start.job.server)})
        start = replace(start, job=job)
    reaches_in = source.kind in (Kind.GITLAB, Kind.SWARM, Kind.IMAGES)
    if reaches_in or start.job.before or start.job.after:
        start = ways.with_engine(start)
    if service is not None:
        told = {"container": ways.pattern(service)}
        start = replace(start, job=start.job.model_copy(update=told))
    return start


def _files(scene: Scene) -> Secret:
    """The fleet's own files.

    Raises:
        QuorateError: they are elsewhere.
    """
    if scene.files is None:
        raise QuorateError(
            "the fleet's own files are not here to be backed up",
            cause="they lie where `quorate up` is run",
            todo="`quorate backup run configs` there backs them up",
        )
    return Secret(file=FLEET_FILES, name=secret_name(FLEET_FILES), value=scene.files)


def _bundle(scene: Scene) -> Secret:
    """The recovery bundle, encrypted.

    Raises:
        QuorateError: it could not be made, or nobody has made one here.
    """
    if isinstance(scene.bundle, QuorateError):
        raise scene.bundle
    if scene.bundle is None:
        raise QuorateError(
            "the recovery bundle is not here to be backed up",
            cause="it is made where the secret values are, and `quorate up` could not make it",
            todo="`quorate backup run bundle` there backs it up, or says what is missing",
        )
    return Secret(
        file=BUNDLE,
        name=secret_name(BUNDLE),
        value=scene.bundle.data,
        same=scene.bundle.same or None,
    )


def _with_database(scene: Scene, source: Source, service: Service, start: Start) -> Start:
    way = ways.into_database(scene, source, service, start.job.server)
    start = way.added_to(start)
    return replace(start, job=start.job.model_copy(update={"reach": way.opened.reach}))


def _kept_still(scene: Scene, source: Source, start: Start) -> Start:
    """With the services that use its volumes kept still, where the policy says so."""
    sets = data_sets(scene.fleet, where_now(scene.fleet, scene.snapshot))
    policy = policies(scene.fleet.backup, sets)[source.id]
    if policy.quiesce == "none":
        return start
    users = next(one.services for one in sets if one.id == source.id)
    names = tuple(scene.fleet.service(user).swarm_name for user in users)
    job = start.job.model_copy(update={"still": True})
    return replace(start, job=job, quiet=names, method=policy.quiesce)


def _mounting(start: Start, mounts: tuple[Mount, ...]) -> Start:
    return replace(start, mounts=(*start.mounts, *mounts))


def _catalogue(scene: Scene, repository: Repository, due: datetime) -> Start:
    """On its own server, where it is on one of the fleet's."""
    local = repository.place == "local" and repository.server is not None
    node = scene.node(str(repository.server)) if local else scene.any_node()
    way: Reached = reached(repository, node.hostname)
    job = Job(
        work=Work.CATALOGUE,
        run=run_key(repository.name, due),
        fleet=scene.fleet.name,
        server=node.hostname,
        repository=way.at,
        timezone=scene.fleet.backup.timezone,
        deadline=LIST_SECONDS,
    )
    start = start_of(job, node.id, way)
    return replace(start, mounts=(*start.mounts, spool_mount(scene.fleet.backup)))


def _creation(
    scene: Scene, repository: Repository, like: Repository | None, due: datetime
) -> Start:
    start = _catalogue(scene, repository, due)
    way = reached(like, start.job.server) if like else None
    update = {"work": Work.CREATE, "origin": way.at if way else None}
    start = replace(start, job=start.job.model_copy(update=update))
    return way.added_to(start) if way else start


def near(name: str, known: Iterable[str]) -> str:
    """What may have been meant."""
    found = get_close_matches(name, sorted(known), n=3)
    if found:
        return f"did you mean {' or '.join(found)}?"
    return "`quorate backup plan` lists them"
