"""How an adoption looks: before it is agreed to, and how long nobody answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.entry.cli.operation_view import render_operation

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.recover.model import Journal, Operation

GAP = "gap:"


def render_adoption(operation: Operation, setup: tuple[str, ...], console: Console) -> None:
    """Its steps, and before them those that make the swarm."""
    for step in setup:
        console.print(f"first, to set up the swarm: {step}", markup=False)
    render_operation(operation, console)


def render_gaps(journal: Journal, console: Console) -> None:
    """For each service how long neither its container nor it answered."""
    from quorate.recover.model import State

    if journal.state is not State.DONE:
        return
    for name, seconds in journal.facts.items():
        if name.startswith(GAP):
            console.print(f"{name.removeprefix(GAP)}: nobody answered for {seconds} s")
    if not journal.sealed():
        console.print(
            "the containers are kept, stopped: `quorate adopt --finish` removes them, "
            "`quorate adopt --undo` goes back"
        )
