"""Commands: up, down, history, rollback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.deploy.preview import Preview
    from quorate.deploy.run import UpResult

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.", show_default=True)
LAB = typer.Option(False, "--lab", help="Work on the lab of this fleet, not on its servers.")
YES = typer.Option(False, "--yes", "-y", help="Do not ask.")
JSON = typer.Option(False, "--json", help="Print one JSON object instead.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("history")(history)
    app.command("rollback")(rollback)


def up(
    fleet: Path = FLEET,
    lab: bool = LAB,
    yes: bool = YES,
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what would change, change nothing."
    ),
    plan: Path | None = typer.Option(None, "--plan", help="Deploy this plan file (`plan -o`)."),
    wait_lock: float = typer.Option(
        0.0, "--wait", min=0.0, help="Seconds to wait while somebody else changes this fleet."
    ),
    as_json: bool = JSON,
) -> None:
    """Deploy the fleet: check, plan, show the difference, ask, deploy, wait until healthy.

    Running it again is always safe: it does what is missing and brings home
    what a lost server had sent elsewhere.
    """
    from datetime import UTC, datetime

    from quorate import workflows
    from quorate.entry.cli.plan_file import read_plan
    from quorate.entry.cli.progress import reporter

    started = datetime.now(UTC)
    with reporter() as report:
        report.phase("checking the fleet file")
        opened = workflows.open_fleet(fleet, lab=lab)
        options = workflows.UpOptions(
            dry_run=dry_run, plan=read_plan(plan) if plan else None, wait_lock=wait_lock
        )
        result = workflows.up(
            opened,
            options,
            report=report,
            confirm=_confirmer(report.pause, yes=yes, quiet=as_json),
            started=started,
        )
    _finish(result, as_json=as_json)


def rollback(
    number: int | None = typer.Argument(
        None, help="A deployment of `quorate history`; default: the last healthy one before this."
    ),
    fleet: Path = typer.Option(Path("fleet.yaml"), "--fleet", help="The fleet file."),
    lab: bool = LAB,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Deploy once more what an earlier `up` deployed."""
    from datetime import UTC, datetime

    from quorate import workflows
    from quorate.entry.cli.progress import reporter

    started = datetime.now(UTC)
    with reporter() as report:
        report.phase("reading the history")
        result = workflows.rollback(
            workflows.open_fleet(fleet, lab=lab),
            number,
            report=report,
            confirm=_confirmer(report.pause, yes=yes, quiet=as_json),
            started=started,
        )
    _finish(result, as_json=as_json)


def down(fleet: Path = FLEET, lab: bool = LAB, yes: bool = YES, as_json: bool = JSON) -> None:
    """Remove the fleet's stacks and its controller. Volumes, their secrets and the history stay."""
    from quorate import workflows
    from quorate.entry.cli.output import print_json
    from quorate.entry.cli.progress import reporter
    from quorate.errors import RefusedError

    opened = workflows.open_fleet(fleet, lab=lab)
    if not yes:
        _require_terminal()
        question = f"Stop and remove every service of {opened.fleet.name}? Volumes stay."
        if not typer.confirm(question, err=True):
            raise RefusedError("not confirmed; nothing was changed")
    with reporter() as report:
        removed = workflows.down(opened, report=report)
    if as_json:
        print_json({"removed": list(removed)})
    else:
        typer.echo(f"removed {len(removed)} stacks; volumes, their secrets and the history stay")


def history(fleet: Path = FLEET, lab: bool = LAB, as_json: bool = JSON) -> None:
    """List every deployment recorded in the swarm, newest first."""
    from quorate import workflows
    from quorate.entry.cli.output import console, print_json

    entries = workflows.history(workflows.open_fleet(fleet, lab=lab))
    if as_json:
        print_json({"deployments": [entry.model_dump(mode="json") for entry in entries]})
        return
    if not entries:
        typer.echo("nothing was deployed yet")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("number", "time (UTC)", "who", "outcome", "what"):
        table.add_column(title)
    colours = {"healthy": "green", "failed": "red"}
    for entry in reversed(entries):
        outcome = Text(entry.outcome, style=colours.get(entry.outcome, "yellow"))
        words = (str(entry.number), entry.time[:19], entry.who)
        # As text: a name or a summary may hold brackets, which are no markup.
        table.add_row(*map(Text, words), outcome, Text(entry.summary))
    console().print(table)


def _require_terminal() -> None:
    from quorate.errors import RefusedError

    if not sys.stdin.isatty():
        raise RefusedError(
            "nothing was changed: there is nobody to ask",
            todo="add --yes to go ahead without asking, or --dry-run to look only",
        )


def _confirmer(pause: Callable[[], None], *, yes: bool, quiet: bool) -> Callable[[Preview], bool]:
    """Shows the preview and asks; with --yes it only shows."""

    def confirm(seen: Preview) -> bool:
        pause()
        if not quiet:
            _show_preview(seen)
        if yes:
            return True
        _require_terminal()
        return typer.confirm("Go ahead?", err=True)

    return confirm


def _show_preview(seen: Preview) -> None:
    from quorate.entry.cli.output import console
    from quorate.entry.cli.preview_view import render

    render(seen, console(stderr=True))


def _finish(result: UpResult, *, as_json: bool) -> None:
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.preview_view import render_result
    from quorate.errors import DeployError

    if as_json:
        print_json(result.as_json())
    else:
        if result.outcome == "dry-run":
            _show_preview(result.preview)
        render_result(result, console())
    if result.failures:
        raise typer.Exit(DeployError.exit_code)
