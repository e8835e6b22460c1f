"""The command `quorate runbook`: recovery by hand, printable, for this fleet."""

from __future__ import annotations

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("runbook")(runbook)


def runbook(
    fleet: Path = typer.Argument(Path("fleet.yaml"), help="The fleet file."),
    output: Path | None = typer.Option(
        None, "-o", "--output", metavar="FILE", help="Write it there; else it is printed."
    ),
) -> None:
    """Write down how this fleet is recovered by hand: with ssh, docker and restic, without Quorate.

    Keep a printed copy. It holds no secret.
    """
    from quorate.backup.bundle.content import wanted
    from quorate.backup.bundle.making import is_file
    from quorate.errors import MachineError
    from quorate.fleet.read import read_fleet
    from quorate.recover.runbook.page import text

    found = read_fleet(fleet)
    page = text(found, wanted(found, is_file))
    if output is None:
        typer.echo(page, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{output} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {output}")
