"""`quorate backup status` on a terminal: the coverage grid; what is not good is red."""

from __future__ import annotations

from datetime import tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.backup.policy.grid import BackupStatus, CoveredSource, is_good
from quorate.fleet.quantities import show_duration, show_size
from quorate.plan.words import count

RED, GREEN, DIM = "bold red", "green", "dim"
COLUMNS = ("source", "backed up", "off-site", "proven", ">age", ">size", "next", ">RPO", ">RTO")


def render_status(made: BackupStatus, zone: tzinfo, console: Console) -> None:
    """Every source; then what is wrong, what nobody backs up, and what could not be read."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=DIM)
    for number, name in enumerate(COLUMNS):
        figure = name.startswith(">")
        table.add_column(
            name.removeprefix(">"),
            justify="right" if figure else "left",
            no_wrap=number == 0 or figure,
        )
    for one in made.sources:
        table.add_row(*_cells(one, zone))
    console.print(table)
    console.print()
    for one in made.sources:
        for text in (*one.problems, *(f"3-2-1: {lacks}" for lacks in one.missing)):
            style = RED if text in one.problems else "yellow"
            console.print(Text.assemble((f"{one.id}: ", style), text), soft_wrap=True)
    for data in made.unprotected:
        console.print(
            Text.assemble(("unprotected: ", RED), f"{data.what}: {data.why}"), soft_wrap=True
        )
    for repository in made.unread:
        console.print(
            Text.assemble(("not read: ", RED), f"{repository.name}: {repository.why}"),
            soft_wrap=True,
        )
    console.print(_sum(made))


def _cells(one: CoveredSource, zone: tzinfo) -> tuple[str | Text, ...]:
    if one.backed_up == "excluded":
        return (one.id, Text("excluded", DIM), "", "", "", "", "", "", "")
    coming = f"{one.next.astimezone(zone):%a %d %b %H:%M}" if one.next else "never"
    slow = one.rto is not None and one.rto_target is not None and one.rto > one.rto_target
    return (
        Text(one.id, "" if one.good else RED),
        *(_state(state) for state in (one.backed_up, one.offsite, one.proven)),
        _span(one.age),
        show_size(one.size) if one.size is not None else "",
        coming,
        _span(one.rpo),
        Text(_span(one.rto), RED if slow else ""),
    )


def _state(state: str) -> Text:
    if not is_good(state):
        return Text(state, RED)
    return Text(state, GREEN if state == "ok" else DIM)


def _span(seconds: float | None) -> str:
    return show_duration(seconds) if seconds is not None else ""


def _sum(made: BackupStatus) -> Text:
    kept = [one for one in made.sources if one.backed_up != "excluded"]
    bad = sum(not one.good for one in kept)
    if made.good:
        return Text(f"{count(len(kept), 'source')}, all as they should be", GREEN)
    said = [f"{bad} of {count(len(kept), 'source')} not as it should be"]
    if made.unprotected:
        said.append(f"{len(made.unprotected)} unprotected")
    if made.unread:
        said.append(f"{len(made.unread)} of the repositories not read")
    return Text(", ".join(said), RED)
