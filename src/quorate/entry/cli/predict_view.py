"""A prediction on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate.predict.model import After, ClosedPort, Failure, Fate, JobTrouble, Prediction, Span
from quorate.predict.words import JOB, open_at
from quorate.swarm.outcomes import Certainty

KEY = (
    "times from the loss on, in nine courses of ten; services that stop, those that are back by "
    "themselves, when the last of them answers; those that wait for their server, are cut off from "
    "what they need, find no place, start with empty volumes; ports that no longer answer at the "
    "address of what is lost; server?: sometimes there; when the "
    "server is back, what went elsewhere stays there until `quorate up`"
)


def render(found: Prediction, console: Console, *, in_full: bool) -> None:
    """Print a prediction: a line for each failure, `in_full` each service too."""
    console.print(_summary(found.failures))
    for failure in found.failures:
        for text in _warnings(failure):
            console.print(Text(f"{failure.name}: {text}", "yellow"))
    if in_full:
        for failure in found.failures:
            console.print()
            console.print(Text(failure.name, "bold"))
            console.print(_fates(failure.fates))
            if failure.ports:
                console.print()
                console.print(Text(f"at the address of {', '.join(failure.servers)}", "bold"))
                console.print(_ports(failure.ports))
    console.print()
    console.print(Text(KEY, "dim"))
    for text in found.assumed:
        console.print(Text(f"assumed: {text}", "dim"))


def _warnings(failure: Failure) -> Iterator[str]:
    """What is to be known of the failure as a whole, or of the swarm."""
    if not failure.quorum:
        yield f"no quorum: {failure.remedy}"
    if failure.alarm is not None:
        yield alarm(failure)
    if failure.doubled:
        when = "on both sides meanwhile" if failure.still is None else "twice for a moment after"
        yield f"run {when}: {', '.join(failure.doubled)}"
    if failure.misled:
        yield f"there and taken for lost too: {', '.join(misled(failure))}"
    for trouble in JobTrouble:
        jobs = [fate.service for fate in failure.fates if trouble in fate.job]
        if jobs:
            yield f"{', '.join(jobs)}: {JOB[trouble]}"
    for server, amount in failure.overfull.items():
        yield f"{server} gets {amount / 2**30:.1f} GiB to hold"


def alarm(failure: Failure) -> str:
    """How often a server that stands still is taken for lost, and deposed, in words."""
    share = failure.alarm or 0.0
    lost = (
        f"taken for lost {_often(share)}"
        if share
        else "never taken for lost: what runs there stands still, and goes on with it"
    )
    if failure.deposed is None:
        return lost
    lead = f"loses its lead {_often(failure.deposed)}" if failure.deposed else "keeps its lead"
    return f"{lead}; {lost}"


def _often(share: float) -> str:
    return "always" if share == 1 else f"in {max(1, share * 100):.0f} of 100"


def misled(failure: Failure) -> list[str]:
    """The servers that may be taken for lost though they are there, each with how often."""
    return [
        f"{name} ({share * 100:.0f} %)" if share >= 0.01 else f"{name} (<1 %)"
        for name, share in failure.misled.items()
    ]


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _summary(failures: tuple[Failure, ...]) -> Table:
    table = _table(
        *("lost", "noticed", "no leader", "stop", "back", "the last", "wait", "cut off"),
        *("no place", "empty", "ports"),
    )
    for failure in failures:
        fates = failure.fates
        stop = [fate for fate in fates if fate.stops]
        back = [fate for fate in stop if fate.answers is not None]
        table.add_row(
            Text(failure.name, "bold"),
            _span(failure.noticed) if failure.quorum else Text("never", "red"),
            _span(failure.leaderless) if failure.quorum else Text("no quorum", "red"),
            str(len(stop)),
            str(len(back)),
            _span(failure.slowest) if back else Text("–", "dim"),
            _number(sum(fate.waits for fate in fates)),
            _number(
                sum(bool(fate.through or fate.storage) and fate.answers is None for fate in fates)
            ),
            _number(sum(fate.pending is not Certainty.NEVER for fate in fates)),
            _number(sum(bool(fate.empty) for fate in fates)),
            _closed(failure.ports),
        )
    return table


def _closed(ports: tuple[ClosedPort, ...]) -> Text:
    """How many ports no longer answer at the address, and how many of them nowhere."""
    nowhere = sum(not port.elsewhere for port in ports)
    if not ports:
        return Text("–", "dim")
    return Text(f"{len(ports)}, {nowhere} nowhere" if nowhere else str(len(ports)), "yellow")


def _ports(ports: tuple[ClosedPort, ...]) -> Table:
    table = _table("closed port", "service", "mode", "open at", "answers there")
    for port in ports:
        there = port.answers if port.elsewhere else None
        table.add_row(
            f"{port.port}/{port.protocol}",
            Text(port.service, "bold"),
            port.mode,
            Text(open_at(port), "" if port.elsewhere else "red"),
            Text("at once", "green") if there is not None and there.high == 0 else _span(there),
        )
    return table


def _fates(fates: tuple[Fate, ...]) -> Table:
    table = _table("service", "lost", "answers again", "started", "goes to", "")
    for fate in fates:
        table.add_row(
            Text(fate.service, "bold"),
            f"{fate.lost} of {fate.tasks}",
            Text("goes on", "green")
            if fate.answers is not None and fate.answers.high == 0
            else _span(fate.answers, never=Text("not by itself", "red")),
            _span(fate.starts),
            Text(", ".join(_place(name, sure) for name, sure in fate.goes_to.items()) or "–"),
            Text("; ".join(_notes(fate)), "yellow"),
        )
    return table


def _notes(fate: Fate) -> list[str]:
    notes = []
    notes += [JOB[trouble] for trouble in fate.job]
    if fate.waits and JobTrouble.HANGS not in fate.job:
        notes.append("waits for its server")
    if fate.pending is not Certainty.NEVER:
        notes.append(f"{fate.pending.value} finds no place")
    if fate.through:
        notes.append(f"needs {', '.join(fate.through)}")
    if fate.storage:
        notes.append(f"its storage is on {', '.join(fate.storage)}")
    if fate.after is After.ENDED:
        notes.append("ended, also when its server is back")
    if fate.empty:
        notes.append(f"starts empty: {', '.join(fate.empty)}")
    return notes


def _place(name: str, sure: Certainty) -> str:
    return name if sure is Certainty.ALWAYS else f"{name}?"


def _span(span: Span | None, *, never: Text | None = None) -> Text:
    if span is None:
        return never or Text("–", "dim")
    low, high = f"{span.low:.0f}", f"{span.high:.0f}"
    return Text(f"{low} s" if low == high else f"{low}–{high} s")


def _number(count: int) -> Text:
    return Text(str(count), "yellow") if count else Text("–", "dim")
