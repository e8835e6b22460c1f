"""Commands: `quorate backup status`, `quorate backup notify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.backup.policy.grid import BackupStatus
    from quorate.fleet.model import Fleet

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")


def register(backup: typer.Typer) -> None:
    """Add the commands of this module to `quorate backup`."""
    backup.command("status")(status)
    backup.command("notify")(notify)


def status(
    fleet: Path = FLEET,
    as_json: bool = typer.Option(False, "--json", help="Print the status as JSON."),
) -> None:
    """Show whether all data is backed up, off-site and proven. Exit code 4: it is not."""
    from quorate.entry.cli.output import console, print_json
    from quorate.fleet.read import read_fleet
    from quorate.fleet.zones import time_zone

    desired = read_fleet(fleet)
    made = _status(desired)
    if as_json:
        print_json(made)
    else:
        from quorate.entry.cli.backup_status_view import render_status

        render_status(made, time_zone(desired.backup.timezone), console())
    if not made.good:
        raise typer.Exit(VERDICT)


def _status(fleet: Fleet) -> BackupStatus:
    """Read every repository that can be reached, and hold it against the policy."""
    from quorate.backup.policy.coverage import coverage
    from quorate.backup.policy.grid import backup_status
    from quorate.backup.policy.sources import planned, unprotected
    from quorate.fleet.zones import time_zone
    from quorate.serving.reading import read
    from quorate.tools import clock

    found, now = read(fleet), clock.now()
    zone = time_zone(fleet.backup.timezone)
    rows = coverage(fleet, planned(fleet), found.snapshots, zone=zone, now=now)
    return backup_status(fleet, rows, unprotected(fleet), found.unread, now=now)


def notify(
    fleet: Path = FLEET,
    test: bool = typer.Option(False, "--test", help="Send a trial to every address."),
) -> None:
    """Show who is told of backups; with --test send each a trial. Exit code 4: one took none."""
    from quorate.entry.cli.output import console
    from quorate.errors import QuorateError
    from quorate.fleet.read import read_fleet
    from quorate.serving.messenger import deliver
    from quorate.serving.news import trial

    desired = read_fleet(fleet)
    said = desired.backup.notify
    out, failed = console(), False
    if not said.to:
        out.print("nobody: name addresses under `backup.notify.to`", markup=False)
        raise typer.Exit(VERDICT if test else 0)
    if not test:
        out.print(f"told of {', '.join(said.events) or 'nothing'}: {', '.join(said.to)}")
        out.print(f"digest {said.digest.words}, times of {desired.backup.timezone}")
        return
    directory = desired.path.absolute().parent
    for address, source in said.to.items():
        try:
            deliver(address, source, trial(desired.name), directory)
            out.print(f"{address}: taken", markup=False)
        except QuorateError as error:
            failed = True
            out.print(f"{address}: {'; '.join(error.lines())}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(VERDICT)
