"""What `quorate init --from-…` shows: files, guesses, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.fleet.imports.model import FLEET_FILE, FileAction, Kind

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.fleet.imports.model import Guess, ImportReport

SHOWN_GUESSES = 60
SHOWN_PROBLEMS = 20
SHOWN_FILES = 12
STYLES = {Kind.GUESS: "yellow", Kind.PLACEHOLDER: "red", Kind.MEASURED: "cyan"}


def show(made: ImportReport, out: Console) -> None:
    """Guesses first, what is to be done last: that stays on the screen."""
    _guesses(made, out)
    _diffs(made, out)
    _stacks(made, out)
    _files(made, out)
    for note in made.notes:
        todo = f"; {note.todo}" if note.todo else ""
        out.print(f"note: {note.subject}: {note.what}{todo}", markup=False)
    _problems(made, out)
    fleet = Path(made.directory) / FLEET_FILE
    written = all(f.action is not FileAction.NOT_WRITTEN for f in made.files)
    if not written:
        out.print("nothing was written (--dry-run)")
    elif made.checked:
        out.print(f"next: quorate check {fleet}; quorate plan {fleet}", markup=False)


def _guesses(made: ImportReport, out: Console) -> None:
    from rich.text import Text

    if not made.guesses:
        return
    counts = {kind: sum(g.kind is kind for g in made.guesses) for kind in Kind}
    words = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in counts.items() if count)
    out.print(f"[bold]{words}[/], each marked in its file")
    lines = list(_by_subject(made.guesses))
    for kind, line in lines[:SHOWN_GUESSES]:
        out.print(Text.assemble(("  ", ""), (kind.value, STYLES[kind]), (f" {line}", "")))
    if len(lines) > SHOWN_GUESSES:
        out.print(f"  and {len(lines) - SHOWN_GUESSES} more: in the files, and with --json")
    out.print()


def _by_subject(guesses: Iterable[Guess]) -> Iterator[tuple[Kind, str]]:
    """A line for each subject; values with one reason stand together. What is made up first."""
    groups: dict[tuple[Kind, str], dict[str, list[str]]] = {}
    for guess in guesses:
        reasons = groups.setdefault((guess.kind, guess.subject), {})
        reasons.setdefault(guess.why, []).append(f"{guess.key} {guess.value}")
    order = [Kind.PLACEHOLDER, Kind.GUESS, Kind.MEASURED]
    for (kind, subject), reasons in sorted(groups.items(), key=lambda g: order.index(g[0][0])):
        parts = [f"{', '.join(values)} ({why})" for why, values in reasons.items()]
        yield kind, f"{subject}: {'; '.join(parts)}"


def _plural(kind: Kind, count: int) -> str:
    if kind is Kind.MEASURED:
        return "measured values"
    ending = "es" if kind is Kind.GUESS else "s"
    return kind.value + (ending if count > 1 else "")


def _diffs(made: ImportReport, out: Console) -> None:
    for file in made.files:
        if file.diff:
            out.print(file.diff, markup=False)
            out.print()


def _stacks(made: ImportReport, out: Console) -> None:
    services = sum(stack.services for stack in made.stacks)
    stacks = _count(len(made.stacks), "stack")
    servers = _count(len(made.servers), "server")
    out.print(f"{made.fleet}: {servers}, {stacks}, {_count(services, 'service')}", markup=False)
    for stack in made.stacks:
        if stack.why:
            out.print(f"  {stack.name} stays with docker compose: {stack.why}", markup=False)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _files(made: ImportReport, out: Console) -> None:
    for file in made.files[:SHOWN_FILES]:
        out.print(f"  {file.action.value} {file.path}", markup=False)
    if len(made.files) > SHOWN_FILES:
        out.print(f"  and {len(made.files) - SHOWN_FILES} more files")


def _problems(made: ImportReport, out: Console) -> None:
    if made.checked:
        return
    out.print(f"[bold red]{_count(len(made.problems), 'error')}[/] left for you to decide:")
    for problem in made.problems[:SHOWN_PROBLEMS]:
        out.print(f"  {problem}", markup=False)
    if len(made.problems) > SHOWN_PROBLEMS:
        out.print(f"  and {len(made.problems) - SHOWN_PROBLEMS} more: `quorate check`")
