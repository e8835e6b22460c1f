"""Command: move, a service with its data to another server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from quorate.recover.model import Journal, Operation
    from quorate.recover.moving.choose import Wish
    from quorate.recover.site import Site

SERVICES = typer.Argument(None, metavar="[SERVICE]...", help="What to move, all at once.")
TO = typer.Option(None, "--to", metavar="SERVER", help="Where to.")
PLAN = typer.Option(
    None, "--plan", metavar="FILE", help="Move what this what-if moves (`quorate what-if --json`)."
)
OVER = typer.Option(
    None, "--over", metavar="VOLUME", help="This volume on the target may be overwritten."
)
MEASURE = typer.Option(
    False, "--measure", help="Measure the way between the servers by a short transfer."
)
DRY_RUN = typer.Option(False, "--dry-run", help="Show what would be done, change nothing.")
UNDO = typer.Option(False, "--undo", help="Take the move of this service back.")
FINISH = typer.Option(
    False, "--finish", help="The move of this service is right: it can be undone no more."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("move")(move)


def move(
    services: list[str] | None = SERVICES,
    to: str | None = TO,
    plan: Path | None = PLAN,
    undo: bool = UNDO,
    finish: bool = FINISH,
    over: list[str] | None = OVER,
    measure: bool = MEASURE,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Move a service with its data to another server.

    Its data are copied while it runs; it is stopped for what has changed since, every file
    is compared, and it starts there. What was on the old server stays.
    """
    from quorate import operating, workflows
    from quorate.entry.cli.progress import reporter

    names = tuple(services or ())
    _require_sense(names, to, plan, undo=undo, finish=finish)
    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report, operating.site(opened, report) as place:
        if undo or finish:
            found = operating.journals(place)
            report.pause()
            journal = _turn(place, found, names, undo=undo, yes=yes)
        else:
            from quorate.recover.moving.gather import Options, chosen

            options = Options(over=tuple(over or ()), measure=measure)
            operation = chosen(place, _asked(place, names, to, plan), options)
            report.pause()
            if dry_run:
                _show(operation, as_json=as_json)
                return
            journal = operating.carry_out(
                place, operation, confirm=_confirm(yes=yes, as_json=as_json)
            )
    _print(journal, as_json=as_json)


def _require_sense(
    names: tuple[str, ...], to: str | None, plan: Path | None, *, undo: bool, finish: bool
) -> None:
    from quorate.errors import UsageError

    if undo and finish:
        raise UsageError("--undo and --finish are opposites")
    if undo or finish:
        if to or plan or len(names) > 1:
            raise UsageError("--undo and --finish take one service at most, and nothing else")
        return
    if plan is not None and (names or to):
        raise UsageError("--plan says what is moved: name no service and no server with it")
    if plan is None and not (names and to):
        raise UsageError("say what to move and where: `quorate move SERVICE --to SERVER`")


def _asked(
    place: Site, names: tuple[str, ...], to: str | None, plan: Path | None
) -> tuple[Wish, ...]:
    from quorate.recover.moving.gather import wishes
    from quorate.recover.moving.whatif import wishes_of

    if plan is None:
        return wishes(place, names, to or "")
    asked, note = wishes_of(plan, place.fleet)
    if note:
        place.report.note(note)
    return asked


def _turn(
    place: Site, found: Sequence[Journal], names: tuple[str, ...], *, undo: bool, yes: bool
) -> Journal:
    """Undo a move, or seal it, after asking."""
    from quorate import operating
    from quorate.entry.cli.confirm import agreed
    from quorate.errors import RefusedError
    from quorate.recover.carrying import title
    from quorate.recover.moving.ending import SEAL, latest, lost

    journal = latest(found, names[0] if names else "")
    warning = lost(journal) if undo else ""
    question = f"Seal {title(journal.operation)}, so that it can be undone no more?"
    if undo:
        question = f"{warning} Undo {title(journal.operation)}?".strip()
    if not agreed(question, yes=yes):
        raise RefusedError("not confirmed; nothing was changed")
    if undo:
        if warning:
            place.report.note(warning)
        return operating.undo(place, journal.id)
    return operating.further(place, journal.id, [SEAL])


def _confirm(*, yes: bool, as_json: bool) -> Callable[[Operation], bool]:
    from quorate.entry.cli.confirm import agreed

    def confirm(operation: Operation) -> bool:
        from quorate.entry.cli.operation_view import render_operation
        from quorate.entry.cli.output import console

        if not as_json:
            render_operation(operation, console(stderr=True))
        return agreed("Move?", yes=yes)

    return confirm


def _show(operation: Operation, *, as_json: bool) -> None:
    from quorate.entry.cli.operation_view import render_operation
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(operation)
    else:
        render_operation(operation, console())


def _print(journal: Journal, *, as_json: bool) -> None:
    from quorate.entry.cli.operation_view import render_journal
    from quorate.entry.cli.output import console, print_json
    from quorate.recover.moving.ending import outcome

    if as_json:
        print_json(journal)
        return
    render_journal(journal, console())
    for line in outcome(journal):
        console().print(line)
