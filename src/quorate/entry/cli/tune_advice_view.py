"""What more replicas and drained managers would bring, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.plan.words import MIB, listed, size
from quorate.predict.tune_model import Drained, Replicas, Tuning

SHOWN = 6
"""Services named in a line; --json has them all."""


def advise(found: Tuning, console: Console) -> None:
    """Print each line of advice, and the figures behind it."""
    if found.replicas is None:
        return
    replicas, drained = found.advice
    console.print(Text.assemble(("- ", "dim"), (replicas, "bold")))
    _replicas(found.replicas, console)
    console.print()
    console.print(Text.assemble(("- ", "dim"), (drained, "bold")))
    _drained(found.drained, console)
    console.print()


def _replicas(found: Replicas, console: Console) -> None:
    if found.doubled:
        table = _table("deploy: {replicas: 2}", "gap now", "on", "and on", "memory")
        for each in sorted(found.doubled, key=lambda each: -(each.gap or 0.0)):
            gap = "not by itself" if each.gap is None else f"{each.gap:.0f} s"
            table.add_row(
                Text(each.service, "bold"), gap, each.home, each.beside, size(each.memory / MIB)
            )
        console.print(table)
    reasons: dict[str, list[str]] = {}
    for name, why in found.kept.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        console.print(Text(f"no gain for {listed(names, most=SHOWN)}: {why}"))
    for text in found.tight:
        console.print(Text(f"with them, {text}", "yellow"))


def _drained(found: tuple[Drained, ...], console: Console) -> None:
    """A line for each set of managers that could be drained, then why the others could not."""
    table = _table("drained", "mean", "leader lost", "worst", "moves", "reserved at most")
    for each in found:
        if each.outage is not None:
            outage = each.outage
            worst = f"{outage.worst_high:.0f} s ({outage.worst})" if outage.worst else "–"
            table.add_row(
                Text(_name(each), "bold"),
                f"{outage.mean:.1f} s",
                f"{outage.leader:.1f} s",
                worst,
                str(len(each.moves)) if each.managers else "–",
                f"{each.share:.0%} ({each.fullest})",
            )
    console.print(table)
    for each in found:
        if each.against:
            console.print(Text(f"not {_name(each)}: {each.against}"))
        if each.data:
            data = listed(each.data, most=SHOWN)
            console.print(Text(f"{_name(each)}: data to move first: {data}", "yellow"))
        for text in each.tight:
            console.print(Text(f"{_name(each)}: {text}", "yellow"))


def _name(each: Drained) -> str:
    return ", ".join(each.managers) or "none"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
