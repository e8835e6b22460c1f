"""`quorate backup doctor` on a terminal: what is wrong, where, what to do."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quorate.backup.policy.doctor import Diagnosis
from quorate.plan.words import count

RED, YELLOW, GREEN, DIM = "bold red", "yellow", "green", "dim"


def render_diagnosis(found: Diagnosis, console: Console) -> None:
    """What was mended, what is found, what could not be looked at, and a line that sums it up."""
    for one in found.mended:
        line = Text.assemble(("mended: ", GREEN), f"{one.where}: {one.what}")
        console.print(line, soft_wrap=True)
    if found.findings:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=DIM)
        table.add_column("check", style=RED, no_wrap=True)
        table.add_column("where", overflow="fold")
        table.add_column("found, what to do", overflow="fold", ratio=1)
        for finding in found.findings:
            table.add_row(
                finding.check.value,
                finding.where,
                f"{escape(finding.what)}\n[dim]→ {escape(finding.todo)}[/]",
            )
        console.print(table)
    for skipped in found.unchecked:
        text = f"{skipped.check.value} of {skipped.where}: {skipped.why}"
        console.print(Text.assemble(("not checked: ", YELLOW), text), soft_wrap=True)
    for note in found.notes:
        console.print(Text(note, DIM), soft_wrap=True)
    if found.good:
        console.print(Text("nothing is wrong", GREEN))
        return
    words = count(len(found.findings), "finding")
    if any(one.mends for one in found.findings):
        words += "; `--mend` mends what is safe, and asks before"
    console.print(Text(words, RED))
