"""What a drill would do, on a terminal: to agree to, or to read (`--dry-run`)."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from quorate.drill.ground import Intent
from quorate.predict.model import Failure, Span
from quorate.predict.words import JOB


def effects(intent: Intent, console: Console) -> None:
    """Print what happens to which server, and which guards do not hold."""
    console.print(Text.assemble((intent.drill, "bold"), f" in {intent.fleet}:"), soft_wrap=True)
    for line in intent.effects:
        console.print(Text(f"  {line}"), soft_wrap=True)
    for guard in intent.refused:
        console.print(Text(f"guard {guard.name} does not hold: {guard.text}", "red"))


def render(intent: Intent, console: Console) -> None:
    """Print all of it: effects, guards, prediction, every script and where it would be run."""
    effects(intent, console)
    for guard in intent.guards:
        if guard.holds:
            console.print(Text(f"guard {guard.name} holds: {guard.text}", "green"))
    for line in _foreseen(intent.prediction):
        console.print(Text(line), soft_wrap=True)
    for step in intent.steps:
        console.print()
        console.print(Text.assemble((f"on {step.where}", "bold"), f", {step.what}:"))
        console.print(Text(step.script.rstrip("\n")), soft_wrap=True)
    console.print()
    console.print(Text("nothing was changed", "dim"))


def _foreseen(failure: Failure | None) -> list[str]:
    if failure is None:
        return ["predicted: nothing is lost, and what runs goes on"]
    lines = [f"predicted: {failure.name or 'nothing'}"]
    for name, span in (
        ("noticed", failure.noticed),
        ("no leader for", failure.leaderless),
        ("all running again", failure.restored),
    ):
        lines += [f"predicted: {name} {_span(span)}"] if span is not None else []
    for fate in failure.fates:
        words = []
        if fate.goes_to:
            words.append(f"goes to {', '.join(fate.goes_to)}")
        words += [JOB[trouble] for trouble in fate.job]
        if fate.waits and not fate.job:
            words.append("waits")
        if fate.through:
            words.append(f"needs {', '.join(fate.through)}")
        if words:
            lines.append(f"predicted: {fate.service} {', '.join(words)}")
    return lines


def _span(span: Span) -> str:
    return f"{span.low:.1f}–{span.high:.1f} s"
