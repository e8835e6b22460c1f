"""Fleets written for one test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from quorate.fleet.check import check
from quorate.fleet.model import Fleet
from quorate.fleet.problems import Severity
from quorate.fleet.report import Report

FLEET = """\
version: 1
name: test
servers:
  one: {address: 192.0.2.1, role: manager, cpus: 8, memory: 16GiB, labels: {disk: fast}}
  two: {address: 192.0.2.2, role: manager, cpus: 8, memory: 16GiB}
  three: {address: 192.0.2.3, role: manager, cpus: 4, memory: 8GiB}
stacks:
  app: {files: [compose.yaml]}
"""


def written(directory: Path, files: Mapping[str, str]) -> Path:
    """Write the files (and a fleet file, unless one is given); the path of the fleet file."""
    for name, text in {"fleet.yaml": FLEET, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return directory / "fleet.yaml"


def checked(directory: Path, files: Mapping[str, str], **environment: str) -> Report:
    """The report on those files."""
    return check(written(directory, files), environment=environment)


def fleet_of(directory: Path, files: Mapping[str, str], **environment: str) -> Fleet:
    """The fleet of those files, which must have no errors."""
    report = checked(directory, files, **environment)
    assert report.fleet is not None, [str(problem) for problem in report.problems]
    return report.fleet


def codes(report: Report, *, notes: bool = False) -> list[tuple[str, int, str]]:
    """File name, line and code of each problem."""
    return [
        (Path(problem.location.file).name, problem.location.line, problem.code)
        for problem in report.problems
        if notes or problem.severity is not Severity.NOTE
    ]


def errors(report: Report) -> list[tuple[str, int, str]]:
    """File name, line and code of each error."""
    return [
        (Path(problem.location.file).name, problem.location.line, problem.code)
        for problem in report.problems
        if problem.severity is Severity.ERROR
    ]
