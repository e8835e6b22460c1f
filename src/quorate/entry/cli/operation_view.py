"""How operations look: before they are agreed to, when they are over, in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.recover.carrying import title
from quorate.recover.model import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from quorate.recover.model import Journal, Operation

MINUTE = 60


def seconds(value: float | None) -> str:
    """A time for people; empty where it is not known."""
    if value is None:
        return ""
    return f"{value:.0f} s" if value < 2 * MINUTE else f"{value / MINUTE:.0f} min"


def render_operation(operation: Operation, console: Console) -> None:
    """Its steps in order, what each takes, what could be lost."""
    from rich.table import Table

    if not operation.steps:
        console.print(f"{title(operation)}: nothing to do, it is so already")
        return
    console.print(f"{title(operation)}: {len(operation.steps)} steps", style="bold")
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("step")
    table.add_column("expected", justify="right")
    table.add_column("undone by")
    for number, step in enumerate(operation.steps, start=1):
        back = "cannot be undone from here on" if step.final else step.back
        table.add_row(str(number), step.says, seconds(step.seconds), back)
    console.print(table)
    if operation.seconds is not None:
        console.print(f"expected to take {seconds(operation.seconds)}")
    console.print(f"could be lost: {operation.loses or 'nothing'}")
    for warning in operation.warnings:
        console.print(f"warning: {warning}", style="yellow")


def render_journal(journal: Journal, console: Console) -> None:
    """How far it is, or what came of it, with the time each step took."""
    from rich.table import Table

    words = {State.DONE: "done", State.UNDONE: "undone", State.ABANDONED: "abandoned"}
    state = words.get(journal.state, "not over, being undone" if journal.back else "not over")
    console.print(f"{title(journal.operation)} ({journal.id}): {state}", style="bold")
    table = Table(box=None, pad_edge=False)
    for name in ("step", "state", "took"):
        table.add_column(name, justify="right" if name == "took" else "left")
    times = {one.step: one.seconds for one in journal.entries}
    for step in journal.operation.steps:
        table.add_row(step.says, journal.of(step.id).value, seconds(times.get(step.id)))
    console.print(table)
    if journal.trouble:
        console.print(f"stopped by: {journal.trouble}", style="red")


def render_left(journal: Journal, console: Console) -> None:
    """What is left of an operation that is abandoned: what it has done, what would undo it."""
    left = journal.left()
    if not left:
        console.print(f"{title(journal.operation)}: no step of it has begun")
        return
    console.print(f"{title(journal.operation)} has done this, and it stays so:", style="bold")
    for step in left:
        begun = " (begun: it may have happened or not)"
        says = f"{step.says}{begun if journal.of(step.id) is State.BEGUN else ''}"
        console.print(f"- {says}{f'; its undoing: {step.back}' if step.back else ''}")
    console.print(
        "afterwards: `quorate status --deep` finds what is not as it must be, `quorate up` brings "
        "services to what the fleet file says"
    )


def render_kept(
    journal: Journal, kept: Sequence[str] | None, console: Console, *, let_go: bool
) -> None:
    """Which services an operation that is abandoned keeps still; None: the swarm does not say."""
    if kept is None:
        console.print("what it keeps stopped cannot be seen: no manager answers")
    if not kept:
        return
    names = ", ".join(kept)
    if let_go:
        console.print(f"it keeps {names} stopped; that runs again: see that its data are whole")
        return
    console.print(f"it keeps {names} stopped, and that stays so until you let it go:")
    console.print(f"  quorate operations abandon {journal.id} --let-go")


def render_journals(journals: Sequence[Journal], console: Console) -> None:
    """One line each, oldest first."""
    from rich.table import Table

    if not journals:
        console.print("no operation was begun yet")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "what", "begun", "by", "state"):
        table.add_column(name)
    for one in journals:
        state = one.state.value if not one.open else "not over"
        table.add_row(one.id, title(one.operation), one.started[:19], one.who, state)
    console.print(table)


def agreed_to(pause: Callable[[], None], *, yes: bool) -> Callable[[Operation], bool]:
    """What shows an operation and asks whether to do it; with `yes` it only shows."""

    def confirm(operation: Operation) -> bool:
        from quorate.entry.cli.confirm import agreed
        from quorate.entry.cli.output import console

        pause()
        render_operation(operation, console(stderr=True))
        return agreed(f"Do this ({title(operation)})?", yes=yes)

    return confirm
