"""Options and arguments that commands of `quorate backup` on a live fleet share."""

from __future__ import annotations

from pathlib import Path

import typer

FLEET_OPTION = typer.Option(Path("fleet.yaml"), "--fleet", help="The fleet file.")
LAB = typer.Option(False, "--lab", help="Work on the lab of this fleet, not on its servers.")
DRY_RUN = typer.Option(False, "--dry-run", help="Read the repositories, show what would be done.")
JSON = typer.Option(False, "--json", help="Print what came of it as JSON.")
YES = typer.Option(False, "--yes", "-y", help="Do not ask.")
SOURCES = typer.Argument(
    None, metavar="[SOURCE]...", help="Sources, as `backup plan` names them; all if none."
)
