"""A prediction as a page of its own: which service stops with which server, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.entry.web.templates import WHOLE, Tile, template
from quorate.predict.model import After, ClosedPort, Failure, Fate, JobTrouble, Prediction, Span
from quorate.predict.words import JOB, open_at
from quorate.swarm.outcomes import Certainty

MOST = 200
"""Services on the page."""

QUICK, SLOW = 30.0, 60.0
"""Seconds up to which a return is called quick, and slow."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A span on the scale of its failure, in thousandths."""

    label: str
    text: str
    low: int
    mean: int
    high: int
    sure: str = "f-sure"


def page(found: Prediction) -> str:
    """The whole page as HTML; every value is escaped."""
    fates = [{fate.service: fate for fate in failure.fates} for failure in found.failures]
    hit = [name for name in dict.fromkeys(n for one in fates for n in one) if _told(name, fates)]
    rows = [
        {
            "name": name,
            "cells": [
                _cell(one.get(name), quorum=failure.quorum)
                for one, failure in zip(fates, found.failures, strict=True)
            ],
        }
        for name in hit[:MOST]
    ]
    return template("predict.html.j2").render(
        found=found,
        columns=[failure.name for failure in found.failures],
        rows=rows,
        more=max(0, len(hit) - MOST),
        failures=[_failure(failure) for failure in found.failures],
        courses=max((failure.courses for failure in found.failures), default=0),
    )


def _told(name: str, fates: list[dict[str, Fate]]) -> bool:
    """Whether anything happens to a service in any failure."""
    return any(_cell(one.get(name)).kind != "on" for one in fates)


def _cell(fate: Fate | None, *, quorum: bool = True) -> Tile:
    if fate is None:
        return Tile(kind="on", text="·")
    if JobTrouble.HANGS in fate.job:
        return Tile(kind="waits", text="hangs", title=_words(fate))
    if JobTrouble.AGAIN in fate.job:
        return Tile(kind="slow", text="again?", title=_words(fate))
    if fate.answers is not None and fate.answers.high == 0:
        return Tile(kind="on", text="·", title=f"{fate.lost} of {fate.tasks} lost; goes on")
    if fate.answers is not None:
        high = fate.answers.high
        kind = "quick" if high <= QUICK else "slow" if high <= SLOW else "long"
        return Tile(kind=kind, text=f"{fate.answers.mean:.0f}", title=_words(fate))
    if fate.waits:
        return Tile(kind="waits", text="waits", title=_words(fate))
    if not quorum and fate.stops:
        text = "no quorum"
    elif fate.pending is not Certainty.NEVER:
        text = "no place"
    else:
        text = "cut off" if fate.through or fate.storage else "down"
    return Tile(kind="never", text=text, title=_words(fate))


def _words(fate: Fate) -> str:
    said = [f"{fate.lost} of {fate.tasks} lost", *(JOB[trouble] for trouble in fate.job)]
    if fate.answers is not None:
        said.append(f"answers after {_span(fate.answers)}")
    if fate.goes_to:
        said.append(f"may go to {', '.join(fate.goes_to)}")
    if fate.through:
        said.append(f"needs {', '.join(fate.through)}")
    if fate.storage:
        said.append(f"its storage is on {', '.join(fate.storage)}")
    if fate.empty:
        said.append(f"starts empty: {', '.join(fate.empty)}")
    return "; ".join(said)


def _failure(failure: Failure) -> dict[str, object]:
    back = [f for f in failure.fates if f.stops and f.answers is not None]
    back.sort(key=lambda fate: fate.answers.mean if fate.answers else 0.0)
    spans = [
        ("without a leader", failure.leaderless, "f-lead"),
        ("until Swarm notices", failure.noticed, "f-sure"),
        *((fate.service, fate.answers, "f-sure") for fate in back[:MOST]),
    ]
    shown = [(label, span, sure) for label, span, sure in spans if span is not None]
    scale = max((span.high for _, span, _ in shown), default=1.0) or 1.0
    return {
        "name": failure.name,
        "remedy": failure.remedy,
        "notes": list(_notes(failure)),
        "servers": ", ".join(failure.servers),
        "ports": [_port(port) for port in failure.ports[:MOST]],
        "lines": [_line(label, span, scale, sure) for label, span, sure in shown],
    }


def _port(port: ClosedPort) -> dict[str, object]:
    there = port.answers if port.elsewhere else None
    return {
        "port": f"{port.port}/{port.protocol}",
        "service": port.service,
        "mode": port.mode,
        "open": open_at(port),
        "answers": "" if there is None else _span(there) if there.high else "at once",
        "kind": "" if port.elsewhere else "over",
    }


def _notes(failure: Failure) -> list[str]:
    fates = failure.fates
    groups = (
        ("run on both sides meanwhile" if failure.still is None else "run twice for a moment after",
         list(failure.doubled)),
        ("may be taken for lost though there",
         [f"{name} ({share:.0%} of courses)" for name, share in failure.misled.items()]),
        ("wait for their server",
         [f.service for f in fates if f.waits and JobTrouble.HANGS not in f.job]),
        ("cannot answer, for what they need waits",
         [f.service for f in fates
          if f.through and f.answers is None and not (f.waits or f.storage)]),
        ("cannot answer, for their storage is gone", [f.service for f in fates if f.storage]),
        ("may find no place", [f.service for f in fates if f.pending is not Certainty.NEVER]),
        ("start empty", [f"{f.service} ({', '.join(f.empty)})" for f in fates if f.empty]),
        ("stay away when the server is back, until `quorate up`",
         [f.service for f in fates if f.after is After.AWAY]),
        ("stay ended when the server is back",
         [f.service for f in fates if f.after is After.ENDED]),
        ("get more than their memory to hold", sorted(failure.overfull)),
    )  # fmt: skip
    alarm = [] if failure.alarm is None else [f"taken for lost in {failure.alarm:.0%} of courses"]
    if failure.deposed is not None:
        alarm.append(f"loses its lead in {failure.deposed:.0%} of courses")
    alarm += [f"{f.service}: {JOB[trouble]}" for f in fates for trouble in f.job]
    return alarm + [f"{len(names)} {words}: {', '.join(names)}" for words, names in groups if names]


def _line(label: str, span: Span, scale: float, sure: str) -> Line:
    def width(seconds: float) -> int:
        return round(WHOLE * seconds / scale)

    return Line(
        label=label,
        text=_span(span),
        low=width(span.low),
        mean=width(span.mean),
        high=width(span.high),
        sure=sure,
    )


def _span(span: Span) -> str:
    return f"{span.low:.0f} to {span.high:.0f} s"
