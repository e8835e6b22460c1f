"""Commands: `quorate backup run`, `list` and `image`: backups of a live fleet, and their image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

FLEET_OPTION = typer.Option(Path("fleet.yaml"), "--fleet", help="The fleet file.")
LAB = typer.Option(False, "--lab", help="Work on the lab of this fleet, not on its servers.")


def add(backup: typer.Typer) -> None:
    """Add the commands of this module to `quorate backup`."""
    backup.command("run")(run)
    backup.command("list")(copies)
    backup.command("image")(image)
    backup.command("store", hidden=True)(store)


def run(
    sources: list[str] = typer.Argument(
        None, metavar="[SOURCE]...", help="Sources, as `backup plan` names them; all if none."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the jobs, start none."),
    as_json: bool = typer.Option(False, "--json", help="Print what came of it as JSON."),
) -> None:
    """Back up now: each source where its data is, into a repository on another server.

    Changes nothing of any service. What is under way already is followed to its
    end; Ctrl-C lets jobs go on by themselves.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.report import RunReport, errors_of, outcome_of, refused
    from quorate.backup.jobs.report import dry_run as planned
    from quorate.entry.cli.backup_jobs_view import render_dry_run, render_round
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json
    from quorate.image.recipe import image_name

    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher, backing.backup(opened, sources or (), watcher) as decided:
        if dry_run:
            made = planned(decided.decision, image_name(opened.fleet.backup))
            came = None
        else:
            came = backing.run(decided)
    if came is None:
        print_json(made) if as_json else render_dry_run(made, console())
        _exit(errors_of((), decided.decision.refused))
        return
    report = RunReport(
        runs=tuple(outcome_of(one) for one in came.outcomes),
        refused=refused(came.refused),
        earlier=tuple(outcome_of(one) for one in came.earlier),
    )
    print_json(report) if as_json else render_round(came, console())
    _exit(errors_of(came.outcomes, came.refused))


def copies(
    repositories: list[str] = typer.Argument(
        None, metavar="[REPOSITORY]...", help="Repositories of the fleet file; all if none."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    source: str | None = typer.Option(None, "--source", help="Only copies of this source."),
    as_json: bool = typer.Option(False, "--json", help="Print the copies as JSON."),
) -> None:
    """List the copies there are, as the repositories themselves tell it."""
    from quorate import backing, workflows
    from quorate.backup.jobs.report import copies_of, errors_of
    from quorate.entry.cli.backup_jobs_view import render_copies
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json

    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher, backing.copies(opened, repositories or (), watcher) as decided:
        came = backing.run(decided)
    found = copies_of(came.outcomes, came.refused)
    if source is not None:
        chosen = tuple(copy for copy in found.copies if copy.source == source)
        found = found.model_copy(update={"copies": chosen})
    print_json(found) if as_json else render_copies(found, console())
    _exit(errors_of(came.outcomes, came.refused))


def image(
    fleet: Path = FLEET_OPTION,
    build: bool = typer.Option(False, "--build", help="Build it with the Docker engine here."),
    postgres: list[str] = typer.Option(
        [], "--postgres", metavar="MAJOR", help="With --build: Postgres of this major as well."
    ),
    context: Path | None = typer.Option(
        None, "--write", metavar="DIRECTORY", help="Write the Dockerfile and all it copies."
    ),
) -> None:
    """Say which image backups run and how servers come by it; build it."""
    from quorate.backup.jobs.image import build_image, described
    from quorate.errors import UsageError
    from quorate.fleet.read import read_fleet
    from quorate.image.recipe import image_name, write_context

    if postgres and not build:
        raise UsageError("--postgres goes with --build", todo="add --build")
    name = image_name(read_fleet(fleet).backup)
    if context is not None:
        context.mkdir(parents=True, exist_ok=True)
        write_context(context)
        typer.echo(f"written to {context}: `docker build -t {name} {context}`")
    if build:
        build_image(name, postgres, typer.echo)
    for line in described(name, built=build):
        typer.echo(line)


def store() -> None:
    """Serve the repository that is mounted here (inside a store's service)."""
    from quorate.backup.jobs.serve import serve

    serve()


def _exit(errors: Sequence[Exception]) -> None:
    """End with the first error's code, where there is one: it was shown with the others."""
    from quorate.errors import QuorateError

    for error in errors:
        if isinstance(error, QuorateError):
            raise typer.Exit(error.exit_code)
