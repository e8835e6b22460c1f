"""Commands: tune."""

from __future__ import annotations

from pathlib import Path

import typer

DEFAULT_FLEET = Path("fleet.yaml")

TIME_LIMIT = 10.0
"""Seconds to search for a placement; with --plan nothing is searched."""


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
    as_json: bool = typer.Option(False, "--json", help="Print the comparison as JSON."),
) -> None:
    """Compare heartbeat, restart delay and health checks: recovery against false alarms."""
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.plan_file import planned
    from quorate.fleet.read import read_fleet
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
    if as_json:
        print_json(found)
    else:
        from quorate.entry.cli.tune_view import render

        render(found, console())
