"""A drill's report as a page of its own: what was broken, what became of it, what was predicted."""

from __future__ import annotations

from pathlib import PurePath

from quorate.drill.model import Agreement, Phase, Recovered, Report, Resilience, Run
from quorate.drill.summary import (
    Spread,
    amiss,
    disturbed,
    error_share,
    inside,
    noticed_something,
    phases,
    remarks,
    spreads,
    unheld,
    verdict,
    wrongly_named,
    wrote,
)
from quorate.entry.web.drill_picture import MOST, picture
from quorate.entry.web.templates import template
from quorate.plan.words import count
from quorate.predict.model import Span

KINDS: dict[Resilience | Agreement, str] = {
    Resilience.PASSED: "holds",
    Resilience.FAILED: "fails",
    Resilience.ABORTED: "fails",
    Resilience.INVALID: "stay",
    Agreement.INSIDE: "holds",
    Agreement.OUTSIDE: "fails",
    Agreement.NONE: "",
}
"""The colour of each verdict, as a class of the style sheet."""


def page(report: Report) -> str:
    """The whole page as HTML; every value is escaped."""
    good, compared = inside(report)
    return template("drill.html.j2").render(
        report=report,
        verdicts=[
            {"axis": axis, "text": verdict(found), "kind": KINDS[found]}
            for axis, found in (
                ("Resilience", report.resilience),
                ("Prediction", report.agreement),
            )
        ],
        together=_together(report) if len(report.runs) > 1 else [],
        agreed=f"{good} of {count(compared, 'run')} inside the prediction." if compared else "",
        runs=[_run(run) for run in report.runs],
    )


def _together(report: Report) -> list[dict[str, object]]:
    return [{"name": name, "cells": _figures(found)} for name, found in spreads(report).items()]


def _figures(found: Spread | None) -> list[str]:
    if found is None:
        return ["0", "never", "", "", ""]
    number = str(found.count) if found.count == found.runs else f"{found.count} of {found.runs}"
    values = (found.low, found.median, found.p95, found.high)
    return [number, *(f"{value:.1f} s" for value in values)]


def _run(run: Run) -> dict[str, object]:
    return {
        "run": run,
        "kinds": (KINDS[run.resilience], KINDS[run.agreement]),
        "picture": picture(run),
        "rows": [*_swarm(run), *(_service(each) for each in run.services)],
        "probes": _probes(run),
        "writes": [
            {
                "service": each.service,
                "text": ", ".join(wrote(each)),
                "bad": each.lost != 0,
                "longest": "never again" if each.longest is None else f"{each.longest:.1f} s",
            }
            for each in run.writes
        ],
        "counts": (count(len(run.guards), "guard"), count(len(run.beats), "change")),
        "unheld": unheld(run),
        "disturbed": disturbed(run),
        # A page is handed around: where the file was on one machine tells others nothing.
        "samples": PurePath(run.samples).name,
        "beats": run.beats[: 5 * MOST],
        "unshown": max(0, len(run.beats) - 5 * MOST),
    }


def _swarm(run: Run) -> list[dict[str, object]]:
    return [_row(phase.name, phase, phase.measured) for phase in phases(run)]


def _service(each: Recovered) -> dict[str, object]:
    row = _row(f"{each.service} running", each.phase, each.running)
    said = [f"target {each.target:.0f} s"] if each.may_move else []
    said += [f"assigned after {each.assigned:.1f} s"] if each.assigned is not None else []
    said += [f"went to {', '.join(each.went_to)}"] if each.went_to else []
    return {
        **row,
        "notes": "; ".join(said),
        "remarks": "; ".join(remarks(each)),
        "bad": amiss(each),
    }


def _row(name: str, phase: Phase | None, measured: float | None) -> dict[str, object]:
    compared = phase.inside if phase else None
    return {
        "name": name,
        "predicted": _span(phase.predicted if phase else None),
        "measured": "never" if measured is None else f"{measured:.1f} s",
        "verdict": "" if compared is None else "inside" if compared else "outside",
        "notes": "",
        "remarks": "",
        "bad": False,
    }


def _probes(run: Run) -> list[dict[str, str]]:
    """What was not always answered, at each vantage point."""
    return [
        {
            "service": each.service,
            "vantage": each.vantage,
            "longest": "never again" if each.longest is None else f"{each.longest:.1f} s",
            "total": f"{each.total_bad:.1f} s",
            "name": wrongly_named(each) or "–",
            "share": f"{error_share(each):.1%} of {each.sent}",
            "before": f"{each.before:.1%}",
        }
        for each in run.probes
        if noticed_something(each)
    ]


def _span(span: Span | None) -> str:
    if span is None:
        return "–"
    return f"{span.low:.1f} to {span.high:.1f} s, on average {span.mean:.1f} s"
