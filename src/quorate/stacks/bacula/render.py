"""A fleet and a plan become a Bacula configuration: pure, deterministic, nothing secret in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from quorate.errors import CheckError
from quorate.fleet.model import Fleet
from quorate.plan.model import Plan
from quorate.stacks.bacula import scripts
from quorate.stacks.bacula.daemons import console, file_daemon, storage_daemon
from quorate.stacks.bacula.direction import OPTIONS, Direction, job_name
from quorate.stacks.bacula.director import director, fileset_options
from quorate.stacks.bacula.filesets import DUMPS, Wanted, filesets, own_copies
from quorate.stacks.bacula.jobs import argument
from quorate.stacks.bacula.model import (
    Bacula,
    Catalogue,
    Cycle,
    FileSet,
    Finding,
    Layout,
    Part,
    Pool,
    Retention,
    Roles,
)
from quorate.stacks.bacula.pools import pools
from quorate.stacks.bacula.roles import role_findings, roles
from quorate.stacks.bacula.say import quoted


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may choose; the defaults are the document's and Debian's.

    `director`, `storage`: servers; None: those that reserve these roles. `archive`:
    where volumes go; None: on the likeliest disk. `configs`: server → directories to
    save beside its own settings. `mail`: who hears of failures.
    """

    director: str | None = None
    storage: str | None = None
    archive: str | None = None
    dumps: str = DUMPS
    configs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Collection[Part] = ()
    catalogue: Catalogue = Catalogue.POSTGRESQL
    mail: str = "root"
    cycle: Cycle = field(default_factory=Cycle)
    retention: Retention = field(default_factory=Retention)
    layout: Layout = field(default_factory=Layout)


def render(fleet: Fleet, plan: Plan, options: Options) -> Bacula:
    """Configuration and scripts of every server.

    Raises:
        UsageError: an option names no server, or no absolute path.
        CheckError: it is not clear who directs, nothing is left to save, or Bacula
            cannot read a path.
    """
    chosen, findings = roles(
        fleet, director=options.director, storage=options.storage, archive=options.archive
    )
    homes = {name: placement.homes for name, placement in plan.services.items()}
    wanted = Wanted(dumps=options.dumps, configs=options.configs, without=options.without)
    sets, left_out = filesets(fleet, homes, chosen, wanted, options.layout)
    if not sets:
        raise CheckError("nothing is left to save", todo="leave out less with --without")
    made, fitting = pools(sets, chosen, options.cycle, options.retention)
    found = [
        *fitting, *left_out, *own_copies(sets, chosen), *findings, *role_findings(fleet, chosen)
    ]  # fmt: skip
    found.sort(key=lambda item: item.level != "warning")
    servers = _servers(fleet, chosen, sets, made, options)
    todo = scripts.steps(fleet, chosen)
    return Bacula(
        fleet=fleet.name,
        roles=chosen,
        filesets=tuple(sets),
        pools=made,
        findings=tuple(found),
        servers=servers,
        common=_common(fleet, chosen, sets, found, todo),
        steps=todo,
    )


def _servers(
    fleet: Fleet, chosen: Roles, sets: Sequence[FileSet], made: tuple[Pool, ...], options: Options
) -> dict[str, dict[str, str]]:
    """Server → file → text."""
    _require_readable(sets)
    layout = options.layout
    direction = Direction(
        fleet=fleet, roles=chosen, filesets=sets, pools=made, cycle=options.cycle,
        layout=layout, catalogue=options.catalogue, mail=options.mail,
    )  # fmt: skip
    dumped = {item.server for item in sets if item.fresh}
    known = scripts.passwords(fleet, chosen)
    servers: dict[str, dict[str, str]] = {}
    for server in fleet.servers:
        files = {}
        if server.name == chosen.director:
            files["bacula-dir.conf"] = director(direction)
            files[OPTIONS] = fileset_options()
            files["bconsole.conf"] = console(layout)
        if server.name == chosen.storage:
            files["bacula-sd.conf"] = storage_daemon(chosen, layout)
        files["bacula-fd.conf"] = file_daemon(server, layout)
        if server.name in dumped:
            files["fresh-dumps"] = scripts.FRESH_DUMPS
        files["install.sh"] = scripts.install_script(
            server,
            roles=chosen,
            known=[name for name, knowing in known.items() if server.name in knowing],
            catalogue=options.catalogue,
            layout=layout,
            dumps=server.name in dumped,
        )
        servers[server.name] = files
    return servers


def _require_readable(sets: Sequence[FileSet]) -> None:
    """Every path that Bacula cannot read, all at once."""
    problems = []
    for item in sets:
        for path in (*item.files, *item.exclude):
            try:
                (argument if path in item.fresh else quoted)(path)
            except ValueError as error:
                problems.append(f"{item.server}: {error}")
    if problems:
        raise CheckError(
            "some paths cannot be written into Bacula's configuration",
            problems=problems,
            todo="rename these directories, or leave their part out with --without",
        )


def _common(
    fleet: Fleet,
    chosen: Roles,
    sets: Sequence[FileSet],
    findings: Sequence[Finding],
    todo: Sequence[str],
) -> dict[str, str]:
    """The files for the machine that all is copied from."""
    jobs = [job_name(item) for item in sets]
    said = [f"{item.what}{f' ({item.todo})' if item.todo else ''}" for item in findings]
    return {
        "passwords.sh": scripts.password_script(fleet, chosen),
        "README": scripts.readme(fleet.name, chosen, todo, said, jobs),
        ".gitignore": "passwords/\n",
    }
