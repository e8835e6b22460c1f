"""Commands: `quorate backup …`, what is kept safe, when, where to, and what that takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli import (
    backup_copy_commands,
    backup_doctor_commands,
    backup_restore_commands,
    backup_run_commands,
    backup_status_commands,
    backup_watch_commands,
)
from quorate.entry.cli.backup_job import job
from quorate.entry.cli.bundle_commands import bundle

if TYPE_CHECKING:
    from quorate.backup.policy.report import BackupEstimate
    from quorate.fleet.model import Fleet

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

TIME_LIMIT = 10.0
"""Seconds to search for a placement, where none is named."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")
PLAN = typer.Option(None, "--plan", metavar="FILE", help="A plan written by `quorate plan -o`: "
                    "where services are.")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    backup = typer.Typer(
        help="Keep copies of all data, and know that they restore.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    backup.command("plan")(plan)
    backup.command("estimate")(estimate)
    backup.command("bundle")(bundle)
    backup_status_commands.register(backup)
    backup_doctor_commands.register(backup)
    backup_watch_commands.register(backup)
    backup_run_commands.add(backup)
    backup_copy_commands.add(backup)
    backup_restore_commands.add(backup)
    backup.command("job", hidden=True)(job)
    app.add_typer(backup, name="backup")


def plan(
    fleet: Path = FLEET,
    plan: Path | None = PLAN,
    as_json: bool = typer.Option(False, "--json", help="Print the plan as JSON."),
) -> None:
    """Show what would be backed up, when, and where to. Asks no server."""
    from datetime import UTC, datetime

    from quorate.backup.policy.report import backup_plan
    from quorate.entry.cli.output import console, print_json
    from quorate.fleet.read import read_fleet
    from quorate.fleet.zones import time_zone

    desired = read_fleet(fleet)
    zone = time_zone(desired.backup.timezone)
    made = backup_plan(desired, homes=_homes(desired, plan), zone=zone, now=datetime.now(UTC))
    if as_json:
        print_json(made)
    else:
        from quorate.entry.cli.backup_view import render_plan

        render_plan(made, zone, console())


def estimate(
    fleet: Path = FLEET,
    plan: Path | None = PLAN,
    live: bool = typer.Option(
        False, "--live", help="By the copies there are, and the room on the repositories' disks."
    ),
    lab: bool = typer.Option(False, "--lab", help="The same, of the lab of this fleet."),
    as_json: bool = typer.Option(False, "--json", help="Print the estimate as JSON."),
) -> None:
    """Show how much storage the policy will need. Exit code 4: there is less room somewhere."""
    from quorate.entry.cli.output import console, print_json

    made = _live(fleet, lab=lab) if live or lab else _planned(fleet, plan)
    if as_json:
        print_json(made)
    else:
        from quorate.entry.cli.backup_view import render_estimate

        render_estimate(made, console())
    if any(place.fits is False for place in (*made.repositories, *made.spools)):
        raise typer.Exit(VERDICT)


def _planned(fleet: Path, plan: Path | None) -> BackupEstimate:
    """As the files say; no server is asked."""
    from quorate.backup.policy.estimate import estimate as worked_out
    from quorate.backup.policy.report import backup_estimate
    from quorate.backup.policy.sources import planned
    from quorate.fleet.read import read_fleet
    from quorate.fleet.zones import time_zone

    desired = read_fleet(fleet)
    sources = planned(desired, _homes(desired, plan))
    zone = time_zone(desired.backup.timezone)
    return backup_estimate(desired, worked_out(desired, sources, zone=zone))


def _live(fleet: Path, *, lab: bool) -> BackupEstimate:
    from quorate import assessing, workflows
    from quorate.entry.cli.backup_progress import watching

    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher:
        return assessing.estimated(opened, watcher)


def _homes(desired: Fleet, plan: Path | None) -> dict[str, tuple[str, ...]] | None:
    """Where services are by the plan; None where no data may lie on more than one server."""
    from quorate.entry.cli.plan_file import planned
    from quorate.fleet.datasets import data_sets

    if plan is None and all(len(one.servers) < 2 for one in data_sets(desired)):
        return None
    made = planned(desired, plan, TIME_LIMIT, verb="backup")
    return {name: placement.homes for name, placement in made.services.items()}
