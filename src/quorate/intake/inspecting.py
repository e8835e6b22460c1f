"""`quorate inspect`, step by step: whom to ask, ask, compare, write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from quorate.errors import CheckError, RefusedError, UnreachableError, UsageError
from quorate.fleet.fleet_file import FleetParts, read_parts
from quorate.fleet.imports.compare import Difference, differences, snippet
from quorate.fleet.imports.edit import edited
from quorate.fleet.imports.hardware import Hardware
from quorate.fleet.model import Model, Server
from quorate.fleet.positions import Mark
from quorate.fleet.problems import Problems, did_you_mean
from quorate.fleet.sources import Sources
from quorate.intake.write import unified
from quorate.observe.hardware import inspect
from quorate.observe.inventory import Progress
from quorate.observe.sources import parse_source
from quorate.observe.targets import target_of
from quorate.tools import ssh, wholefile


class InspectedServer(Model):
    """One server: what was found, and how that differs from the fleet file."""

    name: str = Field(description="Its name in the fleet file; else its host name.")
    in_fleet: bool = Field(description="Whether the fleet file has it.")
    hardware: Hardware = Field(description="What was found.")
    snippet: str = Field(description="It as a piece of a fleet file.")
    differences: tuple[Difference, ...] = Field(description="Against the fleet file.")


class InspectReport(Model):
    """What `quorate inspect` found."""

    fleet: str | None = Field(description="The fleet file that was compared with.")
    servers: tuple[InspectedServer, ...] = Field(description="Every server that answered.")
    unreachable: dict[str, str] = Field(description="Why others did not, by name.")
    diff: str = Field("", description="With --write: the change to the fleet file.")
    written: bool = Field(False, description="Whether the fleet file was changed.")


class Request(Model):
    """Whom to inspect: `names` of the fleet's servers or ssh addresses; empty: the whole fleet."""

    names: tuple[str, ...] = ()
    fleet: Path | None = None
    config: Path | None = None


def look(request: Request, progress: Progress) -> InspectReport:
    """Ask the servers and compare.

    Raises:
        UsageError: an unknown name, or nobody to ask. CheckError: the fleet file cannot be read.
        UnreachableError: none of the servers answers.
    """
    parts = _parts(request.fleet) if request.fleet else None
    known = {server.name: server for server in parts.servers} if parts else {}
    targets = [_target(name, known, request) for name in request.names or tuple(known)]
    if not targets:
        raise UsageError("there is no server to inspect", todo="name one: ssh://user@host")
    progress.phase(f"asking {len(targets)} servers" if len(targets) > 1 else "asking the server")
    found, failed = inspect(targets, progress)
    if not found:
        first = next(iter(failed.values()))
        raise UnreachableError(
            "none of the servers answers",
            cause="; ".join(f"{name}: {error.what}" for name, error in failed.items()),
            todo=first.todo,
        )
    servers = [
        _inspected(target, found[target.name], known.get(target.name), parts)
        for target in targets
        if target.name in found
    ]
    return InspectReport(
        fleet=str(request.fleet) if request.fleet else None,
        servers=tuple(servers),
        unreachable={name: error.what for name, error in failed.items()},
    )


def write_fleet(report: InspectReport, confirm: Callable[[str], bool]) -> InspectReport:
    """Write what differs into the fleet file, once `confirm` has seen the difference.

    Raises:
        UsageError: there is no fleet file, or it cannot be written. RefusedError: not confirmed.
    """
    if report.fleet is None:
        raise UsageError("--write needs a fleet file", todo="name it with --fleet")
    path = Path(report.fleet)
    before = path.read_text(encoding="utf-8")
    changes = {s.name: s.differences for s in report.servers if s.in_fleet}
    after = edited(before, changes)
    wanted = any(d.value is not None and not d.advice for found in changes.values() for d in found)
    if not wanted or after == before:
        return report
    diff = unified(before, after, report.fleet)
    if not confirm(diff):
        raise RefusedError("not confirmed; the fleet file is as it was")
    try:
        wholefile.replace_text(path, after)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return report.model_copy(update={"diff": diff, "written": True})


def _parts(path: Path) -> FleetParts:
    """The fleet file alone, as far as it can be read: missing figures are what is looked for."""
    problems = Problems()
    mapping = Sources(problems).mapping(path, Mark(str(path)), what="fleet file")
    parts = read_parts(mapping, path.parent, problems) if mapping is not None else None
    if parts is None:
        raise CheckError(
            f"{path} cannot be read", problems=[str(item) for item in problems.sorted()]
        )
    return parts


def _target(name: str, known: dict[str, Server], request: Request) -> ssh.Target:
    if name in known:
        return target_of(known[name])
    if known and "@" not in name and not name.startswith("ssh://"):
        raise UsageError(
            f"the fleet has no server {name}{did_you_mean(name, known)}",
            todo=f"name one of {', '.join(known)}, or write ssh://{name}",
        )
    target = parse_source(name, config=request.config).target
    if target is None:
        raise UsageError(f"{name} is no server to reach by ssh", todo="write ssh://user@host")
    return target


def _inspected(
    target: ssh.Target, found: Hardware, server: Server | None, parts: FleetParts | None
) -> InspectedServer:
    ways: dict[str, Any] = {"user": target.user, "port": target.port}
    ways["config"] = str(target.config) if target.config else None
    given = {key: value for key, value in ways.items() if value is not None}
    name = server.name if server else found.name or target.host
    entry: Any = parts.mapping["servers"].get(name) if parts and server else None
    known = differences(server, entry if isinstance(entry, dict) else {}, found) if server else ()
    return InspectedServer(
        name=name,
        in_fleet=server is not None,
        hardware=found,
        snippet=snippet(name, target.host, given, found),
        differences=known,
    )


def unreached(report: InspectReport) -> Sequence[str]:
    """The servers that did not answer, as lines."""
    return [f"{name}: {why}" for name, why in report.unreachable.items()]
