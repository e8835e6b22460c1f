"""Commands that only look: `status`, `logs`, `exec`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.observe.connect import Connections
    from quorate.observe.standing import Standing

DEFAULT_FLEET = Path("fleet.yaml")
WATCH_SECONDS = 2.0
WATCH_PATIENCE_SECONDS = 3.0

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
    as_json: bool = typer.Option(False, "--json", help="Print the state as JSON."),
    lab: bool = LAB,
) -> None:
    """Show servers, services, what is away from home and what is wrong."""
    from quorate.entry.cli.output import console, print_json
    from quorate.observe.connect import Connections

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
