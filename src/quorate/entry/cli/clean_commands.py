"""Command: `quorate clean`: what nothing needs any more, removed; nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quorate.cleaning import Asking
    from quorate.recover.clean.model import CleanPlan, VolumeWish

FAILED = 5
"""Something that was to go did not; see docs/reference/exit-codes.md."""

VOLUMES = typer.Option(
    None,
    "--volume",
    metavar="SERVER:NAME",
    help="Also this volume, after its name was typed; never one that is used. Repeat for more.",
)
CONTAINERS = typer.Option(
    None,
    "--container",
    metavar="SERVER:NAME",
    help="Also this stopped container, with what it has written. Repeat for more.",
)
REALLY = typer.Option(
    None,
    "--yes-really",
    metavar="NAME",
    help="The name of a volume that goes, in place of typing it. Once for each --volume.",
)
DRY_RUN = typer.Option(False, "--dry-run", help="Show what would go; remove nothing.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("clean")(clean)


def clean(
    fleet: Path = FLEET_OPTION,
    volume: list[str] | None = VOLUMES,
    container: list[str] | None = CONTAINERS,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    yes_really: list[str] | None = REALLY,
    as_json: bool = JSON,
) -> None:
    """Remove images, stopped containers and networks that nothing needs, on every server.

    Whatever runs, was deployed and can be rolled back to, or is in the fleet file stays; so do
    images that no registry has, and containers that have written anything. Volumes go only by
    name, after what the backups have of them was shown. Exit code 5: something did not go.
    """
    from quorate import cleaning, workflows
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.clean_view import render_result
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter

    opened = workflows.open_fleet(fleet, lab=lab)
    wish = cleaning.read_wish(opened.fleet, container or (), volume or ())
    with reporter() as report, watching() as watcher:

        def pause() -> None:
            report.pause()
            watcher.pause()

        asking = _asking(pause, yes=yes, really=yes_really or ())
        result = cleaning.clean(
            opened, wish, asking, watcher=watcher, report=report, dry_run=dry_run
        )
    if as_json:
        print_json(
            {**result.model_dump(mode="json"), "frees": result.plan.frees, "freed": result.freed}
        )
    else:
        render_result(result, console())
    if result.failed:
        raise typer.Exit(FAILED)


def _asking(pause: Callable[[], None], *, yes: bool, really: Sequence[str]) -> Asking:
    from quorate.cleaning import Asking
    from quorate.entry.cli.clean_view import render_plan, render_volume
    from quorate.entry.cli.confirm import agreed, typed
    from quorate.entry.cli.output import console
    from quorate.errors import UsageError

    def confirm(plan: CleanPlan) -> bool:
        pause()
        render_plan(plan, console(stderr=True))
        wanted = {one.name for one in plan.volumes}
        if strange := set(really) - wanted:
            raise UsageError(
                f"--yes-really says {', '.join(sorted(strange))}, which no --volume names; "
                "nothing was removed"
            )
        return agreed("Remove this?", yes=yes)

    def type_name(wish: VolumeWish) -> bool:
        pause()
        render_volume(wish, console(stderr=True))
        question = f"The volume {wish.name} on {wish.server} is removed for good."
        given = wish.name if wish.name in really else None
        return typed(wish.name, question, given=given)

    return Asking(confirm=confirm, typed=type_name)
