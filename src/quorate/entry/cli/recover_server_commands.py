"""Commands: `quorate recover server`: what lived on a lost server comes back on another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import DRY_RUN, FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.recover.model import Operation


def add(group: typer.Typer) -> None:
    """Add the commands of this module to `quorate recover`."""
    group.command("server")(server)


def server(
    name: str = typer.Argument(..., metavar="NAME", help="The server that is lost."),
    onto: str = typer.Option(
        "",
        "--onto",
        metavar="SERVER",
        help="Another server of the fleet file; else a new machine under the lost one's name.",
    ),
    unproven: bool = typer.Option(
        False, "--unproven", help="Take the newest copies, proven or not, at that risk."
    ),
    without: list[str] = typer.Option(
        None, "--without", metavar="SOURCE", help="Start this one empty; may be given again."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    yes: bool = YES,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Bring back a server that is lost with its disk: its node, volumes, databases, services.

    A new machine needs no more than Debian or Ubuntu, your ssh key and the lost one's name.
    Each comes from the newest copy that is known to restore, and is compared. What was
    stopped on the way is gone on with by `quorate operations resume`.
    """
    from quorate import operating, rebuilding, workflows
    from quorate.entry.cli.operation_view import render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.entry.cli.recover_server_view import render_recovered
    from quorate.recover.server.report import recovered

    opened = workflows.open_fleet(fleet, lab=lab)
    wish = rebuilding.Wish(name=name, onto=onto, unproven=unproven, without=tuple(without or ()))
    with reporter() as report, operating.site(opened, report) as place:
        operation = rebuilding.choose(place, wish)
        if dry_run:
            report.pause()
            if as_json:
                print_json(operation)
            else:
                render_operation(operation, console())
            return
        confirm = _asking(report.pause, yes=yes)
        journal = operating.carry_out(place, operation, confirm=confirm)
    came = recovered(journal)
    if as_json:
        print_json(came)
    else:
        render_recovered(came, console())


def _asking(pause: Callable[[], None], *, yes: bool) -> Callable[[Operation], bool]:
    def confirm(operation: Operation) -> bool:
        from quorate.entry.cli.confirm import agreed
        from quorate.entry.cli.operation_view import render_operation
        from quorate.entry.cli.output import console

        pause()
        render_operation(operation, console(stderr=True))
        return agreed(f"Recover {operation.subject}?", yes=yes)

    return confirm
