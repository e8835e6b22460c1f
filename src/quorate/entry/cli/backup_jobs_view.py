"""What jobs will do and have done, on a terminal; the copies there are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.backup.jobs.model import Copied
from quorate.backup.jobs.report import CopiesReport, RefusedJob, RunDryRun
from quorate.backup.jobs.running import Round
from quorate.backup.jobs.watching import Outcome
from quorate.errors import QuorateError
from quorate.fleet.quantities import show_size

RED, DIM = "bold red", "dim"


def render_dry_run(made: RunDryRun, console: Console) -> None:
    """Each job that would be started, where, and how it reaches what."""
    if made.jobs:
        table = plain_table("source", "server", "repository", "reached by", "database", "networks")
        for job in made.jobs:
            table.add_row(
                job.source,
                job.server,
                job.repository,
                job.location,
                job.database,
                ", ".join(job.networks),
            )
        console.print(table)
    for words in made.then:
        console.print(Text(f"then: {words}", DIM))
    console.print(Text(f"image: {made.image}; nothing was started", DIM))
    show_refusals(made.refused, console)


def render_round(came: Round, console: Console) -> None:
    """Each job with what it did; then what went wrong, in full."""
    ended = (*came.earlier, *came.outcomes)
    if ended:
        table = plain_table(
            "source", "server", "repository", "outcome", ">size", ">new", ">seconds"
        )
        for one in ended:
            table.add_row(*_row(one))
        console.print(table)
    for one in ended:
        for finding in one.answer.findings if one.answer else ():
            console.print(Text.assemble((f"{one.job.source}: ", "yellow"), finding), soft_wrap=True)
        if one.error is not None:
            show_error(one.job.source or one.job.repository, one.error, console)
    for refused in came.refused:
        show_error(refused.what, refused.error, console)


def render_copies(found: CopiesReport, console: Console) -> None:
    """Every copy, the oldest first; then the repositories that could not be read."""
    if found.copies:
        table = plain_table("source", "taken (UTC)", "repository", ">size", ">new", "state", "id")
        for copy in found.copies:
            table.add_row(
                copy.source,
                f"{copy.taken.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                copy.repository,
                show_size(copy.size),
                show_size(copy.added),
                _state(copy),
                copy.id[:8],
            )
        console.print(table)
    elif not found.unread:
        console.print("no copies yet; `quorate backup run` makes some")
    show_refusals(found.unread, console)


def _state(copy: Copied) -> Text:
    if not copy.complete:
        return Text("not complete", RED)
    if copy.proven is None:
        return Text("complete", "yellow")
    return Text("proven", "green") if copy.proven else Text("does not restore", RED)


def _row(one: Outcome) -> tuple[str | Text, ...]:
    job, answer = one.job, one.answer
    said = Text("failed", RED) if one.error else Text("done", "green")
    if answer is None:
        return (job.source, job.server, job.repository, said, "", "", "")
    figures = (show_size(answer.size), show_size(answer.added), f"{answer.seconds:.1f}")
    return (job.source, job.server, job.repository, said, *figures)


def show_refusals(refused: Iterable[RefusedJob], console: Console) -> None:
    """What could not be begun or read, and why."""
    for one in refused:
        error = QuorateError(
            str(one.error["what"]), cause=one.error.get("cause"), todo=one.error.get("todo")
        )
        show_error(one.what, error, console)


def show_error(what: str, error: QuorateError, console: Console) -> None:
    """An error of one source or repository, in full."""
    head, *rest = error.lines()
    console.print(Text.assemble((f"{what}: ", RED), head), soft_wrap=True)
    for line in rest:
        console.print(Text("  " + line.replace("\n", "\n    ")), soft_wrap=True)


def plain_table(*names: str) -> Table:
    """Columns; those whose name begins with `>` hold figures, with `=` what is never broken."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=DIM)
    for name in names:
        figure = name.startswith(">")
        table.add_column(
            name.lstrip(">="),
            justify="right" if figure else "left",
            no_wrap=figure or name.startswith("="),
            overflow="fold",
        )
    return table
