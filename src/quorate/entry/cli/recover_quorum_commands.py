"""Command: `quorate recover quorum`: most of the managers are gone, or are back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from quorate.recover.model import Journal
    from quorate.recover.quorum.model import Sight

VERDICT = 4
DRY_RUN = typer.Option(False, "--dry-run", help="Look, and show the steps; change nothing.")
WITHOUT = typer.Option(
    None,
    "--without",
    metavar="SERVER",
    help="Give up a manager whose machine answers (its disk is damaged, say); may be repeated.",
)


def add(group: typer.Typer) -> None:
    """Add the commands of this module."""
    group.command("quorum")(quorum)


def quorum(
    fleet: Path = FLEET_OPTION,
    without: list[str] = WITHOUT,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    as_json: bool = JSON,
) -> None:
    """Most managers are gone: get a leader again, without loss where that is possible.

    Asks every server of the fleet. Managers that can come back are started; otherwise a new
    cluster is forced on the one with the most advanced log. Run again when a lost manager is
    back: it leaves what it was in, and joins anew.
    """
    from quorate import operating, workflows
    from quorate.entry.cli.confirm import agreed
    from quorate.entry.cli.operation_view import render_journal, render_operation
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.cli.progress import reporter
    from quorate.recover.model import Operation
    from quorate.recover.quorum.choose import choose
    from quorate.recover.quorum.look import look
    from quorate.tools import clock

    opened = workflows.open_fleet(fleet, lab=lab)
    began = clock.monotonic()
    asked = 0.0
    with reporter() as report, operating.site(opened, report) as place:
        report.phase(f"asking {len(opened.fleet.servers)} servers")
        sight = look(place.connections)
        operation = choose(sight, now=clock.now().isoformat(), without=tuple(without or ()))
        report.pause()
        if operation is None or dry_run:
            _show(sight, operation, as_json=as_json)
            return

        def confirm(what: Operation) -> bool:
            nonlocal asked
            since = clock.monotonic()
            render_operation(what, console(stderr=True))
            answer = agreed("Do this?", yes=yes)
            asked = clock.monotonic() - since
            return answer

        journal = operating.carry_out(place, operation, confirm=confirm)
    seconds = round(clock.monotonic() - began - asked, 1)
    if as_json:
        print_json({**journal.model_dump(mode="json"), "seconds": seconds})
    else:
        render_journal(journal, console())
        console().print(f"recovered in {seconds:.0f} s, what was asked and seen included")
    judge(journal, as_json=as_json)


def judge(journal: Journal, *, as_json: bool) -> None:
    """Tell what was seen at the end of a recovery that is done, in its journal's words.

    Raises:
        typer.Exit: something does not run or answer.
    """
    verified = journal.facts["verified"]
    if not as_json:
        _tell(verified)
    if any(verified[kind] for kind in ("late", "waiting", "names", "mute")):
        raise typer.Exit(VERDICT)


def _show(sight: Sight, operation: Any, *, as_json: bool) -> None:
    from quorate.entry.cli.operation_view import render_operation
    from quorate.entry.cli.output import console, print_json

    if as_json:
        shown = operation.model_dump(mode="json") if operation is not None else None
        print_json({"seen": sight.model_dump(mode="json"), "operation": shown})
        return
    if operation is not None:
        render_operation(operation, console())
        return
    working = [one.server for one in sight.servers if one.works]
    console().print(f"nothing to do: the swarm has a leader ({', '.join(working)} say so)")
    for one in sight.servers:
        if not one.answers:
            console().print(f"{one.server} does not answer: {one.error}", style="yellow")


def _tell(verified: dict[str, Any]) -> None:
    from quorate.entry.cli.output import console

    screen = console()
    screen.print(
        f"{verified['services']} services run whole; "
        f"{verified['crossed'] - len(verified['mute'])} of {verified['crossed']} ways between "
        "servers answer"
    )
    for name, why in verified["stranded"].items():
        screen.print(f"{name} has nowhere to run: {why}", style="yellow")
    for name in verified["late"]:
        screen.print(f"{name} answers, and the swarm does not have it back", style="red")
    for name, why in verified["waiting"].items():
        screen.print(f"{name} does not run: {why}", style="red")
    for line in (*verified["names"], *verified["mute"]):
        screen.print(line, style="red")
    for name, why in verified["unasked"].items():
        screen.print(f"{name}: not all could be tried: {why}", style="yellow")
