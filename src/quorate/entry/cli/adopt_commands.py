"""Command: `quorate adopt`: containers that run already become services of the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.recover.adopt.model import Adopted
    from quorate.recover.model import Journal, Operation

SERVICES = typer.Argument(
    None, metavar="[SERVICE]...", help="Services to adopt; all that containers run for, if none."
)
DRY_RUN = typer.Option(False, "--dry-run", help="Show what would be done; change nothing.")
FINISH = typer.Option(
    False, "--finish", help="Remove the stopped containers of the last adoption; no way back then."
)
UNDO = typer.Option(
    False, "--undo", help="Remove the services of the last adoption, start its containers again."
)
IDENTITY = typer.Option("", "--id", metavar="ID", help="Which adoption to finish or undo.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("adopt")(adopt)


def adopt(
    services: list[str] | None = SERVICES,
    fleet: Path = FLEET_OPTION,
    finish: bool = FINISH,
    undo: bool = UNDO,
    identity: str = IDENTITY,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Make services of containers that run by docker compose or docker run, one at a time.

    Each is stopped, and its service started on the same server with the same image and the same
    named volumes. The containers are kept, stopped, until `--finish`; until then `--undo` goes
    back. `quorate init --from-docker` writes the fleet file to begin with.
    """
    from quorate import adopting, workflows
    from quorate.entry.cli.progress import reporter
    from quorate.errors import UsageError

    if (finish or undo) and (services or dry_run or (finish and undo)):
        raise UsageError("--finish and --undo stand alone, but for --id")
    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report:
        if finish or undo:
            confirm = _confirm_end(report.pause, finish=finish, yes=yes)
            act = adopting.finish if finish else adopting.undo
            journal = act(opened, report=report, confirm=confirm, identity=identity)
        else:
            result = adopting.adopt(
                opened,
                services or (),
                report=report,
                confirm=_confirm(report.pause, yes=yes),
                dry_run=dry_run,
            )
            if result.journal is None:
                _show(result.operation, result.setup, as_json=as_json)
                return
            journal = result.journal
    _print(journal, as_json=as_json)


def _confirm(
    pause: Callable[[], None], *, yes: bool
) -> Callable[[Operation, tuple[str, ...]], bool]:
    def confirm(operation: Operation, setup: tuple[str, ...]) -> bool:
        from quorate.entry.cli.adopt_view import render_adoption
        from quorate.entry.cli.confirm import agreed
        from quorate.entry.cli.output import console

        pause()
        render_adoption(operation, setup, console(stderr=True))
        return agreed("Adopt them?", yes=yes)

    return confirm


def _confirm_end(
    pause: Callable[[], None], *, finish: bool, yes: bool
) -> Callable[[tuple[Adopted, ...], Journal], bool]:
    def confirm(adopted: tuple[Adopted, ...], journal: Journal) -> bool:
        from quorate.entry.cli.confirm import agreed

        pause()
        names = ", ".join(c.name for one in adopted for c in one.containers)
        services = ", ".join(one.id for one in adopted)
        question = (
            f"Remove the stopped containers {names}? There is no way back to them; volumes stay."
            if finish
            else f"Remove the services {services}, and start {names} again?"
        )
        return agreed(question, yes=yes)

    return confirm


def _show(operation: Operation, setup: tuple[str, ...], *, as_json: bool) -> None:
    from quorate.entry.cli.adopt_view import render_adoption
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json({**operation.model_dump(mode="json"), "setup": list(setup)})
    else:
        render_adoption(operation, setup, console())


def _print(journal: Journal, *, as_json: bool) -> None:
    from quorate.entry.cli.adopt_view import render_gaps
    from quorate.entry.cli.operation_view import render_journal
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(journal)
        return
    render_journal(journal, console())
    render_gaps(journal, console())
