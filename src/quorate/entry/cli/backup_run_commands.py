"""Commands: `quorate backup run`, `list` and `image`: backups of a live fleet, and their image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import FLEET_OPTION, LAB, SOURCES

if TYPE_CHECKING:
    from quorate.backing import Came
    from quorate.backup.jobs.running import Round
    from quorate.fleet.model import Fleet


def add(backup: typer.Typer) -> None:
    """Add the commands of this module to `quorate backup`."""
    backup.command("run")(run)
    backup.command("list")(copies)
    backup.command("image")(image)
    backup.command("store", hidden=True)(store)


def run(
    sources: list[str] = SOURCES,
    copy: bool = typer.Option(False, "--copy", help="Then copy off-site."),
    prove: bool = typer.Option(
        False, "--prove", help="Then prove the newest copies, off-site ones too."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the jobs, start none."),
    as_json: bool = typer.Option(False, "--json", help="Print what came of it as JSON."),
) -> None:
    """Back up now: each source where its data is, into a repository on another server.

    Changes nothing of any service. What is under way already is followed to its
    end; Ctrl-C lets jobs go on by themselves. Exit code 4: with --prove, a copy differs.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.report import dry_run as planned
    from quorate.backup.jobs.report import errors_of
    from quorate.entry.cli.backup_jobs_view import render_dry_run
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json
    from quorate.image.recipe import image_name

    opened = workflows.open_fleet(fleet, lab=lab)
    then = _then(opened.fleet, copy=copy, prove=prove)
    with watching() as watcher, backing.backup(opened, sources or (), watcher) as decided:
        if dry_run:
            made = planned(decided.decision, image_name(opened.fleet.backup), then)
            came = None
        else:
            came = backing.run(decided)
            copied, proven = backing.follow_up(
                decided.ground, came, sources or (), copies=copy, proofs=prove
            )
    if came is None:
        print_json(made) if as_json else render_dry_run(made, console())
        _exit(errors_of((), decided.decision.refused))
        return
    _finish(came, copied, proven, as_json=as_json)


def _finish(came: Round, copied: Came | None, proven: Came | None, *, as_json: bool) -> None:
    """Show what came of the backups, and of what followed them."""
    from quorate.backup.jobs.report import errors_of, outcome_of, refused
    from quorate.backup.jobs.report_copies import (
        RunReport,
        copy_outcome,
        exit_code,
        jobs_of,
        proof_outcome,
    )
    from quorate.entry.cli.backup_copies_view import render_copied, render_proofs
    from quorate.entry.cli.backup_jobs_view import render_round
    from quorate.entry.cli.output import console, print_json

    after = [one for one in (copied, proven) if one is not None]
    jobs = jobs_of(start for one in after for start in one.decision.starts)
    copies = tuple(copy_outcome(one, jobs) for one in copied.steps) if copied else ()
    proofs = tuple(proof_outcome(one, jobs) for one in proven.steps) if proven else ()
    # What could not be read is the same for both.
    others = {one.what: one for follower in after for one in follower.refused}
    report = RunReport(
        runs=tuple(outcome_of(one) for one in came.outcomes),
        refused=refused((*came.refused, *others.values())),
        earlier=tuple(outcome_of(one) for one in came.earlier),
        copied=copies,
        proofs=proofs,
    )
    if as_json:
        print_json(report)
    else:
        render_round(came, console())
        if copied is not None:
            render_copied(copies, refused(copied.refused), console())
        if proven is not None:
            render_proofs(proofs, refused(proven.refused if not copied else ()), console())
    errors = [*errors_of(came.outcomes, came.refused), *(e for one in after for e in one.errors)]
    code = exit_code(errors, proven.steps if proven else ())
    if code:
        raise typer.Exit(code)


def _then(fleet: Fleet, *, copy: bool, prove: bool) -> list[str]:
    """What follows the backups, in words.

    Raises:
        UsageError: nothing is off-site.
    """
    from quorate.backup.jobs.decide_copies import offsite

    words = []
    if copy:
        words.append(f"copies to {', '.join(one.name for one in offsite(fleet))}")
    if prove:
        words.append("proofs of the newest copies in every repository")
    return words


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
    base: str = typer.Option(
        "", "--base", metavar="IMAGE", help="With --build: on this Debian, not the official one."
    ),
    show: bool = typer.Option(False, "--show", help="Print the Dockerfile, and nothing else."),
    context: Path | None = typer.Option(
        None, "--write", metavar="DIRECTORY", help="Write the Dockerfile and all it copies."
    ),
) -> None:
    """Say which image backups run and how servers come by it; build it."""
    from quorate.backup.jobs.image import build_image, described
    from quorate.errors import UsageError
    from quorate.fleet.read import read_fleet
    from quorate.image.recipe import image_name, text, write_context

    for option, given in (("--postgres", postgres), ("--base", base)):
        if given and not build:
            raise UsageError(f"{option} goes with --build", todo="add --build")
    if show:
        typer.echo(text("Dockerfile"), nl=False)
        return
    name = image_name(read_fleet(fleet).backup)
    if context is not None:
        context.mkdir(parents=True, exist_ok=True)
        write_context(context)
        typer.echo(f"written to {context}: `docker build -t {name} {context}`")
    if build:
        build_image(name, postgres, typer.echo, base=base)
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
