"""Commands: `quorate backup restore` and `prune`: copies brought back, and copies let go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quorate.entry.cli.backup_options import DRY_RUN, FLEET_OPTION, JSON, LAB, YES

if TYPE_CHECKING:
    from quorate.backup.jobs.copies import Known
    from quorate.backup.jobs.decide_copies import Keeping
    from quorate.backup.jobs.decide_restore import Restoring
    from quorate.fleet.model import Fleet


def add(backup: typer.Typer) -> None:
    """Add the commands of this module to `quorate backup`."""
    backup.command("restore")(restore)
    backup.command("prune")(prune)


def restore(
    source: str = typer.Argument(..., help="The source, as `backup plan` names it."),
    to: str = typer.Option(
        "",
        "--to",
        metavar="TARGET",
        help="SERVICE[/DATABASE], [SERVER:]volume/NAME or SERVER:/PATH; must be empty, or new.",
    ),
    only: str = typer.Option("", "--only", metavar="NAME", help="One database of a Postgres."),
    copy_id: str = typer.Option("", "--copy", metavar="ID", help="This copy, not the newest."),
    at: str = typer.Option(
        "",
        "--at",
        metavar="TIME",
        help="The newest copy that is not after this time; of a write-ahead log the very moment. "
        "`latest`: the last there is.",
    ),
    repository: str = typer.Option(
        "", "--from", metavar="REPOSITORY", help="Take it from here; else from the nearest."
    ),
    in_place: bool = typer.Option(
        False, "--in-place", help="Replace the source's own data. Asks for its name."
    ),
    yes_really: str | None = typer.Option(
        None, "--yes-really", metavar="SOURCE", help="With --in-place: its name, not to be asked."
    ),
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Restore a copy: into another database, volume or directory; over its source if told twice.

    What is there already is never overwritten without --in-place. Exit code 4: it was
    restored, and is not what the source was.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.decide_restore import Wish
    from quorate.backup.jobs.report import refused
    from quorate.backup.jobs.report_copies import exit_code, restore_report
    from quorate.entry.cli.backup_copies_view import render_restore
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json

    opened = workflows.open_fleet(fleet, lab=lab)
    wish = Wish(
        source=source,
        to=to,
        only=only,
        copy=copy_id,
        at=moment(at, opened.fleet),
        repository=repository,
        in_place=in_place,
    )
    with watching() as watcher:
        confirm = _over(watcher.pause, yes_really)
        done = backing.restore(opened, wish, watcher, confirm=confirm, dry_run=dry_run)
    report = restore_report(done.made, done.outcome, refused(done.known.unread))
    if as_json:
        print_json(report)
    else:
        render_restore(report, console())
    outcomes = [done.outcome] if done.outcome else []
    _exit(exit_code([one.error for one in outcomes if one.error], outcomes))


def prune(
    repositories: list[str] = typer.Argument(
        None, metavar="[REPOSITORY]...", help="Repositories of the fleet file; all if none."
    ),
    yes: bool = YES,
    fleet: Path = FLEET_OPTION,
    lab: bool = LAB,
    dry_run: bool = DRY_RUN,
    as_json: bool = JSON,
) -> None:
    """Apply retention: show which copies go and why the others stay, ask, forget, give back room.

    Only proven copies count, and the last proven one never goes. A repository is
    pruned when it was checked and found whole.
    """
    from quorate import backing, workflows
    from quorate.backup.jobs.decide_copies import append_only
    from quorate.backup.jobs.report import refused
    from quorate.backup.jobs.report_copies import PruneReport, exit_code, pruned
    from quorate.entry.cli.backup_copies_view import render_pruned
    from quorate.entry.cli.backup_progress import watching
    from quorate.entry.cli.output import console, print_json

    opened = workflows.open_fleet(fleet, lab=lab)
    with watching() as watcher:
        confirm = _letting_go(watcher.pause, yes=yes)
        done = backing.prune(opened, repositories or (), watcher, confirm=confirm, dry_run=dry_run)
    found = pruned(done.found, done.known.snapshots, done.steps, done.failed)
    skipped = () if repositories else append_only(opened.fleet)
    report = PruneReport(
        repositories=found,
        refused=refused(done.refused),
        skipped=tuple(one.name for one in skipped),
    )
    if as_json:
        print_json(report)
    else:
        render_pruned(report, console())
    errors = [*(one.error for one in done.refused), *(done.failed or {}).values()]
    _exit(exit_code(errors, ()))


def _over(pause: Callable[[], None], given: str | None) -> Callable[[Restoring], bool]:
    """Has the source's name typed where its data is replaced; nothing else is asked."""

    def confirm(made: Restoring) -> bool:
        from quorate.backup.jobs.report_copies import restore_report
        from quorate.entry.cli.backup_copies_view import render_restore
        from quorate.entry.cli.confirm import typed
        from quorate.entry.cli.output import console

        if not made.over:
            return True
        pause()
        render_restore(restore_report(made, None, ()), console(stderr=True))
        question = f"This replaces what is in {made.over} now."
        return typed(made.over, question, given=given)

    return confirm


def _letting_go(
    pause: Callable[[], None], *, yes: bool
) -> Callable[[tuple[Keeping, ...], Known], bool]:
    """Shows what goes and what stays, and asks; with --yes it only shows."""

    def confirm(found: tuple[Keeping, ...], known: Known) -> bool:
        from quorate.backup.jobs.report_copies import PruneReport, pruned
        from quorate.entry.cli.backup_copies_view import render_pruned
        from quorate.entry.cli.confirm import agreed
        from quorate.entry.cli.output import console

        pause()
        report = PruneReport(repositories=pruned(found, known.snapshots), refused=())
        render_pruned(report, console(stderr=True))
        number = sum(one.forgotten for one in found)
        what = f"Forget {number} of the copies, then" if number else "Nothing is forgotten:"
        names = ", ".join(one.repository for one in found)
        return agreed(f"{what} check and prune {names}?", yes=yes)

    return confirm


def moment(text: str, fleet: Fleet) -> datetime | None:
    """A time as people write it, on the wall of the fleet's time zone; `latest`: the last there is.

    Raises:
        UsageError: it is none.
    """
    from quorate.backup.jobs.decide_restore import LATEST
    from quorate.errors import UsageError
    from quorate.fleet.zones import time_zone

    if not text:
        return None
    if text.strip() == "latest":
        return LATEST
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text} is no time",
            todo="write `2026-03-01 14:30` (of the fleet's time zone), or with one of its own: "
            "`2026-03-01T14:30+01:00`; `latest` is the last there is",
        ) from error
    zone = time_zone(fleet.backup.timezone)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
