"""Commands: `quorate backup copy` and `prove`: copies off-site, and whether they restore."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from quorate.entry.cli.backup_options import DRY_RUN, FLEET_OPTION, JSON, LAB, SOURCES

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.backing import Came
    from quorate.fleet.base import Model


def add(backup: typer.Typer) -> None:
    """Add the commands of this module to `quorate backup`."""
    backup.command("copy")(copy)
    backup.command("prove")(prove)


def copy(
    sources: list[str] = SOURCES,
    to: list[str] = typer.Option(
        [], "--to", metavar="REPOSITORY", help="Where to; all that are off-site when not given."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Copy off-site now what is not there yet, from the repository with the newest copy.

    Nothing is ever removed there: an emptied source empties no copy.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.report_copies import CopyReport, copy_outcome, exit_code, jobs_of
    from quorate.entry.cli.backup_copies_view import render_copied
    from quorate.entry.cli.backup_progress import watching

    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher:
        came = backing.copy(opened, sources or (), to, watcher, dry_run=dry_run)
    if dry_run:
        _show_dry_run(came, as_json=as_json)
        return
    jobs = jobs_of(came.decision.starts)
    report = CopyReport(runs=tuple(copy_outcome(one, jobs) for one in came.steps), **_beside(came))
    _show(report, lambda out: render_copied(report.runs, report.refused, out), as_json=as_json)
    _exit(exit_code(came.errors, ()))


def prove(
    sources: list[str] = SOURCES,
    repositories: list[str] = typer.Option(
        [], "--repository", metavar="REPOSITORY", help="Only copies in these; all when not given."
    ),
    copy_id: str = typer.Option("", "--copy", metavar="ID", help="This copy, wherever it lies."),
    every: bool = typer.Option(
        False, "--all/--newest", help="Every copy, not only each source's newest in each place."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Restore copies on another server, compare them with their sources. Exit code 4: one differs.

    What restored and matched counts as proven from then on, for retention and alerts.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.decide_copies import Proving
    from quorate.backup.jobs.report_copies import ProveReport, exit_code, jobs_of, proof_outcome
    from quorate.entry.cli.backup_copies_view import render_proofs
    from quorate.entry.cli.backup_progress import watching

    opened = workflows.open_fleet(fleet, lab=lab)
    wish = Proving(repositories=tuple(repositories), copy=copy_id, every=every)
    with watching() as watcher:
        came = backing.prove(opened, sources or (), wish, watcher, dry_run=dry_run)
    if dry_run:
        _show_dry_run(came, as_json=as_json)
        return
    jobs = jobs_of(came.decision.starts)
    report = ProveReport(
        proofs=tuple(proof_outcome(one, jobs) for one in came.steps), **_beside(came)
    )
    _show(report, lambda out: render_proofs(report.proofs, report.refused, out), as_json=as_json)
    _exit(exit_code(came.errors, came.steps))


def _show_dry_run(came: Came, *, as_json: bool) -> None:
    from quorate.backup.jobs.decide import Decision
    from quorate.backup.jobs.report import dry_run
    from quorate.backup.jobs.report_copies import exit_code
    from quorate.entry.cli.backup_copies_view import render_planned

    made = dry_run(Decision(starts=came.decision.starts, refused=came.refused), image="")
    _show(made, lambda out: render_planned(made, out), as_json=as_json)
    _exit(exit_code(came.errors, ()))


def _beside(came: Came) -> dict[str, Any]:
    """What reports have beside what was done: what was refused, and how former jobs ended."""
    from quorate.backup.jobs.report import outcome_of, refused

    return {
        "refused": refused(came.refused),
        "earlier": tuple(outcome_of(one) for one in came.earlier),
    }


def _show(report: Model, render: Callable[[Console], None], *, as_json: bool) -> None:
    from quorate.entry.cli.output import console, print_json

    print_json(report) if as_json else render(console())


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
