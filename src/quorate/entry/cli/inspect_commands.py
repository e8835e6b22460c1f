"""Command: inspect, a server's hardware against the fleet file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.confirm import writing

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.intake.inspecting import InspectedServer, InspectReport

UNREACHABLE = 6
DEFAULT_FLEET = Path("fleet.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("inspect")(inspect)


def inspect(
    servers: list[str] = typer.Argument(
        None,
        metavar="SERVER",
        help="Servers of the fleet file, or ssh://user@host; default: the whole fleet.",
        show_default=False,
    ),
    fleet: Path = typer.Option(
        None, "--fleet", help="The fleet file; default: fleet.yaml, if it is here."
    ),
    ssh_config: Path = typer.Option(
        None, "--ssh-config", help="An ssh_config for servers that are not in the fleet file."
    ),
    write: bool = typer.Option(False, "--write", help="Write what differs into the fleet file."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before writing."),
    as_json: bool = typer.Option(False, "--json", help="Print what was found as JSON."),
) -> None:
    """Ask servers for their hardware, over ssh, and compare it with the fleet file."""
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.intake import inspecting

    path = fleet or (DEFAULT_FLEET if DEFAULT_FLEET.is_file() else None)
    request = inspecting.Request(names=tuple(servers or ()), fleet=path, config=ssh_config)
    with reporter() as progress:
        report = inspecting.look(request, progress)
    if not as_json:
        _show(report, console())
    if write:
        report = inspecting.write_fleet(report, writing(yes=yes))
    if as_json:
        print_json(report)
    elif write:
        said = f"wrote {report.fleet}" if report.written else "nothing to write"
        sys.stdout.write(f"{said}\n")
    if report.unreachable:
        for line in inspecting.unreached(report):
            sys.stderr.write(f"no answer from {line}\n")
        raise typer.Exit(UNREACHABLE)


def _show(report: InspectReport, out: Console) -> None:
    for server in report.servers:
        _server(server, out)


def _server(server: InspectedServer, out: Console) -> None:
    found = server.hardware
    facts = [found.cpu, found.system, found.kernel]
    facts += [f"Docker {found.docker}"] if found.docker else []
    facts += [f"up {found.uptime_days:g} days"] if found.uptime_days is not None else []
    out.print(f"[bold]{server.name}[/]: " + "; ".join(filter(None, facts)), markup=True)
    for odd in found.odd:
        out.print(f"  {odd}", markup=False)
    if not server.in_fleet:
        out.print(server.snippet.rstrip(), markup=False)
    elif not server.differences:
        out.print("  as the fleet file says")
    for difference in server.differences:
        before = difference.before or "not said"
        advice = f" ({difference.advice})" if difference.advice else ""
        out.print(f"  {difference.key}: {before} → {difference.after}{advice}", markup=False)
    small = [item for item in found.outside if item.ports]
    if small:
        shown = ", ".join(
            f"{item.name} on {', '.join(map(str, item.ports[:4]))}" for item in small[:8]
        )
        out.print(f"  listens outside of containers: {shown}", markup=False)
