"""What the recovery of a server came to: its steps, the time it took, what was lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from quorate.entry.cli.operation_view import render_journal, seconds
from quorate.recover.server.lost import Lost, age
from quorate.recover.server.steps import VERIFY

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.recover.model import Journal


def report_of(journal: Journal) -> dict[str, Any]:
    """The journal, `rto` (seconds from its begin until all was verified), `rpo` by source.

    `rpo`: seconds between the copy used and the begin; None: its data stays lost.
    """
    begun = datetime.fromisoformat(journal.facts["begun"])
    ends = [one.at for one in journal.entries if one.step == VERIFY]
    rto = (datetime.fromisoformat(ends[0]) - begun).total_seconds() if ends else None
    lost = [Lost.model_validate(one) for one in journal.facts["lost"]]
    return {
        "rto": round(rto, 1) if rto is not None else None,
        "rpo": {
            one.source: round((begun - one.copy_used.taken).total_seconds(), 1)
            if one.copy_used
            else None
            for one in lost
        },
        "operation": journal.model_dump(mode="json"),
    }


def render_recovered(journal: Journal, console: Console) -> None:
    """The same for people."""
    report = report_of(journal)
    render_journal(journal, console)
    if report["rto"] is not None:
        console.print(f"recovered in {seconds(report['rto'])} (RTO, as measured)")
    for source, span in report["rpo"].items():
        said = f"as it was {age(span)} before" if span is not None else "empty: its data is lost"
        console.print(f"  {source}: {said}")
    if not report["rpo"]:
        console.print("  no data lived there alone")
