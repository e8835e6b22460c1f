"""A drill's report as JUnit XML, which what builds and tests software reads.

Each run is two cases, as a fleet may stand what came otherwise than predicted.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from quorate.drill.model import Agreement, Phase, Recovered, Report, Resilience, Run
from quorate.drill.summary import AGREEMENT, RESILIENCE, disturbed, late, phases, unheld, wrote

UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2); programs' outputs have it."""


def junit(report: Report) -> str:
    """The report as XML: one suite, for each run its resilience and its prediction."""
    root = Element("testsuites")
    suite = SubElement(root, "testsuite", _attributes(report))
    properties = SubElement(suite, "properties")
    for name, value in _properties(report).items():
        SubElement(properties, "property", name=_fit(name), value=_fit(value))
    for run in report.runs:
        _resilience(_case(suite, report, run, "resilience", run.lasted), run)
        _prediction(_case(suite, report, run, "prediction", 0.0), run)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _attributes(report: Report) -> dict[str, str]:
    stood = [run.resilience for run in report.runs]
    agreed = [run.agreement for run in report.runs]
    failures = (
        stood.count(Resilience.FAILED)
        + stood.count(Resilience.ABORTED)
        + agreed.count(Agreement.OUTSIDE)
    )
    found = {
        "name": _fit(f"{report.fleet}: {report.drill}"),
        "tests": str(2 * len(report.runs)),
        "failures": str(failures),
        "errors": str(stood.count(Resilience.INVALID)),
        "skipped": str(agreed.count(Agreement.NONE)),
        "time": _time(sum(run.lasted for run in report.runs)),
    }
    return {**found, "timestamp": _fit(report.started)} if report.started else found


def _properties(report: Report) -> dict[str, str]:
    named = {"fault": report.fault, "lab": report.lab, "seed": str(report.seed)}
    named.update({f"version of {name}": value for name, value in report.versions.items()})
    return {name: value for name, value in named.items() if value}


def _case(suite: Element, report: Report, run: Run, axis: str, seconds: float) -> Element:
    return SubElement(
        suite,
        "testcase",
        name=f"run {run.number}: {axis}",
        classname=_fit(f"{report.fleet}.{report.drill}"),
        time=_time(seconds),
    )


def _resilience(case: Element, run: Run) -> None:
    if run.resilience is not Resilience.PASSED:
        tag = "error" if run.resilience is Resilience.INVALID else "failure"
        message = "; ".join(run.why) or RESILIENCE[run.resilience]
        _said(case, tag, run.resilience.value, message, _shortfalls(run))
    if run.writes:
        told = [f"writes to {each.service}: {', '.join(wrote(each))}" for each in run.writes]
        SubElement(case, "system-out").text = _fit("\n".join(told))
    if run.left_behind:
        SubElement(case, "system-err").text = _fit("left behind: " + "; ".join(run.left_behind))


def _prediction(case: Element, run: Run) -> None:
    if run.agreement is Agreement.NONE:
        SubElement(case, "skipped", message=AGREEMENT[run.agreement])
    elif run.agreement is Agreement.OUTSIDE:
        _said(case, "failure", run.agreement.value, AGREEMENT[run.agreement], _deviations(run))


def _said(case: Element, tag: str, kind: str, message: str, lines: list[str]) -> None:
    found = SubElement(case, tag, type=kind, message=_fit(message))
    found.text = _fit("\n".join(lines)) or None


def _shortfalls(run: Run) -> list[str]:
    guards = [f"guard {guard.name}: {guard.text}" for guard in unheld(run)]
    services = [f"{each.service}: {_late(each)}" for each in run.services if late(each)]
    return [*guards, *services, *(f"{name}: noticed, and should not" for name in disturbed(run))]


def _late(each: Recovered) -> str:
    running = "not back" if each.running is None else f"running after {each.running:.1f} s"
    return f"{running}, target {each.target:.0f} s"


def _deviations(run: Run) -> list[str]:
    found = [_phase(phase.name, phase) for phase in phases(run) if phase.inside is False]
    for each in run.services:
        if each.phase is not None and each.phase.inside is False:
            found.append(_phase(each.service, each.phase))
        if not each.possible:
            found.append(f"{each.service}: went to {', '.join(each.went_to)}")
    return found


def _phase(name: str, phase: Phase) -> str:
    measured = "never" if phase.measured is None else f"{phase.measured:.1f} s"
    span = phase.predicted
    predicted = "not predicted" if span is None else f"predicted {span.low:.1f}–{span.high:.1f} s"
    return f"{name}: {measured}, {predicted}"


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _fit(text: str) -> str:
    return UNFIT.sub("�", text)
