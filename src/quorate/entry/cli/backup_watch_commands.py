"""Command: `quorate backup notify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.entry.schemas import NotifiedAddress, NotifyReport
    from quorate.fleet.model import Fleet

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")


def register(backup: typer.Typer) -> None:
    """Add the command of this module to `quorate backup`."""
    backup.command("notify")(notify)


def notify(
    fleet: Path = FLEET,
    test: bool = typer.Option(False, "--test", help="Send a trial to every address."),
    as_json: bool = typer.Option(False, "--json", help="Print who is told as JSON."),
) -> None:
    """Show who is told of backups; with --test send each a trial. Exit code 4: one took none."""
    from quorate.entry.cli.output import console, print_json
    from quorate.entry.schemas import NotifyReport
    from quorate.fleet.read import read_fleet

    desired = read_fleet(fleet)
    said = desired.backup.notify
    out = None if as_json else console()
    to = _tried(desired, out) if test else _named(desired)
    made = NotifyReport(
        fleet=desired.name,
        tested=test,
        good=bool(to) and all(one.taken for one in to) if test else None,
        to=to,
        events=said.events,
        digest=said.digest.words,
        timezone=desired.backup.timezone,
    )
    if out is None:
        print_json(made)
    elif not test or not to:
        _show(made, out)
    if made.good is False:
        raise typer.Exit(VERDICT)


def _named(fleet: Fleet) -> tuple[NotifiedAddress, ...]:
    from quorate.entry.schemas import NotifiedAddress

    return tuple(NotifiedAddress(address=name) for name in fleet.backup.notify.to)


def _tried(fleet: Fleet, out: Console | None) -> tuple[NotifiedAddress, ...]:
    """Each address with what came of a trial, which is told at once: mail servers take their time.

    Args:
        out: None: nothing is told.
    """
    from quorate.entry.schemas import NotifiedAddress
    from quorate.errors import QuorateError
    from quorate.serving.messenger import deliver
    from quorate.serving.news import trial

    directory = fleet.path.absolute().parent
    found = []
    for address, source in fleet.backup.notify.to.items():
        why = ""
        try:
            deliver(address, source, trial(fleet.name), directory)
        except QuorateError as error:
            why = "; ".join(error.lines())
        found.append(NotifiedAddress(address=address, taken=not why, why=why))
        if out is not None:
            out.print(f"{address}: {why or 'taken'}", markup=False, soft_wrap=True)
    return tuple(found)


def _show(made: NotifyReport, out: Console) -> None:
    if not made.to:
        out.print("nobody: name addresses under `backup.notify.to`", markup=False)
        return
    names = ", ".join(one.address for one in made.to)
    out.print(f"told of {', '.join(made.events) or 'nothing'}: {names}")
    out.print(f"digest {made.digest}, times of {made.timezone}")
