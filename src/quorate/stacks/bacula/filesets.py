"""What each server's jobs save: dumps, GitLab, volumes, configurations, the system itself.

Files of a running database are no backup of it: what is saved of databases are
the dumps that lie beside them. Volumes are saved while their services run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from quorate.fleet.model import Engine, Fleet, Server, Service, State
from quorate.stacks.bacula.model import GIB, FileSet, Finding, Layout, Part, Roles
from quorate.stacks.bacula.places import Place, place

DUMPS = "/mnt/data/backups"
"""Where the document's own backup services write (its Solution 1)."""

LOCAL_BACKUPS = "local-backups"
"""The `reserved:` entry whose disk is what the dump directories may hold."""

DUMPED = {State.POSTGRES: "postgres", State.MARIADB: "mariadb", State.REDIS: "redis"}
GITLAB_DATA = "/var/opt/gitlab"
GITLAB_CONFIG = "/etc/gitlab"
GITLAB_LIVE = ("postgresql", "redis", "prometheus", "backups")
"""Below GitLab's data: files of running databases, and the archives saved as dumps."""

CONFIGS = ("/etc/docker",)
SYSTEM = (
    "/etc", "/root", "/usr/local", "/var/spool/cron", "/var/backups",
    "/var/lib/dpkg/status", "/var/lib/apt/extended_states",
)  # fmt: skip
"""The machine's own: settings, units, crontabs, the list of packages; the issue's "full system"."""

DUMPS_KEPT = 7 + 4 + 6
"""Of a daily dump, by the document's table: days, weeks, months."""

CHANGED_DAILY = 0.02
"""Assumed of volumes and GitLab: the share of their bytes that lies in files changed in a day."""

CONFIGS_SIZE = GIB // 16
SYSTEM_SIZE = GIB // 4
"""Assumed; compressed it is less."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to save: `without` these parts; dumps below `dumps`; server → more configurations."""

    dumps: str = DUMPS
    configs: Mapping[str, tuple[str, ...]]
    without: Collection[Part] = ()


def filesets(
    fleet: Fleet, homes: Mapping[str, tuple[str, ...]], roles: Roles, wanted: Wanted, layout: Layout
) -> tuple[list[FileSet], list[Finding]]:
    """The file sets of every server, and what lies in none of them.

    Args:
        homes: service id → its servers by the plan; services of compose stacks
            are at home on their stack's server.
    """
    at = {service.id: _homes(fleet, service, homes) for service in fleet.services}
    found = _Found(fleet=fleet, at=at, wanted=wanted, roles=roles, layout=layout)
    made: list[FileSet] = []
    for server in fleet.servers:
        made += [item for item in found.of(server) if item.part not in wanted.without]
    return made, [*found.findings(), *_questions(wanted, made)]


