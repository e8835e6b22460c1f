"""The plan as measured beside the plan as declared, on a terminal."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.entry.cli.plan_view import GIB, bar, figures
from quorate.fleet.quantities import show_size
from quorate.plan.model import MeasuredPlan, ServerUse, Side, UseDifference
from quorate.plan.words import count

SHOWN_RULES = 6


def render(made: MeasuredPlan, console: Console) -> None:
    """Print the comparison: servers, homes that change, what breaks, what is to be known."""
    console.print(_head(made))
    console.print()
    console.print(_servers(made))
    console.print()
    if made.difference.homes:
        console.print(_homes(made))
        console.print()
    for text in _said(made):
        console.print(text, soft_wrap=True)
    console.print(
        Text("nothing of this is applied: `quorate suggest --write` writes the figures", "dim")
    )


def _head(made: MeasuredPlan) -> Text:
    text = Text.assemble(("as measured", "bold"))
    text.append(
        f" ({made.source}, {made.start[:16].replace('T', ' ')} to "
        f"{made.end[:16].replace('T', ' ')}): {count(len(made.changed), 'service')} with other "
        f"figures than declared, {len(made.left)} as declared"
    )
    return text


def _servers(made: MeasuredPlan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("server", "", "memory"):
        table.add_column(name, no_wrap=True)
    table.add_column("GiB", justify="right", no_wrap=True)
    table.add_column("CPU", no_wrap=True)
    table.add_column("threads", justify="right", no_wrap=True)
    moved = made.as_measured is not None and bool(made.difference.homes)
    for name, declared in made.as_declared.servers.items():
        _add(table, name, "declared", declared)
        _add(table, "", "measured", made.same_homes.servers[name])
        if moved and made.as_measured is not None:
            _add(table, "", "  planned", made.as_measured.servers[name])
    return table


def _add(table: Table, name: str, kind: str, use: ServerUse) -> None:
    table.add_row(
        Text(name, "bold"),
        Text(kind, "dim"),
        bar(use.memory, 10),
        figures(use.memory, GIB),
        bar(use.cpu, 10),
        figures(use.cpu, 1),
    )


def _homes(made: MeasuredPlan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("would live elsewhere", "as declared", "as measured"):
        table.add_column(name, overflow="fold")
    for name, change in made.difference.homes.items():
        table.add_row(
            Text(name, "bold"),
            Text(", ".join(change.declared) or "nowhere"),
            Text(", ".join(change.measured) or "nowhere"),
        )
    return table


def _said(made: MeasuredPlan) -> list[Text]:
    out = [
        _warning(f"with the measured figures the homes as declared break: {broken}")
        for broken in made.same_homes.broken[:SHOWN_RULES]
    ]
    more = len(made.same_homes.broken) - SHOWN_RULES
    if more > 0:
        out.append(_warning(f"and {count(more, 'more rule')}"))
    if made.as_measured is None:
        out.append(
            _warning("with the measured figures there is no plan: " + "; ".join(made.conflict))
        )
    elif not made.difference.homes:
        out.append(Text("every service would live where it does"))
    elif made.difference.gain:
        out.append(Text(f"planned as measured it costs {made.difference.gain:,.0f} points less"))
    out += [_warning(text) for text in _only(made.as_measured, made.as_declared)]
    out += [
        Text.assemble(("difference: ", "dim"), f"{name}: {words}")
        for name, words in _differences(made)
    ]
    out += [Text.assemble(("note: ", "cyan"), text) for text in made.remarks]
    return out


def _only(measured: Side | None, declared: Side) -> list[str]:
    """Warnings that the plan as measured has and the one as declared has not."""
    if measured is None:
        return []
    return [f"as measured: {text}" for text in measured.warnings if text not in declared.warnings]


def _differences(made: MeasuredPlan) -> list[tuple[str, str]]:
    return [
        (name, f"memory {_parts(one.memory, _size)}; CPU {_parts(one.cpu, _threads)}")
        for name, one in made.difference.servers.items()
    ]


def _parts(one: UseDifference, shown: Callable[[float], str]) -> str:
    return (
        f"{shown(one.baseline)} baseline, {shown(one.peak)} at peaks, "
        f"{shown(one.reserved)} reserved"
    )


def _size(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{show_size(abs(value))}"


def _threads(value: float) -> str:
    return f"{value:+.2f}"


def _warning(text: str) -> Text:
    return Text.assemble(("warning: ", "yellow"), text)
