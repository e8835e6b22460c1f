"""Commands: render, diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.stacks.model import Rendered

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.", show_default=True)
LAB = typer.Option(False, "--lab", help="Work on the lab of this fleet, not on its servers.")
JSON = typer.Option(False, "--json", help="Print one JSON object instead.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("render")(render)
    app.command("diff")(diff)


def render(
    fleet: Path = FLEET,
    output: Path = typer.Option(
        Path("stacks"), "-o", "--output", help="The directory to write the stack files to."
    ),
    lab: bool = LAB,
    as_json: bool = JSON,
) -> None:
    """Write the stack files of a fleet, as `docker stack deploy` takes them."""
    from quorate.entry.cli.output import console, print_json
    from quorate.stacks.write import report, write

    rendered = _rendered(fleet, lab=lab)
    written = write(rendered, output)
    if as_json:
        print_json(report(rendered, written, output))
        return
    out = console()
    for stack in rendered.stacks:
        for warning in stack.warnings:
            out.print(f"note: {warning}", markup=False)
    for path in written:
        out.print(str(path), markup=False)


def diff(
    fleet: Path = FLEET,
    lab: bool = LAB,
    as_json: bool = JSON,
) -> None:
    """Show what `up` would change in the live services, field by field; change nothing."""
    from quorate import workflows
    from quorate.entry.cli.diff_view import lines
    from quorate.entry.cli.output import console, print_json

    changes = workflows.difference(workflows.open_fleet(fleet, lab=lab))
    if as_json:
        print_json(changes.as_json())
        return
    out = console()
    for line in lines(changes):
        out.print(line)


def _rendered(path: Path, *, lab: bool) -> Rendered:
    from quorate import workflows
    from quorate.plan.solve import make_plan

    opened = workflows.open_fleet(path, lab=lab)
    return workflows.render_for(opened, make_plan(opened.fleet))
