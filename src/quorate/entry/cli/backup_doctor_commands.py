"""Command: `quorate backup doctor`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.backup.policy.doctor import Finding

VERDICT = 4
"""The exit code of a check that did not hold; see docs/reference/exit-codes.md."""

FLEET = typer.Argument(Path("fleet.yaml"), help="The fleet file.")
PART = re.compile(r"(\d+(?:\.\d+)?)%?")


def register(backup: typer.Typer) -> None:
    """Add the command of this module to `quorate backup`."""
    backup.command("doctor")(doctor)


def doctor(
    fleet: Path = FLEET,
    lab: bool = typer.Option(False, "--lab", help="Look at the lab of this fleet."),
    read: str | None = typer.Option(
        None, "--read", metavar="PERCENT", help="Also read so much of each repository's data."
    ),
    mend: bool = typer.Option(False, "--mend", help="Mend what is safe, asking before each."),
    yes: bool = typer.Option(False, "--yes", "-y", help="With --mend: do not ask."),
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
) -> None:
    """Find what keeps backups from being made or read. Exit code 4: there is something.

    Stale locks, services kept still by dead backups, jobs left behind, clocks, secrets, images,
    damage and room. --mend removes such locks and jobs, and starts such services.
    """
    from quorate import doctoring, workflows
    from quorate.entry.cli.backup_doctor_view import render_diagnosis
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json
    from quorate.errors import UsageError

    if yes and not mend:
        raise UsageError("--yes goes with --mend", todo="add --mend")
    part = _part(read)
    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher:
        found = doctoring.diagnose(opened, watcher, read=part)
    if mend:
        confirm = _confirmer(yes=yes)
        chosen = [one for one in found.findings if one.mends and confirm(one)]
        with watching() as watcher:
            found = doctoring.mend(opened, watcher, found, chosen)
    print_json(found) if as_json else render_diagnosis(found, console())
    if not found.good:
        raise typer.Exit(VERDICT)


def _part(text: str | None) -> str:
    """What restic takes for it.

    Raises:
        UsageError: it is no share.
    """
    from quorate.errors import UsageError

    if text is None:
        return ""
    match = PART.fullmatch(text)
    if match is None or not 0 < float(match[1]) <= 100:
        raise UsageError(f"--read {text}: not from 0 to 100", todo="write --read 10%")
    return f"{match[1]}%"


def _confirmer(*, yes: bool) -> Callable[[Finding], bool]:
    """Asks before a mend; with --yes it does not."""

    def confirm(finding: Finding) -> bool:
        from quorate.errors import RefusedError

        if yes:
            return True
        if not sys.stdin.isatty():
            raise RefusedError(
                "nothing was mended: there is nobody to ask", todo="add --yes to mend all"
            )
        typer.echo(f"\n{finding.where}: {finding.what}", err=True)
        return typer.confirm(f"Mend it ({finding.todo})?", err=True)

    return confirm
