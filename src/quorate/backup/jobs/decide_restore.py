"""Which copy is restored, where to, and by what job. Pure.

Nothing is restored over its source unless that is what was asked for (`in_place`), and nothing
over anything else: the job refuses a target that has data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from quorate.backup.jobs import orders, ways
from quorate.backup.jobs.copies import Known
from quorate.backup.jobs.decide import near
from quorate.backup.jobs.decide_copy import Wanted, chosen, notes
from quorate.backup.jobs.model import HOST, NOWHERE, Job, Reach, Work
from quorate.backup.jobs.names import run_key
from quorate.backup.jobs.needs import Mount, Start, spool_mount
from quorate.backup.jobs.targets import (
    FORMS,
    IntoDirectory,
    IntoEngine,
    IntoService,
    IntoVolume,
    Target,
    target_of,
)
from quorate.backup.jobs.whereabouts import Scene, server_of
from quorate.backup.model import Kind, Snapshot, Source
from quorate.backup.policy import choices
from quorate.backup.policy.sources import find_sources
from quorate.backup.policy.wal import Receiver, receivers
from quorate.errors import QuorateError, RefusedError, UsageError
from quorate.fleet.datasets import data_sets, ids_named
from quorate.fleet.model import Engine, Service
from quorate.observe.whereabouts import where_now

SETTINGS = (Kind.CONFIGS, Kind.SWARM, Kind.SYSTEM)
LOG = "/log"
"""Where the write-ahead log is mounted in the job."""
LATEST = datetime.max.replace(tzinfo=UTC)
"""Of a write-ahead log its end: the last commit that was received. Of copies the newest."""
TARGET = "/target"
"""Where the volume that is restored into is mounted in the job."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. `to` as people write it; `only` one database; `copy` an id or its
    beginning; `at` a moment; `repository` where the copy is to come from; empty: whatever fits.
    `log`: `at` comes out of the write-ahead log in place, too. `aside`: by what the data is known
    that a restore in place keeps (`quorate.backup.jobs.model.Job`)."""

    source: str
    to: str = ""
    only: str = ""
    copy: str = ""
    at: datetime | None = None
    repository: str = ""
    in_place: bool = False
    log: bool = False
    aside: str = ""


@dataclass(frozen=True, kw_only=True)
class Restoring:
    """A restore that may begin: the job, the copy, the target in words.

    `copy` is None where it comes out of the write-ahead log, by `moment`. `over`: the source,
    where its data is replaced; empty: nothing is. `notes`: what people should know before.
    """

    start: Start
    copy: Snapshot | None
    target: str
    moment: datetime | None = None
    over: str = ""
    notes: tuple[str, ...] = ()


def restoring(scene: Scene, known: Known, wish: Wish, *, due: datetime) -> Restoring:
    """The job that restores, and what it does.

    Raises:
        UsageError: no such source, copy or target, or they do not go together.
        RefusedError: it would go over its source, and that was not said.
        QuorateError: the target cannot be reached, with why.
    """
    source = source_named(scene, known, wish.source)
    target = _target(scene, source, wish)
    plan = _Plan(scene, source, wish, target)
    log = _log(scene, source, wish)
    if log is not None and (wish.log or isinstance(target, IntoDirectory)):
        return _out_of_log(scene, plan, log, wish, due)
    every = scene.fleet.backup.repositories
    close = frozenset(one.name for one in every if choices.beside(one) == (plan.server,))
    copy = chosen(
        known,
        source.id,
        Wanted(copy=wish.copy, at=wish.at, repository=wish.repository),
        close=close,
        due=due,
    )
    kept = bool(wish.aside)
    if wish.in_place and source.kind is Kind.MARIADB and not copy.proven and not kept:
        raise RefusedError(
            f"the copy {copy.id[:8]} is not proven, and would take the place of what is there",
            todo=f"`quorate backup prove {source.id} --copy {copy.id[:8]}`, or restore elsewhere",
        )
    told: dict[str, Any] = {
        "source": source.id,
        "kind": copy.kind,
        "snapshot": copy.id,
        "in_place": wish.in_place,
        "only": wish.only,
        "aside": wish.aside,
        **plan.told,
    }
    run = run_key(f"restore:{copy.repository}:{copy.id[:16]}>{plan.words}", due)
    start = orders.restore_start(scene, copy.repository, server=plan.server, run=run, told=told)
    return Restoring(
        start=plan.added_to(start),
        copy=copy,
        target=plan.words,
        over=source.id if wish.in_place else "",
        notes=(*notes(copy, known), *_log_notes(log)),
    )


def putting_back(scene: Scene, source: str, aside: str, *, due: datetime) -> Start:
    """The job that puts back what a restore in place has kept under `aside`.

    Raises:
        UsageError: no such source, or it is not restored in place.
        QuorateError: it cannot be reached.
    """
    wish = Wish(source=source, in_place=True, aside=aside)
    found = source_named(scene, Known(), source)
    plan = _Plan(scene, found, wish, None)
    job = Job(
        work=Work.BACK,
        run=run_key(f"back:{found.id}:{aside}", due),
        fleet=scene.fleet.name,
        server=plan.server,
        repository=NOWHERE,
        timezone=scene.fleet.backup.timezone,
        deadline=orders.LONG_SECONDS,
    ).model_copy(
        update={
            "source": found.id,
            "kind": found.kind,
            "in_place": True,
            "aside": aside,
            **plan.told,
        }
    )
    spool = spool_mount(scene.fleet.backup)
    return plan.added_to(Start(job=job, node=scene.node(plan.server).id, mounts=(spool,)))


def _log(scene: Scene, source: Source, wish: Wish) -> Receiver | None:
    """The write-ahead log that has the moment asked for, where no copy was chosen."""
    if wish.at is None or wish.copy or wish.repository:
        return None
    return log_of(scene, source.id)


def log_of(scene: Scene, source: str) -> Receiver | None:
    """The write-ahead log of a source; None: it is not received."""
    found = receivers(scene.fleet, where_now(scene.fleet, scene.snapshot))
    return next((one for one in found if one.source == source and one.server), None)


def _out_of_log(scene: Scene, plan: _Plan, log: Receiver, wish: Wish, due: datetime) -> Restoring:
    """A restore to the very moment, on the server where the log lies.

    Raises:
        UsageError: the directory is on another one.
    """
    server = str(log.server)
    if plan.server != server and not wish.in_place:
        raise UsageError(
            f"the write-ahead log of {log.source} lies on {server}, and is replayed there",
            cause=f"the directory is on {plan.server}",
            todo=f"`--to {server}:/PATH`; or `--from REPOSITORY`: the newest copy until then",
        )
    assert wish.at is not None
    moment = wish.at if wish.at < due else None  # what is not over yet: the last there is
    told = {
        "source": log.source,
        "kind": Kind.POSTGRES,
        "given": LOG,
        "moment": moment,
        "deadline": orders.LONG_SECONDS,
        "in_place": wish.in_place,
        "aside": wish.aside,
        **plan.told,
    }
    # The job has no use for it, but every job has one.
    repository = scene.fleet.backup.repositories[0].name
    run = run_key(f"restore:log>{plan.words}", due)
    start = orders.restore_start(scene, repository, server=server, run=run, told=told)
    start = plan.added_to(start)
    return Restoring(
        start=replace(start, mounts=(*start.mounts, Mount(source=log.path, target=LOG))),
        copy=None,
        target=plan.words,
        moment=moment or due,
        over=log.source if wish.in_place else "",
        notes=() if moment else ("to the end of the log: the last commit that was received",),
    )


def _log_notes(log: Receiver | None) -> list[str]:
    if log is None:
        return []
    return [
        "this is the newest copy until then; the very moment can be had from the write-ahead log: "
        f"`--to {log.server}:/PATH`"
    ]


def source_named(scene: Scene, known: Known, name: str) -> Source:
    """The source of that name; one that the fleet has no more is known by its copies.

    Raises:
        UsageError: there is none, or several are meant.
    """
    homes = where_now(scene.fleet, scene.snapshot)
    every = {one.id: one for one in find_sources(scene.fleet, homes)}
    names = ids_named(data_sets(scene.fleet, homes))
    ids = [one for one in names.get(name, ()) if one in every]
    if len(ids) > 1:
        raise UsageError(f"{name} is several sources", todo=f"name one: {', '.join(ids)}")
    if ids:
        return every[ids[0]]
    left = [one for one in known.snapshots if one.source == name]
    if left:
        return Source(id=name, kind=left[-1].kind)
    raise UsageError(f"the fleet has no source {name}, and no copy of it", todo=near(name, names))


def _target(scene: Scene, source: Source, wish: Wish) -> Target | None:
    """Where it goes; None: in place.

    Raises:
        UsageError: that was not said, or makes no sense.
    """
    if wish.in_place and wish.to:
        raise UsageError("either --in-place or --to: one of both says where it is to go")
    if not wish.in_place and not wish.to:
        raise UsageError(f"nothing says where {source.id} is to go", todo=FORMS)
    if wish.only and source.kind is not Kind.POSTGRES:
        raise UsageError(
            f"--only is for databases of a Postgres, and {source.id} is none",
            todo="restore the whole copy somewhere else, and take from there what is needed",
        )
    return None if wish.in_place else target_of(scene.fleet, wish.to)


class _Plan:
    """What a restore to a target takes: `server`, what the job is `told`, its target in `words`."""

    def __init__(self, scene: Scene, source: Source, wish: Wish, target: Target | None) -> None:
        self.scene, self.source, self.wish = scene, source, wish
        self.told: dict[str, Any] = {}
        self.way: ways.Way | None = None
        self.mounts: tuple[Mount, ...] = ()
        self.quiet: tuple[str, ...] = ()
        self.volumes = False
        self.gitlab: Service | None = None
        self.engine = False
        match target:
            case None:
                self.server, self.words = self._in_place()
            case IntoService():
                self.server, self.words = self._service(target)
            case IntoVolume():
                self.server, self.words = self._volume(target)
            case IntoDirectory():
                self.server, self.words = self._directory(target)
            case IntoEngine():
                self.server, self.words = self._engine(target.server)

    def added_to(self, start: Start) -> Start:
        """The start with what the target takes."""
        if self.way is not None:
            start = self.way.added_to(start)
        if self.volumes:
            start = ways.with_volumes(self.scene, self.source, start, read_only=False)
        if self.gitlab is not None:
            start = ways.into_gitlab(self.gitlab, start)
        if self.engine:
            start = ways.with_engine(start)
        start = replace(start, mounts=(*start.mounts, *self.mounts))
        return replace(start, quiet=self.quiet, method="stop") if self.quiet else start

    def _in_place(self) -> tuple[str, str]:
        source = self.source
        if source.kind in SETTINGS:
            raise UsageError(
                f"{source.id} is not restored in place",
                cause="settings of a machine, a swarm or a fleet as a whole fit no other moment",
                todo="restore it into a directory (`--to SERVER:/PATH`); what is in there says how "
                "to go on",
            )
        if not source.servers and source.service is None:
            raise UsageError(
                f"{source.id} is no more a source of the fleet: there is no place it was in",
                todo=FORMS,
            )
        server = server_of(self.scene, source)
        if source.kind is Kind.IMAGES:
            return self._engine(server)
        if source.kind is Kind.VOLUME:
            self.volumes = True
            self.quiet = self._users()
        else:
            self._reach(source, server, "reach")
        name = f"the database {self.wish.only} of {source.id}" if self.wish.only else source.id
        return server, f"{name} itself, on {server}"

    def _users(self) -> tuple[str, ...]:
        """The services that use the volume, which stand still meanwhile.

        Raises:
            RefusedError: one runs by compose.
        """
        fleet = self.scene.fleet
        sets = data_sets(fleet, where_now(fleet, self.scene.snapshot))
        users = [name for one in sets if one.id == self.source.id for name in one.services]
        services = [fleet.service(name) for name in users]
        composed = [one.id for one in services if one.engine is Engine.COMPOSE]
        if composed:
            raise RefusedError(
                f"{self.source.id} is used by {', '.join(composed)}, which Quorate does not stop",
                cause="its stack runs by compose",
                todo="restore it into another volume, stop the stack, and put that in its place",
            )
        names = [one.swarm_name for one in services]
        return tuple(one for one in names if self.scene.snapshot.service(one) is not None)

    def _reach(self, source: Source, server: str, field: str) -> None:
        """The way into a source that runs: a database, or a GitLab's container."""
        service = self.scene.fleet.service(str(source.service))
        if source.kind is Kind.GITLAB:
            self.gitlab = service
            self.told["container"] = ways.pattern(service)
            return
        self.way = ways.into_database(self.scene, source, service, server)
        self.told[field] = self.way.opened.reach

    def _service(self, target: IntoService) -> tuple[str, str]:
        source, service, only = self.source, target.service, self.wish.only
        if source.kind not in (*ways.DATABASES, Kind.GITLAB) or service.state != source.kind.value:
            raise UsageError(
                f"a copy of {source.id} ({source.kind}) does not go into {service.id} "
                f"({service.state.value})",
                todo=FORMS,
            )
        if target.database and not only:
            raise UsageError(
                f"nothing says which database of the copy becomes {target.database}",
                todo="name it with `--only NAME`",
            )
        name = target.database or only
        if service.id == source.service and (not only or name == only):
            raise RefusedError(
                f"{service.id} is where the data come from; nothing was changed",
                cause="a restore goes over its source only when that is said twice",
                todo=f"`--in-place` replaces them; `--only NAME --to {service.id}/OTHER` puts one "
                "database beside them",
            )
        other = self._of_service(target)
        server = server_of(self.scene, other)
        self._reach(other, server, "target")
        if isinstance(reach := self.told.get("target"), Reach):
            if only:
                self.told["target"] = reach.model_copy(update={"database": name})
            self.told["reach"] = self._own()
        return server, f"the database {name} in {other.id}" if name else other.id

    def _of_service(self, target: IntoService) -> Source:
        homes = where_now(self.scene.fleet, self.scene.snapshot)
        found = [
            one
            for one in find_sources(self.scene.fleet, homes)
            if one.service == target.service.id and one.kind is self.source.kind
        ]
        if len(found) == 1:
            return found[0]
        raise UsageError(
            f"{target.service.id} is several databases, one for each of its tasks",
            todo="restore into a service with one task, or into a directory",
        )

    def _own(self) -> Reach | None:
        """Where the source answers, for the job to see that it is not the target."""
        source = self.source
        if source.service is None or "@" in source.id:
            return None
        service = self.scene.fleet.service(source.service)
        if service.engine is Engine.COMPOSE:
            return None
        reach = self.told["target"]
        return Reach(host=f"tasks.{service.swarm_name}", port=reach.port)

    def _volume(self, target: IntoVolume) -> tuple[str, str]:
        server = target.server or self._server_of_volume(target.name)
        if target.name in self.source.volumes and server == self._now():
            raise RefusedError(
                f"the volume {target.name} on {server} is where the data come from; nothing was "
                "changed",
                todo="name another volume; `--in-place` is for going over the source",
            )
        self._no_only()
        self.mounts = (Mount(source=target.name, target=TARGET, volume=True),)
        self.told["target_path"] = TARGET
        new = target.name not in self.scene.volumes.get(server, (target.name,))
        return server, f"the {'new ' if new else ''}volume {target.name} on {server}"

    def _directory(self, target: IntoDirectory) -> tuple[str, str]:
        if target.path in self.source.volumes and target.server == self._now():
            raise RefusedError(
                f"{target.path} on {target.server} is where the data come from; nothing was "
                "changed",
                todo="name another directory; `--in-place` is for going over the source",
            )
        self._no_only()
        # Which of the directories above it are there, nobody here can tell.
        self.mounts = (Mount(source="/", target=HOST),)
        self.told["target_path"] = f"{HOST}{target.path}"
        return target.server, f"{target.path} on {target.server}"

    def _engine(self, server: str) -> tuple[str, str]:
        if self.source.kind is not Kind.IMAGES:
            raise UsageError(
                f"a copy of {self.source.id} ({self.source.kind}) has no images", todo=FORMS
            )
        self.engine = True
        return server, f"the engine on {server}"

    def _no_only(self) -> None:
        if self.wish.only:
            raise UsageError(
                "--only restores a database into a server", todo="`--to SERVICE[/DATABASE]`"
            )

    def _now(self) -> str:
        """The server that the source's data is on; empty: nobody can tell."""
        try:
            return server_of(self.scene, self.source)
        except (QuorateError, IndexError):
            return ""

    def _server_of_volume(self, name: str) -> str:
        """Where a volume is, or is made: where it is seen, else where the source's data is.

        Raises:
            UsageError: it is on several servers, or nobody can tell.
        """
        seen = sorted(server for server, names in self.scene.volumes.items() if name in names)
        if len(seen) == 1:
            return seen[0]
        now = self._now() if not seen else ""
        if now:
            return now
        where = f"{', '.join(seen)} have one" if seen else "none has it, and the source is nowhere"
        raise UsageError(
            f"nothing says on which server the volume {name} is meant",
            cause=where,
            todo=f"`--to SERVER:volume/{name}`",
        )
