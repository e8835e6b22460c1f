"""Command: `quorate backup status`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.backup.policy.grid import BackupStatus
    from quorate.workflows import Opened

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")


def register(backup: typer.Typer) -> None:
    """Add the command of this module to `quorate backup`."""
    backup.command("status")(status)


def status(
    fleet: Path = FLEET,
    lab: bool = typer.Option(False, "--lab", help="Ask the lab of this fleet, not its servers."),
    direct: bool = typer.Option(
        False, "--direct", help="Read the repositories from here; ask no server."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the status as JSON."),
    html: Path | None = typer.Option(
        None, "--html", metavar="FILE", help="Also write it as a web page with pictures."
    ),
) -> None:
    """Show whether all data is backed up, off-site and proven. Exit code 4: it is not.

    Jobs in the swarm list the copies, and every server is asked for its volumes and databases.
    Where no manager answers, the repositories are read from here.
    """
    from quorate import workflows
    from quorate.entry.cli.output import console, print_json
    from quorate.fleet.zones import time_zone

    opened = workflows.open_fleet(fleet, lab=lab)
    made = _status(opened, direct=direct)
    zone = time_zone(opened.fleet.backup.timezone)
    if html is not None:
        from quorate.entry.cli.pages import write_page
        from quorate.entry.web.status_page import page

        write_page(page(made, zone), html)
    if as_json:
        print_json(made)
    else:
        from quorate.entry.cli.backup_status_view import render_status

        render_status(made, zone, console())
    if html is not None:
        sys.stderr.write(f"page written to {html}\n")
    if not made.good:
        raise typer.Exit(VERDICT)


def _status(opened: Opened, *, direct: bool) -> BackupStatus:
    from quorate import assessing
    from quorate.entry.cli.backup_progress import watching
    from quorate.errors import EngineError, NoQuorumError, UnreachableError

    if direct or not assessing.has_swarm(opened.fleet):
        return assessing.read_from_here(opened.fleet)
    try:
        with watching() as watcher:
            return assessing.asked_of_the_swarm(opened, watcher)
    except (UnreachableError, NoQuorumError, EngineError) as error:
        sys.stderr.write(f"{error.what}: the repositories are read from here\n")
        why = f"not asked: {error.what}"
        found = assessing.read_from_here(opened.fleet)
        return assessing.nobody_asked(found, opened.fleet, why)
