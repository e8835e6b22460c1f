"""What was measured beside what is declared, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.fleet.quantities import show_duration, show_size
from quorate.measured.compare import Compared, Flag, Row
from quorate.measured.report import Report, SuggestReport
from quorate.measured.suggest import MIB
from quorate.plan.words import count

GOOD = (Flag.SHORT,)
"""Said once for all: the measurement's own length shows it."""

LEGEND = (
    "of one task; p50 is the median, p95 and seen are the busiest task's; suggested: p95 and 15%"
)
STYLES = {"+": "yellow", "-": "green"}


def render(made: Report, console: Console) -> None:
    """Print a report: memory, CPU, what is striking, what is to be known."""
    console.print(_head(made))
    console.print()
    console.print(_table("memory", made.rows, lambda row: row.memory, _size))
    console.print()
    console.print(_table("CPU threads", made.rows, lambda row: row.cpu, _threads))
    console.print(Text(LEGEND, "dim"))
    flags = list(_flags(made))
    if flags:
        console.print()
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        grid.add_column(style="yellow", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, services in flags:
            grid.add_row(name, Text(services))
        console.print(grid)
    for text in made.remarks:
        console.print(Text.assemble(("note: ", "cyan"), text), soft_wrap=True)


def render_diff(made: SuggestReport, console: Console) -> None:
    """Print what would be written."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for text in made.files.values():
        console.print()
        for line in text.splitlines():
            console.print(Text(line, colours.get(line[:1], "")), soft_wrap=True)
    if not made.files:
        console.print("nothing to write: the declared figures are near enough")


def _head(made: Report) -> Text:
    text = Text.assemble((made.fleet, "bold"))
    seconds = (made.end - made.start).total_seconds()
    seen = sum(Flag.UNSEEN not in row.flags for row in made.rows)
    text.append(
        f": {seen} of {count(len(made.rows), 'service')} measured over {show_duration(seconds)} "
        f"until {made.end:%Y-%m-%d %H:%M} UTC ({made.source}, every "
        f"{show_duration(made.interval)}); {len(made.suggestions)} to change"
    )
    return text


def _table(
    title: str,
    rows: tuple[Row, ...],
    of: Callable[[Row], Compared],
    shown: Callable[[float], str],
) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(Text(title, "bold"), overflow="fold")
    for name in ("baseline", "p50", "peak", "seen", "reserved", "p95", "suggested", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("samples", justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: -abs(of(row).difference or 0.0)):
        one = of(row)
        if one.p50 is None:
            continue
        table.add_row(
            Text(row.service, "bold"),
            *(
                Text("–" if value is None else shown(value))
                for value in (
                    one.baseline,
                    one.p50,
                    one.peak,
                    one.seen_peak,
                    one.reserved or None,
                    one.p95,
                    one.suggested,
                )
            ),
            _difference(one, shown),
            Text(str(row.samples)),
        )
    return table


def _difference(one: Compared, shown: Callable[[float], str]) -> Text:
    if one.difference is None:
        return Text("–")
    if not one.difference:
        return Text("=")
    sign = "+" if one.difference > 0 else "-"
    return Text(f"{sign}{shown(abs(one.difference))}", STYLES[sign])


def _flags(made: Report) -> Iterator[tuple[str, str]]:
    for flag in Flag:
        names = [row.service for row in made.rows if flag in row.flags]
        if not names or flag is Flag.UNSEEN or (flag in GOOD and len(names) > len(made.rows) / 2):
            continue
        yield flag.value, ", ".join(names)


def _size(value: float) -> str:
    if MIB <= value < 1024 * MIB:
        return f"{value / MIB:.0f}M"
    return show_size(value).replace("iB", "").replace(" ", "")


def _threads(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
