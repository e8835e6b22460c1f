"""Commands that choose an operation, show it, ask, and carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from quorate.recover.model import Journal, Operation
    from quorate.recover.site import Site
    from quorate.workflows import Opened


def run(
    choose: Callable[[Opened, Site], Operation],
    fleet: Path,
    *,
    lab: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> Journal | None:
    """Decide, show, ask, carry out, and say what came of it; None where nothing was done.

    Raises:
        LockedError: another operation is not over.
        RefusedError: not confirmed. Otherwise as the choosing and the operation's actions do.
    """
    from quorate import operating, workflows
    from quorate.entry.cli.operation_view import agreed_to, render_journal, render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter

    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report, operating.site(opened, report) as place:
        report.phase("looking at the servers")
        # What is seen meanwhile is half of another operation: nothing is chosen by it.
        operating.refuse_others(place)
        operation = choose(opened, place)
        if dry_run or not operation.steps:
            report.pause()
            if as_json:
                print_json(operation)
            else:
                render_operation(operation, console())
            return None
        journal = operating.carry_out(place, operation, confirm=agreed_to(report.pause, yes=yes))
    if as_json:
        print_json(journal)
    else:
        render_journal(journal, console())
    return journal
