"""The answer to a what-if on a terminal: the advice, both sides, what changes, and why."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from quorate.entry.cli.plan_view import BAR, GIB, bar, figures
from quorate.plan.model import Use
from quorate.plan.whatif.model import (
    LOSSES,
    Aspect,
    Cause,
    ServerChange,
    ServiceChange,
    Verdict,
    WhatIf,
    Winner,
)

WIDE = 100
"""Columns from which on bars have their full length."""

NARROW_BAR = 5

SIDE = 40
"""Columns of one side's words, at most."""

MOST = 20
"""Rows of servers and of services shown; --json has them all."""

COLOURS = {
    Verdict.STAY: "yellow",
    Verdict.CHANGE: "green",
    Verdict.EITHER: "cyan",
    Verdict.HOLDS: "green",
    Verdict.PARTLY: "yellow",
    Verdict.FAILS: "red",
}


def render(answer: WhatIf, console: Console) -> None:
    """Print an answer."""
    _line(console, (answer.fleet, "bold"), f": what if {' '.join(answer.asked)}")
    _line(console, ("before  ", "dim"), answer.before_is)
    _line(console, ("after   ", "dim"), answer.after_is)
    console.print()
    advice = answer.recommendation
    _line(
        console, (advice.verdict.upper(), f"bold {COLOURS[advice.verdict]}"), f"  {advice.headline}"
    )
    _line(console, ("decided by ", "dim"), advice.decided_by)
    console.print()
    if not all(map(_alike, answer.aspects)):
        console.print(_aspects(answer))
    same = [aspect.title for aspect in answer.aspects if _alike(aspect)]
    if same:
        _line(console, ("alike on both sides: ", "dim"), ", ".join(same))
    console.print()
    console.print(_servers(answer, console.width))
    console.print(
        Text("█ baseline  ▒ all peaks at once  ░ free; figures: baseline / peak of all", "dim")
    )
    console.print()
    shown = [change for change in answer.services if change.cause is not Cause.GLOBAL]
    if shown:
        console.print(_services(shown, console.width))
        console.print()
    _words(answer, console)


def _line(console: Console, *parts: str | tuple[str, str]) -> None:
    console.print(Text.assemble(*parts), soft_wrap=not console.is_terminal)


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _aspects(answer: WhatIf) -> RenderableType:
    table = _table()
    table.add_column("", style="bold", max_width=16)
    single = not answer.after_name.startswith("--")
    before, after = (answer.before_name, answer.after_name) if single else ("", "")
    table.add_column(_heading("before", before), max_width=SIDE, overflow="fold")
    table.add_column(_heading("after", after), max_width=SIDE, overflow="fold")
    table.add_column("better", no_wrap=True)
    for aspect in answer.aspects:
        if not _alike(aspect):
            table.add_row(
                aspect.title,
                _side(aspect, Winner.BEFORE),
                _side(aspect, Winner.AFTER),
                _winner(aspect),
            )
    return table


def _heading(side: str, name: str) -> Text:
    return Text(f"{side}: {name}" if name else side)


def _alike(aspect: Aspect) -> bool:
    return aspect.winner is Winner.TIE and aspect.before.text == aspect.after.text


def _side(aspect: Aspect, side: Winner) -> Text:
    reading = aspect.before if side is Winner.BEFORE else aspect.after
    return Text(reading.text, "" if aspect.winner in (side, Winner.TIE) else "dim")


def _winner(aspect: Aspect) -> Text:
    if aspect.winner is Winner.TIE:
        return Text("alike", "dim")
    return Text(aspect.winner.value, "green" if aspect.winner is Winner.AFTER else "yellow")


def _servers(answer: WhatIf, width: int) -> RenderableType:
    cells = BAR if width >= WIDE else NARROW_BAR
    table = _table()
    table.add_column("server", style="bold", overflow="fold")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("memory", no_wrap=True)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("CPU", no_wrap=True)
    table.add_column("threads", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("free", justify="right", no_wrap=True)
    changed = {name: c for name, c in answer.servers.items() if c.before != c.after}
    for name, change in list(changed.items())[:MOST]:
        for row in _sides(name, change, cells):
            table.add_row(*row[: len(table.columns)])
    rest = len(changed) - MOST
    unchanged = len(answer.servers) - len(changed)
    if rest > 0:
        table.add_row(f"… {rest} more")
    if unchanged:
        table.caption = f"{unchanged} of {len(answer.servers)} servers are as before"
        table.caption_justify = "left"
    return table


def _sides(name: str, change: ServerChange, cells: int) -> Iterator[tuple[str | Text, ...]]:
    for label, use in (("before", change.before), ("after", change.after)):
        if use is None:
            yield name, label, Text("not there", "dim"), "", "", "", ""
        else:
            yield (
                name,
                label,
                bar(use.memory, cells),
                figures(use.memory, GIB),
                bar(use.cpu, cells),
                figures(use.cpu, 1),
                f"{_free(use.memory)}, {_free(use.cpu)}",
            )
        name = ""


def _free(use: Use) -> str:
    return f"{use.free / use.capacity:.0%}" if use.capacity else "–"


def _services(changes: list[ServiceChange], width: int) -> RenderableType:
    table = _table()
    table.add_column("service", style="bold", no_wrap=True)
    table.add_column("before", overflow="fold")
    table.add_column("after", overflow="fold")
    if width >= WIDE:
        table.add_column("takes", no_wrap=True)
        table.add_column("free for it", overflow="fold")
    table.add_column("why", overflow="fold")
    for change in changes[:MOST]:
        figures = (_takes(change), _rooms(change)) if width >= WIDE else ()
        at = (_homes(change.before), _homes(change.after, change.pending))
        table.add_row(change.id, *at, *figures, change.why)
    rest = len(changes) - MOST
    if rest > 0:
        table.add_row(f"… {rest} more")
    return table


def _takes(change: ServiceChange) -> str:
    return f"{change.memory / GIB:.3g} GiB, {change.cpu:.3g} threads"


def _homes(at: tuple[str, ...], pending: int = 0) -> str:
    names = [
        f"{name} ×{at.count(name)}" if at.count(name) > 1 else name for name in dict.fromkeys(at)
    ]
    if pending:
        names.append(f"{pending} nowhere")
    return ", ".join(names) or "–"


def _rooms(change: ServiceChange) -> str:
    def room(memory: float | None, cpu: float | None) -> str:
        return "–" if memory is None or cpu is None else f"{memory / GIB:.1f} GiB, {cpu:.1f}"

    before = room(change.memory_room_before, change.cpu_room_before)
    return f"{before} → {room(change.memory_room_after, change.cpu_room_after)}"


def _advised(answer: WhatIf) -> Winner:
    change = answer.recommendation.verdict is Verdict.CHANGE
    return Winner.AFTER if change else Winner.BEFORE


def _words(answer: WhatIf, console: Console) -> None:
    advice = answer.recommendation
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    won = [aspect.title for aspect in answer.aspects if aspect.winner is _advised(answer)]
    if won and advice.verdict not in LOSSES:
        table.add_row(Text("for it", "green"), Text(", ".join(won)))
    against, but = ("trouble", "helps") if advice.verdict in LOSSES else ("against", "but")
    for con in advice.cons:
        table.add_row(Text(against, "yellow"), Text(con.what))
        table.add_row(Text(but, "dim"), Text(con.mitigation))
    for text in answer.overridden:
        table.add_row(Text("set aside", "cyan"), Text(f"{text} (in thought only)"))
    for text in answer.assumptions:
        table.add_row(Text("assumed", "cyan"), Text(text))
    console.print(table)
