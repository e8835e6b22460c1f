"""How `quorate check` shows what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quorate.fleet.problems import Severity
from quorate.fleet.quantities import show_size

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.fleet.problems import Problem
    from quorate.fleet.report import CheckReport

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def show(made: CheckReport, path: Path, out: Console, *, notes: bool) -> None:
    """Notes first, errors last: what matters most stays on the screen."""
    for severity in (Severity.NOTE, Severity.WARNING, Severity.ERROR):
        found = [problem for problem in made.problems if problem.severity is severity]
        if not found or (severity is Severity.NOTE and not notes):
            continue
        out.print(f"[bold]{_count(len(found), severity.value)}[/]")
        for problem in found:
            _problem(problem, out)
        out.print()
    _summary(made, path, out)


def _problem(problem: Problem, out: Console) -> None:
    from rich.text import Text

    line = Text()
    line.append(f"{problem.location}", style="bold")
    line.append(": ")
    line.append(f"{problem.severity.value} {problem.code}", style=_STYLES[problem.severity])
    line.append(f": {problem.what}; {problem.why}; what to do: {problem.todo}")
    out.print(line, soft_wrap=True)


def _summary(made: CheckReport, path: Path, out: Console) -> None:
    counts = ", ".join(
        _count(number, word)
        for number, word in (
            (made.errors, "error"),
            (made.warnings, "warning"),
            (made.notes, "note"),
        )
        if number
    )
    if made.summary is None:
        out.print(f"{path}: {counts}", markup=False)
        return
    has = made.summary
    managers = _count(has.managers, "manager")
    out.print(
        f"{made.fleet}: {_count(has.servers, 'server')} ({managers}, "
        f"{show_size(has.memory)}, {has.cpus:g} threads), {_count(has.stacks, 'stack')}, "
        f"{_count(has.services, 'service')}, {_count(has.containers, 'container')}; "
        f"{counts or 'nothing wrong'}",
        markup=False,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
