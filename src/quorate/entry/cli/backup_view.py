"""Backups on a terminal: what is planned, and the storage that takes."""

from __future__ import annotations

from datetime import tzinfo
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.backup.policy.report import BackupEstimate, BackupPlan, NeededRoom, PlannedSource
from quorate.fleet.quantities import show_size
from quorate.plan.words import count

RED, DIM = "bold red", "dim"


def render_plan(made: BackupPlan, zone: tzinfo, console: Console) -> None:
    """Every source with its schedule, retention and repositories; then what nobody backs up."""
    table = _table("source", "when", "keeps", "goes to", "then to", "next")
    for one in made.sources:
        if one.excluded:
            table.add_row(one.id, Text("excluded", DIM), "", "", "", "")
            continue
        coming = f"{one.next.astimezone(zone):%a %d %b %H:%M}" if one.next else "never"
        goes = Text(one.repository) if one.repository else Text("nowhere", RED)
        table.add_row(one.id, one.schedule, one.keep, goes, ", ".join(one.copies), coming)
    console.print(table)
    console.print()
    rehearsed = f", rehearsed {made.rehearsing}" if made.rehearsing else ""
    console.print(
        f"copied off-site {made.copying}, proven {made.proving}{rehearsed}; times of "
        f"{made.timezone}",
        markup=False,
    )
    for group, sources in _groups(made.sources):
        console.print(Text.assemble((f"{group}: ", "cyan"), f"{sources}, at one time"))
    for lacks, sources in _lacking(made.sources):
        console.print(Text.assemble(("3-2-1: ", "yellow"), f"{lacks}: {sources}"), soft_wrap=True)
    for data in made.unprotected:
        console.print(
            Text.assemble(("unprotected: ", RED), f"{data.what}: {data.why}"), soft_wrap=True
        )


def render_estimate(made: BackupEstimate, console: Console) -> None:
    """What each source needs in each repository, the sums, and what was assumed."""
    table = _table("source", "repository", *(">first copy", ">copies kept", ">oldest", ">stored"))
    for one in made.sources:
        size = "unknown" if one.unknown else show_size(one.stored)
        days = f"{one.oldest / 86400:.0f} d"
        first = "" if one.unknown else show_size(one.first)
        table.add_row(one.source, one.repository, first, str(one.kept), days, size)
    console.print(table)
    for title, places in (("repository", made.repositories), ("spool on", made.spools)):
        if places:
            console.print()
            console.print(_rooms(title, places))
    console.print()
    for text in made.assumptions:
        console.print(Text.assemble(("assumed: ", DIM), text), soft_wrap=True)


def _rooms(title: str, places: tuple[NeededRoom, ...]) -> Table:
    table = _table(title, ">needs", ">of", "")
    for one in places:
        room = show_size(one.room) if one.room is not None else "unknown"
        said = {True: Text("fits", "green"), False: Text("too small", RED), None: Text("")}
        table.add_row(one.name, show_size(one.needed), room, said[one.fits])
    return table


def _table(*names: str) -> Table:
    """Columns; those whose name begins with `>` hold figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=DIM)
    for number, name in enumerate(names):
        table.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=number == 0 or name.startswith(">"),
        )
    return table


def _groups(sources: tuple[PlannedSource, ...]) -> list[tuple[str, str]]:
    """What is backed up together, so that it fits together when it is restored."""
    found: dict[str, int] = {}
    for one in sources:
        if one.group and not one.excluded:
            found[one.group] = found.get(one.group, 0) + 1
    return [(group, count(number, "source")) for group, number in found.items() if number > 1]


def _lacking(sources: tuple[PlannedSource, ...]) -> list[tuple[str, str]]:
    """What lacks of 3-2-1, with the sources that lack it."""
    found = sorted((lacks, one.id) for one in sources for lacks in one.missing)
    out = []
    for lacks, group in groupby(found, key=lambda pair: pair[0]):
        ids = [name for _, name in group]
        more = f" and {count(len(ids) - 4, 'more source')}" if len(ids) > 4 else ""
        out.append((lacks, ", ".join(ids[:4]) + more))
    return out
