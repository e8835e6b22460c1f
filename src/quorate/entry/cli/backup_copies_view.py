"""Copies off-site, proofs, restores and retention on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from quorate.backup.jobs.report import RefusedJob, RunDryRun
from quorate.backup.jobs.report_copies import (
    CopyOutcome,
    KeptCopy,
    ProofOutcome,
    PrunedRepository,
    PruneReport,
    RestoreReport,
)
from quorate.entry.cli.backup_jobs_view import plain_table, show_error, show_refusals
from quorate.errors import QuorateError
from quorate.fleet.quantities import show_duration, show_size
from quorate.plan.words import count

RED, DIM = "bold red", "dim"
SHOWN = 12
"""So many copies that stay are shown of each source; the others are counted."""


def render_planned(made: RunDryRun, console: Console) -> None:
    """The jobs that would be started."""
    if made.jobs:
        table = plain_table("work", "source", "copy", "from", "repository", "on")
        for job in made.jobs:
            source = job.source or "all"
            table.add_row(job.work, source, job.copy_id[:8], job.origin, job.repository, job.server)
        console.print(table)
    console.print(Text(f"{count(len(made.jobs), 'job')}; nothing was started", DIM))
    show_refusals(made.refused, console)


def render_copied(
    runs: Sequence[CopyOutcome], refused: Iterable[RefusedJob], console: Console
) -> None:
    """Each copy that is in another repository now; then what went wrong, in full."""
    copies = [(run, copy) for run in runs for copy in run.copies]
    if copies:
        table = plain_table("source", "=taken (UTC)", "from", "to", ">size", ">new", "=id")
        for run, copy in copies:
            table.add_row(
                copy.source,
                _clock(copy.taken),
                run.origin,
                copy.repository,
                show_size(copy.size),
                show_size(copy.added),
                copy.id[:8],
            )
        console.print(table)
    refusals = list(refused)
    if not runs and not refusals:
        console.print(Text("nothing to copy: the newest copies are there", "green"))
    for run in runs:
        _after(f"copy to {run.repository}", run.findings, run.error, console)
    show_refusals(refusals, console)


def render_proofs(
    proofs: Sequence[ProofOutcome], refused: Iterable[RefusedJob], console: Console
) -> None:
    """Each proof with its verdict and the measured time of its restore; then what is wrong."""
    if proofs:
        table = plain_table("source", "repository", "=taken (UTC)", "=verdict", ">RTO", ">size")
        for one in proofs:
            table.add_row(
                one.source,
                one.repository,
                _clock(one.taken) if one.taken else "",
                _verdict(one.proven),
                show_duration(one.seconds) if one.proven is not None else "",
                show_size(one.size),
            )
        console.print(table)
    for one in proofs:
        what = f"{one.source} in {one.repository} ({one.copy_id[:8]})"
        for text in one.differences:
            console.print(Text.assemble((f"{what}: ", RED), text), soft_wrap=True)
        _after(what, one.findings, one.error, console)
    refusals = list(refused)
    show_refusals(refusals, console)
    good = sum(one.proven is True for one in proofs)
    style = "green" if good == len(proofs) and not refusals else RED
    words = f"{good} of {_copies(len(proofs))} proven"
    console.print(Text(words if proofs else "there are no copies to prove", style))


def render_restore(made: RestoreReport, console: Console) -> None:
    """Which copy goes where; what came of it."""
    rows = [("source", f"{made.source}, as of {_clock(made.taken)} UTC")]
    if made.repository:
        words = f"{made.copy_id[:8]} in {made.repository}, {show_size(made.size)}"
        rows.append(("copy", words))
    else:
        rows.append(("from", "its write-ahead log"))
    rows.append(("to", made.target))
    if made.over:
        rows.append(("replaces", f"what is in {made.over} now"))
    table = plain_table("restore", "")
    for name, words in rows:
        table.add_row(Text(name, DIM), words)
    console.print(table)
    for text in (*made.notes, *made.findings):
        console.print(Text.assemble(("note: ", "yellow"), text), soft_wrap=True)
    for text in made.differences:
        console.print(Text.assemble(("differs: ", RED), text), soft_wrap=True)
    show_refusals(made.refused, console)
    if made.error is not None:
        show_error("restore", _error(made.error), console)
    elif made.outcome == "done":
        console.print(Text(f"restored in {show_duration(made.seconds)}", "green"))
    else:
        console.print(Text("nothing was changed yet", DIM))


def render_pruned(made: PruneReport, console: Console) -> None:
    """What goes and what stays, by repository, and why; then what came of it."""
    for one in made.repositories:
        console.print(Text(f"{one.repository}: {_sum(one)}", "bold"))
        table = plain_table("source", "=taken (UTC)", "=id", "=state", "=", "why")
        for kept in one.goes:
            table.add_row(*_row(kept, Text("goes", RED)))
        for kept in _some(one.stays):
            table.add_row(*_row(kept, Text("stays", "green")))
        if table.row_count:
            console.print(table)
        more = len(one.stays) - len(_some(one.stays))
        if more:
            console.print(Text(f"and {_copies(more, 'more ')} that stay", DIM))
        if one.strangers and one.outcome == "planned":
            names = ", ".join(one.strangers)
            console.print(Text(f"without a policy, so they stay: {names}", DIM), soft_wrap=True)
        _after(one.repository, one.findings, one.error, console)
    for name in made.skipped:
        console.print(Text(f"{name} is append-only: nothing is let go there from here", DIM))
    show_refusals(made.refused, console)


def _copies(number: int, more: str = "") -> str:
    return f"{number} {more}{'copy' if number == 1 else 'copies'}"


def _sum(one: PrunedRepository) -> str:
    if one.outcome == "planned":
        return f"{_copies(len(one.goes))} of {len(one.goes) + len(one.stays)} go"
    forgot = _copies(len(one.forgotten))
    return f"{forgot} forgotten, {show_size(one.freed)} freed"


def _some(kept: Sequence[KeptCopy]) -> list[KeptCopy]:
    """The newest of each source."""
    seen: dict[str, int] = {}
    out = []
    for one in kept:
        seen[one.source] = seen.get(one.source, 0) + 1
        if seen[one.source] <= SHOWN:
            out.append(one)
    return out


def _row(kept: KeptCopy, fate: Text) -> tuple[str | Text, ...]:
    state = Text("proven", "green") if kept.proven else Text("not proven", "yellow")
    return kept.source, _clock(kept.taken), kept.copy_id[:8], state, fate, kept.why


def _after(
    what: str, findings: Iterable[str], error: dict[str, object] | None, console: Console
) -> None:
    for text in findings:
        console.print(Text.assemble((f"{what}: ", "yellow"), text), soft_wrap=True)
    if error is not None:
        show_error(what, _error(error), console)


def _error(said: dict[str, object]) -> QuorateError:
    cause, todo = said.get("cause"), said.get("todo")
    return QuorateError(
        str(said["what"]), cause=str(cause) if cause else None, todo=str(todo) if todo else None
    )


def _verdict(proven: bool | None) -> Text:
    if proven is None:
        return Text("not known", "yellow")
    return Text("proven", "green") if proven else Text("DIFFERS", RED)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%y-%m-%d %H:%M}"
