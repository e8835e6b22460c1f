"""Commands: `quorate recover database` and `service`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from quorate.recover.model import Operation

VERDICT = 4
"""Something is wrong that Quorate has no mend for."""
DRY_RUN = typer.Option(False, "--dry-run", help="Look, show the steps, change nothing.")


def add(recover: typer.Typer) -> None:
    """Add the commands of this module to `quorate recover`."""
    recover.command("database")(database)
    recover.command("service")(service)


def database(
    source: str = typer.Argument(
        ..., metavar="SERVICE", help="The database or volume, as `backup plan` names it."
    ),
    at: str = typer.Option(
        "",
        "--at",
        metavar="TIME",
        help="As it was then: out of its write-ahead log, or the newest copy not after it. "
        "`latest`: the last there is.",
    ),
    snapshot: str = typer.Option("", "--snapshot", metavar="ID", help="From this copy."),
    unproven: bool = typer.Option(
        False, "--unproven", help="Take a copy that nobody has restored yet, if need be."
    ),
    rehearse: bool = typer.Option(
        False, "--rehearse", help="Restore it where it hurts nobody, and time that."
    ),
    yes_really: str | None = typer.Option(
        None, "--yes-really", metavar="SERVICE", help="Its name, not to be asked for it."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Bring a damaged database or volume back from its newest proven copy, or to a moment.

    What writes to it is stopped, what is there now is kept, what was restored is compared, what
    was stopped is started. Shows what could be lost before it asks. Can be resumed and undone.
    """
    from quorate import operating, workflows
    from quorate.entry.cli.backup_restore_commands import moment
    from quorate.entry.cli.operation_view import render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.entry.cli.recover_database_view import (
        came,
        rehearsed,
        render_came,
        render_rehearsed,
    )
    from quorate.errors import UsageError
    from quorate.recover import database as recovery
    from quorate.recover.choose_database import Asked

    if at and snapshot:
        raise UsageError("either --at or --snapshot: a copy has a moment of its own")
    opened = workflows.open_fleet(fleet, lab=lab)
    asked = Asked(at=moment(at, opened.fleet), snapshot=snapshot, unproven=unproven)
    with reporter() as report, operating.site(opened, report) as place:
        if not rehearse:
            operating.refuse_others(place)
        report.phase("reading the repositories")
        here = recovery.ready(place, source, asked)
        if rehearse and not dry_run:
            report.phase(f"rehearsing the recovery of {here.source.id}")
            done = recovery.rehearse(here)
            report.pause()
            if as_json:
                print_json(rehearsed(done))
            else:
                render_rehearsed(done, console())
            return
        if dry_run:
            report.pause()
            if as_json:
                print_json(here.operation)
            else:
                render_operation(here.operation, console())
            return
        journal = operating.carry_out(
            place, here.operation, confirm=_typed(report.pause, yes_really)
        )
    if as_json:
        print_json(came(journal))
    else:
        render_came(journal, console())


def service(
    name: str = typer.Argument(..., metavar="NAME", help="The service, as `status` names it."),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Mend one service: stuck, pending, stopped by a dead backup, running twice, names stale.

    Looks twice as `status --deep` does, shows what it would do, asks, does it, looks again.
    """
    from quorate import operating, workflows
    from quorate.entry.cli.operation_view import agreed_to, render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.entry.cli.recover_database_view import looked, mended, render_looked, render_mended
    from quorate.recover import service as recovery

    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report, operating.site(opened, report) as place:
        report.phase("looking at the servers")
        here = recovery.looked(place, name)
        report.pause()
        if here.operation is None or dry_run:
            if as_json:
                print_json(looked(here))
            elif here.operation is None:
                render_looked(here, console())
            else:
                render_operation(here.operation, console())
            raise typer.Exit(VERDICT if here.operation is None and here.found else 0)
        journal = operating.carry_out(
            place, here.operation, confirm=agreed_to(report.pause, yes=yes)
        )
    if as_json:
        print_json(mended(journal))
    else:
        render_mended(journal, console())


def _typed(pause: Callable[[], None], given: str | None) -> Callable[[Operation], bool]:
    """Shows the steps, and has the name of what is replaced typed."""

    def confirm(operation: Operation) -> bool:
        from quorate.entry.cli.confirm import typed
        from quorate.entry.cli.operation_view import render_operation
        from quorate.entry.cli.output import console

        pause()
        render_operation(operation, console(stderr=True))
        question = f"This replaces what is in {operation.subject} now."
        return typed(operation.subject, question, given=given)

    return confirm
