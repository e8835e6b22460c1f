"""A comparison of settings on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.entry.cli.tune_advice_view import advise
from quorate.fleet.quantities import write_duration
from quorate.plan.words import count
from quorate.predict.tune_bench import RARELY
from quorate.predict.tune_model import Candidate, Edit, Tuning

KEY = (
    "a server is lost: until that is noticed, where it did not lead; until all that comes back by "
    "itself answers, in the mean, in 95 of 100, and at worst; one stands still for {freezes}: how "
    "often it is taken for lost; misled: after how many losses of managers one that is there too"
)

SHOWN = 6
"""Services named of those that a line is for; --json has them all."""


def render(found: Tuning, console: Console) -> None:
    """Print a comparison: a line for each candidate, the one to take, and what to write for it."""
    console.print(_table(found))
    console.print()
    console.print(Text.assemble(("take ", "dim"), (found.chosen.name, "bold green")))
    for reason in found.chosen.reasons:
        console.print(Text(f"- {reason}"))
    console.print()
    if not found.chosen.edits:
        console.print("nothing to write: the files say it already")
    for edit in found.chosen.edits:
        console.print(Text(f"{edit.file}{_for(edit)}:", "dim"))
        console.print(Text(f"  {edit.line}", "bold"))
    console.print()
    advise(found, console)
    freezes = [write_duration(freeze.seconds) for freeze in found.candidates[0].freezes]
    console.print(Text(KEY.format(freezes=", ".join(freezes)), "dim"))
    for text in found.assumed:
        console.print(Text(f"assumed: {text}", "dim"))


def _table(found: Tuning) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    freezes = [freeze.seconds for freeze in found.candidates[0].freezes]
    for name in ("", "noticed", "mean", "95 %", "worst"):
        table.add_column(name, overflow="fold")
    for seconds in freezes:
        table.add_column(write_duration(seconds), overflow="fold")
    table.add_column("misled", overflow="fold")
    for one in found.candidates:
        style = "bold green" if one.name == found.chosen.name else "bold"
        table.add_row(
            Text(one.name, style),
            *_times(one),
            *(_share(f.alarm, f.seconds <= found.tolerate) for f in one.freezes),
            _share(one.misled, one.misled > RARELY),
        )
    return table


def _times(one: Candidate) -> tuple[str, ...]:
    found = one.recovery
    noticed = "–" if one.noticed is None else f"{one.noticed:.1f} s"
    if found is None:
        return noticed, "–", "–", "–"
    return noticed, f"{found.mean:.1f} s", f"{found.high:.0f} s", f"{found.worst_high:.0f} s"


def _share(share: float, bad: bool) -> Text:
    """A share; `bad` where any is too much."""
    if not share:
        return Text("–", "dim")
    return Text("<1 %" if share < 0.01 else f"{share * 100:.0f} %", "red" if bad else "")


def _for(edit: Edit) -> str:
    names = edit.services
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f", {count(len(names), 'service')} ({', '.join(names[:SHOWN])}{more})"
