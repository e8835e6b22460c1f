"""What the recovery of a server came to: its steps, the time it took, what was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.entry.cli.operation_view import render_journal, seconds
from quorate.recover.server.lost import age

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.recover.server.report import Recovered


def render_recovered(report: Recovered, console: Console) -> None:
    """For people."""
    render_journal(report.operation, console)
    if report.rto is not None:
        console.print(f"recovered in {seconds(report.rto)} (RTO, as measured)")
    for source, span in report.rpo.items():
        said = f"as it was {age(span)} before" if span is not None else "empty: its data is lost"
        console.print(f"  {source}: {said}")
    if not report.rpo:
        console.print("  no data lived there alone")