def _homes(fleet: Fleet, service: Service, homes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if service.engine is Engine.COMPOSE:
        stack = next(stack for stack in fleet.stacks if stack.name == service.stack)
        return (stack.server,) if stack.server else ()
    return tuple(dict.fromkeys(homes.get(service.id, ())))


@dataclass(frozen=True, kw_only=True)
class _Found:
    fleet: Fleet
    at: Mapping[str, tuple[str, ...]]
    wanted: Wanted
    roles: Roles
    layout: Layout

    def of(self, server: Server) -> Iterator[FileSet]:
        yield from self._databases(server)
        yield from self._gitlab(server)
        yield from self._volumes(server)
        yield self._configs(server)
        yield FileSet(
            part=Part.SYSTEM,
            server=server.name,
            files=SYSTEM,
            exclude=(f"{self.layout.etc}/passwords",),
            size=SYSTEM_SIZE,
        )

    def _databases(self, server: Server) -> Iterator[FileSet]:
        databases = [
            item
            for item in self.fleet.services
            if item.state in DUMPED and server.name in self.at[item.id]
        ]
        paths = [f"{self.wanted.dumps}/{kind}" for kind in dict.fromkeys(map(_kind, databases))]
        paths += [f"{path}/backups" for _, path in self._gitlab_mounts(server, GITLAB_DATA)]
        if not paths:
            return
        kept = sum(item.disk for item in server.reserved if item.name == LOCAL_BACKUPS)
        size = kept or sum(item.data_size for item in databases)
        yield FileSet(
            part=Part.DATABASES,
            server=server.name,
            files=tuple(paths),
            fresh=tuple(paths),
            size=size,
            daily=size // DUMPS_KEPT,
        )

    def _gitlab(self, server: Server) -> Iterator[FileSet]:
        data = dict(self._gitlab_mounts(server, GITLAB_DATA))
        config = dict(self._gitlab_mounts(server, GITLAB_CONFIG))
        if not (data or config):
            return
        size = sum(self.fleet.service(name).data_size for name in data)
        yield FileSet(
            part=Part.GITLAB,
            server=server.name,
            files=(*config.values(), *data.values()),
            exclude=tuple(f"{path}/{name}" for path in data.values() for name in GITLAB_LIVE),
            size=size,
            daily=round(size * CHANGED_DAILY),
        )

    def _gitlab_mounts(self, server: Server, target: str) -> Iterator[tuple[str, str]]:
        """Each GitLab of which that directory lies on the server, and where."""
        for service in self.fleet.services:
            if service.state is State.GITLAB:
                for use in service.volumes:
                    item = place(self.fleet, service, use)
                    if use.target == target and item.path and self._lies(server, service, item):
                        yield service.id, item.path

    def _lies(self, server: Server, service: Service, item: Place) -> bool:
        return server.name in ((item.server,) if item.server else self.at[service.id])

    def _volumes(self, server: Server) -> Iterator[FileSet]:
        paths: dict[str, None] = {}
        owners: dict[str, int] = {}
        for service, item in self._kept():
            if item.path is not None and self._lies(server, service, item):
                paths[item.path] = None
                owners[service.id] = service.data_size
        if paths:
            size = sum(owners.values())
            yield FileSet(
                part=Part.VOLUMES,
                server=server.name,
                files=tuple(paths),
                size=size,
                daily=round(size * CHANGED_DAILY),
            )

    def _kept(self) -> Iterator[tuple[Service, Place]]:
        """Every mount that keeps data of a service of state `volume`."""
        for service in self.fleet.services:
            if service.state is State.VOLUME:
                for use in service.volumes:
                    if use.kind in ("volume", "bind", "shared") and not use.read_only:
                        yield service, place(self.fleet, service, use)

    def _configs(self, server: Server) -> FileSet:
        files = (*CONFIGS, self.layout.etc, *self.wanted.configs.get(server.name, ()))
        return FileSet(
            part=Part.CONFIGS,
            server=server.name,
            files=files,
            exclude=(f"{self.layout.etc}/passwords",),
            size=CONFIGS_SIZE,
            daily=round(CONFIGS_SIZE * CHANGED_DAILY),
        )

    def findings(self) -> Iterator[Finding]:
        for service, item in self._kept():
            if item.path is None:
                yield Finding(
                    code="not-saved", what=f"{item.name} of {service.id} is in no job: {item.why}"
                )
        yield from self._passed_over()
        yield from self._unplaced()
        unknown = [
            item.id
            for item in self.fleet.services
            if item.state.keeps_data and not item.data_size and not self._counted(item)
        ]
        if unknown:
            yield Finding(
                code="size-unknown",
                what=f"how much {', '.join(unknown)} keep is not known, and counted as nothing",
                todo="give `data_size` under their `x-quorate`",
            )

    def _counted(self, service: Service) -> bool:
        """Whether all it mounts is also mounted by a service whose size is known."""
        known = {
            item.path for other, item in self._kept() if other.data_size and item.path is not None
        }
        own = {item.path for other, item in self._kept() if other.id == service.id}
        return bool(own) and own <= known

    def _passed_over(self) -> Iterator[Finding]:
        """Volumes that only services use whose data may be lost."""
        saved = {item.path for _, item in self._kept()}
        passed: dict[str, None] = {}
        for service in self.fleet.services:
            if service.state.keeps_data:
                continue
            for use in service.volumes:
                item = place(self.fleet, service, use)
                if use.local_data and item.path is not None and item.path not in saved:
                    passed[item.name] = None
        if passed:
            yield Finding(
                code="passed-over",
                level="note",
                what=f"in no job, since their services keep no data: {', '.join(passed)}",
                todo="where that is wrong, give the service `state: volume` under `x-quorate`",
            )

    def _unplaced(self) -> Iterator[Finding]:
        lost = [s.id for s in self.fleet.services if s.state.keeps_data and not self.at[s.id]]
        if lost:
            yield Finding(
                code="not-placed",
                what=f"the plan has no home for {', '.join(lost)}: their data is in no job",
                todo="plan again",
            )


def _kind(service: Service) -> str:
    return DUMPED[service.state]


def _questions(wanted: Wanted, made: list[FileSet]) -> Iterator[Finding]:
    if not any(wanted.configs.values()) and Part.CONFIGS not in wanted.without:
        yield Finding(
            code="fleet-files",
            level="note",
            what="the fleet file and its compose files are in no job",
            todo="say where a copy of them lies: --configs SERVER:/DIRECTORY",
        )
    dumped = {item.server: item.fresh for item in made if item.fresh}
    for server, paths in dumped.items():
        yield Finding(
            code="dumps-expected",
            level="note",
            what=f"on {server}, something else must write a dump a day to {', '.join(paths)}; "
            "the job fails when nothing there is new",
        )


def own_copies(made: list[FileSet], roles: Roles) -> Iterator[Finding]:
    """What the server that stores keeps of its own: one loss takes both."""
    own = [item for item in made if item.server == roles.storage and item.part is not Part.CONFIGS]
    lost = [item for item in own if item.part is not Part.SYSTEM]
    if lost:
        parts = ", ".join(item.part.value for item in lost)
        yield Finding(
            code="same-server",
            what=f"{roles.storage} keeps the copies of its own {parts}: when it is lost, both are",
            todo="keep another copy elsewhere, or let another server store (--storage SERVER)",
        )
