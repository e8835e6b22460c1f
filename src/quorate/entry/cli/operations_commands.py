"""Commands: `quorate operations …`: moves, recoveries and drains, begun, not over, done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from collections.abc import Callable

    from quorate.recover.model import Journal
    from quorate.recover.site import Site

IDENTITY = typer.Argument("", metavar="[ID]", help="Which; the one that is not over if none.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Moves, recoveries and drains: see them, go on with them, undo or abandon them.",
        no_args_is_help=True,
    )
    group.command("list")(list_all)
    group.command("show")(show)
    group.command("resume")(resume)
    group.command("undo")(undo)
    group.command("abandon")(abandon)
    app.add_typer(group, name="operations")


def list_all(fleet: Path = FLEET_OPTION, lab: bool = LAB, as_json: bool = JSON) -> None:
    """Every operation that was begun, oldest first; how it stands with it."""
    from quorate import operating, workflows
    from quorate.deploy.progress import Silent
    from quorate.entry.cli.operation_view import render_journals
    from quorate.entry.cli.output import console, print_json

    with operating.site(workflows.open_fleet(fleet, lab=lab), Silent()) as place:
        found = operating.journals(place)
    if as_json:
        print_json({"operations": [one.model_dump(mode="json") for one in found]})
    else:
        render_journals(found, console())


def show(
    identity: str = IDENTITY, fleet: Path = FLEET_OPTION, lab: bool = LAB, as_json: bool = JSON
) -> None:
    """The steps of an operation, and what each took."""
    from quorate import operating, workflows
    from quorate.deploy.progress import Silent

    with operating.site(workflows.open_fleet(fleet, lab=lab), Silent()) as place:
        journal = operating.found(place, identity)
    _print(journal, as_json=as_json)


def resume(
    identity: str = IDENTITY,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Go on with an operation that was stopped, in the direction it was going.

    Exit code 4: a quorum was recovered, and something does not run or answer.
    """
    from quorate import operating

    _go_on(operating.resume, "Go on with", identity, fleet, lab=lab, yes=yes, as_json=as_json)


def undo(
    identity: str = IDENTITY,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Undo an operation, its last step first; refused after a step that cannot be undone."""
    from quorate import operating

    _go_on(operating.undo, "Undo", identity, fleet, lab=lab, yes=yes, as_json=as_json)


def abandon(
    identity: str = IDENTITY,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    yes_really: str | None = typer.Option(
        None, "--yes-really", metavar="ID", help="Its id, not to be asked for it."
    ),
    let_go: bool = typer.Option(
        False, "--let-go", help="Start again what it keeps stopped; its data may be half restored."
    ),
    as_json: bool = JSON,
) -> None:
    """Leave an operation as it stands, where it can neither go on nor back.

    Nothing is changed on any server; the fleet can be worked on again. Services that it has
    stopped stay so until they are let go (--let-go, also afterwards) or deployed (up).
    """
    from quorate import operating, workflows
    from quorate.entry.cli.confirm import typed
    from quorate.entry.cli.operation_view import render_kept, render_left
    from quorate.entry.cli.output import console
    from quorate.entry.cli.progress import reporter
    from quorate.errors import RefusedError
    from quorate.recover.carrying import title

    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report, operating.site(opened, report) as place:
        journal = operating.found(place, identity)
        report.pause()
        render_left(journal, console(stderr=True))
        kept = operating.kept(place, journal)
        render_kept(journal, kept, console(stderr=True), let_go=let_go)
        question = f"{title(journal.operation)} is left as it stands."
        if not typed(journal.id, question, given=yes_really):
            raise RefusedError("not confirmed; nothing was changed")
        journal = operating.abandon(place, journal.id, let_go=let_go)
    _print(journal, as_json=as_json)


def _go_on(
    act: Callable[[Site, str], Journal],
    verb: str,
    identity: str,
    fleet: Path,
    *,
    lab: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from quorate import operating, workflows
    from quorate.entry.cli.confirm import agreed
    from quorate.entry.cli.progress import reporter
    from quorate.entry.cli.recover_quorum_commands import judge
    from quorate.errors import RefusedError
    from quorate.recover.carrying import title
    from quorate.recover.model import State
    from quorate.recover.quorum.choose import KIND as QUORUM

    opened = workflows.open_fleet(fleet, lab=lab)
    with reporter() as report, operating.site(opened, report) as place:
        journal = operating.found(place, identity)
        report.pause()
        loses = _lost(journal) if act is operating.undo else ""
        question = f"{loses} {verb} {title(journal.operation)} ({journal.id})?".strip()
        if not agreed(question, yes=yes):
            raise RefusedError("not confirmed; nothing was changed")
        if loses:
            report.note(loses)
        journal = act(place, journal.id)
    _print(journal, as_json=as_json)
    if journal.operation.kind == QUORUM and journal.state is State.DONE:
        judge(journal, as_json=as_json)


def _lost(journal: Journal) -> str:
    """What undoing it loses, in words; empty for nothing."""
    from quorate.recover.moving.ending import lost
    from quorate.recover.moving.model import KIND

    return lost(journal) if journal.operation.kind == KIND else ""


def _print(journal: Journal, *, as_json: bool) -> None:
    from quorate.entry.cli.operation_view import render_journal
    from quorate.entry.cli.output import console, print_json

    if as_json:
        print_json(journal)
    else:
        render_journal(journal, console())
