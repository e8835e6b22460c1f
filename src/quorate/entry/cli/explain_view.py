"""Why a service is where it is, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.plan.account import Account
from quorate.plan.cost import TERMS
from quorate.plan.margin import Margin
from quorate.plan.whynot.model import WhyNot

GIB, MIB = 2**30, 2**20


def render(account: Account, console: Console) -> None:
    """Print an account."""
    where = ", ".join(account.homes) or "nowhere"
    console.print(Text.assemble((account.service, "bold"), f" is on {where}"))
    table = _grid()
    for index, reason in enumerate(account.reasons):
        table.add_row("" if index else "because", Text(reason))
    for index, text in enumerate(account.assumed):
        table.add_row("" if index else "assumed", Text(text))
    console.print(table)
    if account.elsewhere:
        console.print()
        console.print(_elsewhere(account))
    if account.margins:
        console.print()
        console.print(_margins(account.margins))
    if account.why_not is not None:
        console.print()
        _why_not(account.service, account.why_not, console)


def _grid() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _elsewhere(account: Account) -> Table:
    table = _table("not on", "why")
    for one in account.elsewhere:
        said = Text(one.words)
        if one.server == account.next_best:
            said.append("  (next best)", "green")
        table.add_row(Text(one.server, "bold"), said)
    return table


def _margins(margins: tuple[Margin, ...]) -> Table:
    table = _table("before it has to move", "takes", "may grow by", "all there by", "on", "")
    for margin in margins:
        table.add_row(
            Text(margin.what),
            _amount(margin, margin.now),
            _amount(margin, margin.may_grow),
            _amount(margin, margin.neighbours),
            Text(margin.server, "bold"),
            Text("checked" if margin.verified else "not checked", "dim"),
        )
    return table


def _amount(margin: Margin, amount: float) -> str:
    if margin.unit == "threads":
        return f"{amount:.2f} threads"
    return f"{amount / GIB:.1f} GiB" if abs(amount) >= GIB else f"{amount / MIB:.0f} MiB"


def _why_not(service: str, found: WhyNot, console: Console) -> None:
    console.print(Text.assemble(("for ", "dim"), (service, "bold"), (" to be on ", "dim"),
                                (found.server, "bold")))  # fmt: skip
    table = _grid()
    for number, step in enumerate(found.steps, 1):
        table.add_row(f"{number}.", Text(step.change))
        checked = "" if step.verified else " (this alone does not do)"
        table.add_row("", Text(f"now: {step.what}{checked}", "dim"))
    if not found.steps:
        table.add_row("–", Text("no rule is in the way"))
    if found.along:
        table.add_row("with", Text(f"it: {', '.join(found.along)}"))
    table.add_row("→", Text(found.words))
    for term, points in sorted(found.extra.items(), key=lambda pair: -pair[1]):
        table.add_row("", Text(f"{points:+,}  {TERMS.get(term, term)}", "dim"))
    for turn in found.turns:
        checked = (
            "planned anew: it moves" if turn.verified else "planned anew: something else moves"
        )
        table.add_row(
            "or",
            Text(f"{turn.what}: {turn.needed:g} {turn.unit} instead of {turn.now:g} ({checked})"),
        )
    console.print(table)
