"""What a recovery of a database came to, or would: on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quorate.entry.cli.operation_view import render_journal
from quorate.fleet.quantities import show_duration

if TYPE_CHECKING:
    from rich.console import Console

    from quorate.recover.database import Rehearsed
    from quorate.recover.model import Journal
    from quorate.recover.service import Looked

UNKNOWN = "what is not in its write-ahead log"


def came(journal: Journal) -> dict[str, Any]:
    """The journal, with the measured times beside it."""
    facts = journal.facts
    return {
        "operation": journal.model_dump(mode="json"),
        "rto_seconds": facts.get("rto_seconds"),
        "rpo_seconds": facts.get("rpo_seconds"),
        "restore_seconds": facts.get("restore_seconds"),
        "from": facts.get("from", ""),
        "kept": facts.get("kept", []),
    }


def render_came(journal: Journal, console: Console) -> None:
    """The steps with their times, what is kept, and the measured times."""
    render_journal(journal, console)
    report = came(journal)
    for text in report["kept"]:
        console.print(text, style="dim", highlight=False, markup=False)
    if report["rto_seconds"] is not None:
        rto, lost = show_duration(report["rto_seconds"]), report["rpo_seconds"]
        rpo = f"the {show_duration(lost)} before it began" if lost is not None else UNKNOWN
        console.print(f"back after {rto} (RTO, measured); lost: {rpo} (RPO)")


def rehearsed(done: Rehearsed) -> dict[str, Any]:
    """A rehearsal, as JSON."""
    return {
        "source": done.source,
        "copy": done.copy.model_dump(mode="json") if done.copy else None,
        "server": done.server,
        "rto_seconds": round(done.rto, 1),
        "restore_seconds": round(done.restore, 1),
        "rpo_seconds": round(done.rpo, 1) if done.rpo is not None else None,
        "findings": list(done.findings),
    }


def render_rehearsed(done: Rehearsed, console: Console) -> None:
    """What was restored where, how long it took, what would be lost."""
    copy = done.copy
    what = f"the copy {copy.id[:8]} in {copy.repository}" if copy else "its write-ahead log"
    console.print(f"{done.source}: restored from {what} on {done.server}, and compared: equal")
    for text in done.findings:
        console.print(text, style="dim", highlight=False, markup=False)
    rto = show_duration(done.rto)
    rpo = show_duration(done.rpo) if done.rpo is not None else UNKNOWN
    part = show_duration(done.restore)
    console.print(f"RTO {rto} (measured; the restore itself {part}), RPO {rpo}")


def looked(here: Looked) -> dict[str, Any]:
    """What was found of a service, as JSON."""
    return {
        "service": here.service,
        "found": [one.model_dump(mode="json") for one in here.found],
        "stuck": here.why,
        "operation": here.operation.model_dump(mode="json") if here.operation else None,
    }


def render_looked(here: Looked, console: Console) -> None:
    """What was found where no step mends it."""
    if not here.found:
        console.print(f"{here.service} is well: nothing to mend", style="green")
    for one in here.found:
        console.print(f"{one.what}", style="red", highlight=False, markup=False)
        console.print(f"  {one.mend}", highlight=False, markup=False)


def mended(journal: Journal) -> dict[str, Any]:
    """The journal of a service's mends, and how long it took."""
    return {
        "operation": journal.model_dump(mode="json"),
        "rto_seconds": journal.facts.get("rto_seconds"),
    }


def render_mended(journal: Journal, console: Console) -> None:
    """The steps with their times."""
    render_journal(journal, console)
    if (rto := journal.facts.get("rto_seconds")) is not None:
        console.print(f"well again after {show_duration(rto)}")
