"""Commands: explain."""

from __future__ import annotations

from pathlib import Path

import typer

DEFAULT_FLEET = Path("fleet.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("explain")(explain)


def explain(
    service: str = typer.Argument(..., help="A service: its name, or stack/name."),
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    server: str | None = typer.Option(
        None, "--why-not", metavar="SERVER", help="What would have to change for it to be there."
    ),
    measured: Path | None = typer.Option(
        None, "--measured", metavar="FILE", help="Explain the plan as measured."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the account as JSON."),
    time_limit: float = typer.Option(
        10.0, "--time-limit", min=0.1, help="Seconds to search for each placement."
    ),
) -> None:
    """Say why a service is where it is, and what room it has there."""
    from quorate.entry.cli.output import console, print_json
    from quorate.fleet.read import read_fleet
    from quorate.plan.account import account
    from quorate.plan.solve import make_plan

    desired = read_fleet(fleet)
    said = None
    if measured is not None:
        from quorate.measured.apply import with_measurement
        from quorate.measured.read import read_measurement

        desired, said = with_measurement(desired, read_measurement(measured, desired))
    plan = make_plan(desired, time_limit=time_limit)
    found = account(desired, plan, service, server=server, time_limit=time_limit)
    if said is not None:
        found = found.model_copy(update={"assumed": (said, *found.assumed)})
    if as_json:
        print_json(found)
        return
    from quorate.entry.cli.explain_view import render

    render(found, console())
