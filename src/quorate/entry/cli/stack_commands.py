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
    output: Path | None = typer.Option(
        None,
        "-o",
        "--output",
        help="The directory to write to; `stacks`, with --bacula `bacula`.",
        show_default=False,
    ),
    plan: Path | None = typer.Option(
        None, "--plan", help="Homes as in this plan (`quorate plan -o`), not planned anew."
    ),
    bacula: bool = typer.Option(
        False, "--bacula", help="Write configuration and installation of Bacula instead."
    ),
    director: str | None = typer.Option(
        None,
        "--director",
        metavar="SERVER",
        help="Of Bacula: the server of the Director; else the one that reserves bacula-director.",
    ),
    storage: str | None = typer.Option(
        None,
        "--storage",
        metavar="SERVER",
        help="Of Bacula: the server that stores; else the one that reserves bacula-storage.",
    ),
    archive: str | None = typer.Option(
        None,
        "--archive",
        metavar="DIRECTORY",
        help="Of Bacula: where the volumes go; else on the disk mounted for it, or the largest.",
    ),
    dumps: str | None = typer.Option(
        None,
        "--dumps",
        metavar="DIRECTORY",
        help="Of Bacula: where databases are dumped to on their servers; else /mnt/data/backups.",
    ),
    configs: list[str] | None = typer.Option(
        None,
        "--configs",
        metavar="SERVER:DIRECTORY",
        help="Of Bacula: save this too, say the fleet's own files (repeatable).",
    ),
    without: list[str] | None = typer.Option(
        None,
        "--without",
        metavar="PART",
        help="Of Bacula: no jobs for databases, gitlab, volumes, configs or system (repeatable).",
    ),
    catalogue: str | None = typer.Option(
        None,
        "--catalogue",
        metavar="DATABASE",
        help="Of Bacula: postgresql, else sqlite3 (small, and no longer cared for by its author).",
    ),
    mail: str | None = typer.Option(
        None, "--mail", metavar="ADDRESS", help="Of Bacula: who hears of failures; else root."
    ),
    lab: bool = LAB,
    as_json: bool = JSON,
) -> None:
    """Write the stack files of a fleet, as `docker stack deploy` takes them; or Bacula's."""
    from quorate.entry.cli.bacula_render import Chosen, refuse_given, render_bacula

    chosen = Chosen(
        director=director, storage=storage, archive=archive, dumps=dumps,
        configs=tuple(configs or ()), without=tuple(without or ()), catalogue=catalogue, mail=mail,
    )  # fmt: skip
    if bacula:
        render_bacula(fleet, output or Path("bacula"), plan, chosen, lab=lab, as_json=as_json)
        return
    refuse_given(chosen)
    _render_stacks(fleet, output or Path("stacks"), plan, lab=lab, as_json=as_json)


def _render_stacks(
    fleet: Path, output: Path, plan: Path | None, *, lab: bool, as_json: bool
) -> None:
    from quorate.entry.cli.output import console, print_json
    from quorate.stacks.write import report, write

    rendered = _rendered(fleet, plan, lab=lab)
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


def _rendered(path: Path, plan: Path | None, *, lab: bool) -> Rendered:
    from quorate import workflows
    from quorate.entry.cli.plan_file import planned

    opened = workflows.open_fleet(path, lab=lab)
    return workflows.render_for(opened, planned(opened.fleet, plan, None, verb="render"))
