"""How the findings of `status --deep` look: what, where, why it matters, the mend."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quorate.observe.deep import faults
from quorate.observe.deep_model import Finding, Grade
from quorate.observe.standing import Standing

MARKS = {
    Grade.FAULT: "[bold red]✗[/]",
    Grade.NOTE: "[yellow]·[/]",
    Grade.UNCHECKED: "[yellow]?[/]",
}


def view(standing: Standing) -> Group:
    """What was mended, what is found, and a line that sums it up."""
    found = standing.findings or ()
    parts: list[RenderableType] = []
    if standing.mended:
        parts += [Text("mended:", "bold"), *_mended(standing.mended), Text()]
    if found:
        parts += [_table(found), Text()]
    parts.append(Text.from_markup(summary(found)))
    return Group(*parts)


def summary(found: Iterable[Finding]) -> str:
    """One line, as rich's markup."""
    items = tuple(found)
    bad = len(faults(items))
    notes = sum(finding.grade is Grade.NOTE for finding in items)
    unchecked = sum(finding.grade is Grade.UNCHECKED for finding in items)
    words = [
        f"[bold red]{bad} after-failure fault{'s' if bad > 1 else ''}[/]"
        if bad
        else "[green]no after-failure fault[/]"
    ]
    words += [f"{notes} note{'s' if notes > 1 else ''}"] if notes else []
    words += [f"[yellow]{unchecked} not checked[/]"] if unchecked else []
    if any(finding.action is not None for finding in faults(items)):
        words.append("`--mend` mends what can be mended, and asks before")
    return "; ".join(words)


def _mended(found: Iterable[Finding]) -> list[Text]:
    return [Text(f"  {f.where}: {f.what}: {f.action.kind if f.action else ''}") for f in found]


def _table(found: Iterable[Finding]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for title in (" ", "what", "where"):
        table.add_column(title, no_wrap=title == " ")
    table.add_column("found, why it matters, mend", overflow="fold")
    for finding in found:
        lines = [escape(finding.what)]
        lines += [f"[dim]{escape(finding.why)}[/]"] if finding.why else []
        lines += [f"[dim]→ {escape(finding.mend)}[/]"] if finding.mend else []
        table.add_row(
            MARKS[finding.grade],
            f"[bold]{escape(finding.check)}[/]",
            escape(finding.where),
            "\n".join(lines),
        )
    return table
