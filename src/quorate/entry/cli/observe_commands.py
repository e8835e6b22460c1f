"""Commands that only look: `status`, `logs`, `exec`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.observe.connect import Connections
    from quorate.observe.deep_model import Finding
    from quorate.observe.standing import Standing

DEFAULT_FLEET = Path("fleet.yaml")
WATCH_SECONDS = 2.0
WATCH_PATIENCE_SECONDS = 3.0
VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET_OPTION = typer.Option(DEFAULT_FLEET, "--fleet", help="The fleet file.")
LAB = typer.Option(False, "--lab", help="Use the running lab of this fleet.")
SERVICE = typer.Argument(..., help="A service: its name, or stack/name.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("status")(status)
    app.command("logs")(logs)
    app.command("exec")(execute)


def status(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    watch: bool = typer.Option(False, "--watch", "-w", help="Keep looking, in place."),
    deep: bool = typer.Option(
        False, "--deep", help="Look for the faults a failure leaves behind; exit code 4 if any."
    ),
    mend: bool = typer.Option(
        False, "--mend", help="With --deep: mend what is found, asking before each."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="With --mend: do not ask."),
    as_json: bool = typer.Option(False, "--json", help="Print the state as JSON."),
    lab: bool = LAB,
) -> None:
    """Show servers, services, what is away from home and what is wrong."""
    from quorate.entry.cli.output import console, print_json
    from quorate.observe.connect import Connections

    _require_sense(watch=watch, deep=deep, mend=mend, yes=yes)
    if deep:
        _deep(fleet, lab=lab, mend=mend, yes=yes, as_json=as_json)
        return
    desired = _read(fleet, lab)
    if watch and not as_json:
        with Connections(desired, patience=WATCH_PATIENCE_SECONDS) as connections:
            _watch(desired, connections)
        return
    with Connections(desired) as connections:
        standing = _look(desired, connections)
    if as_json:
        print_json(standing)
        return
    from quorate.entry.cli.status_view import view

    console().print(view(standing))


def logs(
    service: str = SERVICE,
    follow: bool = typer.Option(False, "--follow", "-f", help="Keep printing new lines."),
    tail: int = typer.Option(100, "--tail", "-n", help="Lines to begin with; -1 for all."),
    since: str | None = typer.Option(None, "--since", help="From then on: 10m, 2h, or a time."),
    timestamps: bool = typer.Option(False, "--timestamps", help="Print each line's time."),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
) -> None:
    """Print a service's log, from all its tasks, wherever they run."""
    from quorate.observe.locate import find_service
    from quorate.observe.reach import log_command
    from quorate.observe.remote import LogOptions
    from quorate.tools.command import replace_process

    desired = _read(fleet, lab)
    found = find_service(desired, service)
    options = LogOptions(
        follow=follow, tail=None if tail < 0 else tail, since=since, timestamps=timestamps
    )
    replace_process(log_command(desired, found, options))


def execute(
    service: str = SERVICE,
    command: list[str] = typer.Argument(..., help="The command and its arguments, after `--`."),
    interactive: bool = typer.Option(False, "-i", help="Pass this terminal's input on."),
    tty: bool = typer.Option(False, "-t", help="Give the command a terminal."),
    server: str | None = typer.Option(None, "--server", help="Its task on this server."),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
) -> None:
    """Run a command inside a running task of a service."""
    from quorate.observe.locate import find_server, find_service
    from quorate.observe.reach import execute_command
    from quorate.observe.remote import Inside
    from quorate.tools.command import replace_process

    desired = _read(fleet, lab)
    found = find_service(desired, service)
    if server is not None:
        find_server(desired, server)
    inside = Inside(command=tuple(command), interactive=interactive, tty=tty)
    replace_process(execute_command(desired, found, inside, server=server))


def _read(fleet: Path, lab: bool) -> Fleet:
    from quorate.fleet.read import read_fleet

    if not lab:
        return read_fleet(fleet)
    from quorate.lab.state import load

    return read_fleet(fleet, override=load(fleet).override)


def _require_sense(*, watch: bool, deep: bool, mend: bool, yes: bool) -> None:
    """Check options that belong together.

    Raises:
        UsageError: one is there without the other.
    """
    from quorate.errors import UsageError

    if (mend and not deep) or (yes and not mend):
        given, missing = ("--mend", "--deep") if mend else ("--yes", "--mend")
        raise UsageError(f"{given} goes with {missing}", todo=f"add {missing}")
    if watch and deep:
        raise UsageError("--watch and --deep do not go together", todo="leave one of them out")


def _deep(fleet: Path, *, lab: bool, mend: bool, yes: bool, as_json: bool) -> None:
    from quorate import deepstatus, workflows
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.observe.deep import faults

    with reporter() as report:
        opened = workflows.open_fleet(fleet, lab=lab)
        standing = deepstatus.deep_status(opened, report=report)
        if mend:
            confirm = _confirmer(report.pause, yes=yes)
            standing = deepstatus.mend_all(opened, standing, report=report, confirm=confirm)
    if as_json:
        print_json(standing)
    else:
        from quorate.entry.cli.deep_view import view as findings
        from quorate.entry.cli.status_view import view

        console().print(view(standing), "", findings(standing))
    if faults(standing.findings or ()):
        raise typer.Exit(VERDICT)


def _confirmer(pause: Callable[[], None], *, yes: bool) -> Callable[[Finding], bool]:
    """Asks before a mend; with --yes it does not."""

    def confirm(finding: Finding) -> bool:
        from quorate.errors import RefusedError

        if yes:
            return True
        pause()
        if not sys.stdin.isatty():
            raise RefusedError(
                "nothing was mended: there is nobody to ask", todo="add --yes to mend all"
            )
        typer.echo(f"\n{finding.where}: {finding.what}", err=True)
        return typer.confirm(f"Mend it ({finding.mend})?", err=True)

    return confirm


def _look(fleet: Fleet, connections: Connections) -> Standing:
    from quorate.deploy.record import known_homes
    from quorate.observe.gather import gather
    from quorate.observe.standing import assess

    gathered = gather(connections)
    homes = known_homes(gathered.client, fleet=fleet.name) if gathered.client else {}
    return assess(fleet, gathered, homes)


def _watch(fleet: Fleet, connections: Connections) -> None:
    from rich.live import Live
    from rich.text import Text

    from quorate.entry.cli.output import console
    from quorate.entry.cli.status_view import view
    from quorate.tools import clock

    out = console()
    with Live(Text("asking the servers …"), console=out, screen=out.is_terminal) as live:
        try:
            while True:
                live.update(view(_look(fleet, connections), height=out.height), refresh=True)
                clock.sleep(WATCH_SECONDS)
                connections.renew()
        except KeyboardInterrupt:
            return
