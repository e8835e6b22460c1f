"""Command: `quorate backup notify`."""

from __future__ import annotations

from pathlib import Path

import typer

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")


def register(backup: typer.Typer) -> None:
    """Add the command of this module to `quorate backup`."""
    backup.command("notify")(notify)


def notify(
    fleet: Path = FLEET,
    test: bool = typer.Option(False, "--test", help="Send a trial to every address."),
) -> None:
    """Show who is told of backups; with --test send each a trial. Exit code 4: one took none."""
    from quorate.entry.cli.output import console
    from quorate.errors import QuorateError
    from quorate.fleet.read import read_fleet
    from quorate.serving.messenger import deliver
    from quorate.serving.news import trial

    desired = read_fleet(fleet)
    said = desired.backup.notify
    out, failed = console(), False
    if not said.to:
        out.print("nobody: name addresses under `backup.notify.to`", markup=False)
        raise typer.Exit(VERDICT if test else 0)
    if not test:
        out.print(f"told of {', '.join(said.events) or 'nothing'}: {', '.join(said.to)}")
        out.print(f"digest {said.digest.words}, times of {desired.backup.timezone}")
        return
    directory = desired.path.absolute().parent
    for address, source in said.to.items():
        try:
            deliver(address, source, trial(desired.name), directory)
            out.print(f"{address}: taken", markup=False)
        except QuorateError as error:
            failed = True
            out.print(f"{address}: {'; '.join(error.lines())}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(VERDICT)
