"""Commands: tune."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from quorate.entry.cli.confirm import writing

DEFAULT_FLEET = Path("fleet.yaml")

TIME_LIMIT = 10.0
"""Seconds to search for a placement; with --plan nothing is searched."""

NOTHING = "nothing to write into the fleet file"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(tune)


def tune(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    tolerate: str = typer.Option(
        "2s",
        "--tolerate",
        metavar="DURATION",
        help="How long a server may stand still without being taken for lost.",
    ),
    plan: Path | None = typer.Option(
        None, "--plan", metavar="FILE", help="A plan written by `quorate plan -o`."
    ),
    courses: int = typer.Option(
        60, "--courses", min=20, help="Courses drawn for each failure and candidate."
    ),
    seed: int = typer.Option(0, "--seed", help="Of what is drawn."),
    write: bool = typer.Option(
        False, "--write", help="Write heartbeat and restart delay into the fleet file."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what would be written, and write nothing."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before writing."),
    as_json: bool = typer.Option(False, "--json", help="Print the comparison as JSON."),
) -> None:
    """Compare heartbeat, restart delay, health checks: recovery against false alarms.

    Also says which services two replicas would spare a gap, and what drained managers would bring.
    """
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.plan_file import planned
    from quorate.fleet.read import read_fleet
    from quorate.intake import tuning
    from quorate.predict.tune import freeze_of
    from quorate.predict.tune import tune as ask

    freeze = freeze_of(tolerate)
    desired = read_fleet(fleet)
    made = planned(desired, plan, TIME_LIMIT, verb="tune")
    with console(stderr=True).status("comparing settings") as status:
        found = ask(
            desired,
            made,
            tolerate=freeze,
            seed=seed,
            courses=courses,
            on_candidate=lambda done, of: status.update(f"comparing: {done} of {of} settings"),
        )
    if not as_json:
        from quorate.entry.cli.tune_view import render

        render(found, console())
    if dry_run:
        found, _ = tuning.proposed(found, fleet)
    elif write:
        found = tuning.write(found, fleet, writing(yes=yes))
    if as_json:
        print_json(found)
    elif dry_run:
        sys.stdout.write(f"{found.diff or NOTHING}\n")
    elif write:
        sys.stdout.write(f"wrote {fleet}\n" if found.written else f"{NOTHING}\n")
