"""Commands: render, diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.stacks.model import Rendered

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.", show_default=True)
JSON = typer.Option(False, "--json", help="Print one JSON object instead.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("render")(render_command)


def render_command(
    fleet: Path = FLEET,
    output: Path = typer.Option(
        Path("stacks"), "-o", "--output", help="The directory to write the stack files to."
    ),
    as_json: bool = JSON,
) -> None:
    """Write the stack files of a fleet, as `docker stack deploy` takes them."""
    from quorate.entry.cli.output import console, print_json
    from quorate.stacks.write import write

    rendered = _rendered(fleet)
    written = write(rendered, output)
    warnings = [warning for stack in rendered.stacks for warning in stack.warnings]
    if as_json:
        print_json(
            {
                "fleet": rendered.fleet,
                "directory": str(output),
                "files": [path.name for path in written],
                "stacks": {
                    stack.name: {
                        "file": f"{stack.name}.yml",
                        "services": sorted(stack.document["services"]),
                        "warnings": list(stack.warnings),
                    }
                    for stack in rendered.stacks
                },
                "labels": rendered.labels,
                "networks": sorted(rendered.networks),
                "secrets": sorted(rendered.secrets),
                "configs": sorted(rendered.configs),
            }
        )
        return
    out = console()
    for warning in warnings:
        out.print(f"note: {warning}", markup=False)
    for path in written:
        out.print(str(path), markup=False)


def _rendered(path: Path) -> Rendered:
    from quorate.fleet.read import read_fleet
    from quorate.plan.solve import make_plan
    from quorate.stacks.render import render

    fleet = read_fleet(path)
    return render(fleet, make_plan(fleet))
