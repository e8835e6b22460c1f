"""Commands: check, schema."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quorate.fleet.model import Fleet
    from quorate.fleet.report import CheckReport, Report

DEFAULT_FLEET = Path("fleet.yaml")
PROBLEMS_EXIT_CODE = 2


class Subject(StrEnum):
    """What there is a JSON Schema of."""

    FLEET = "fleet"
    X_QUORATE = "x-quorate"
    CHECK = "check"
    PLAN = "plan"
    MEASUREMENT = "measurement"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("check")(check)
    app.command("schema")(schema)


def check(
    fleet: Path = typer.Argument(DEFAULT_FLEET, help="The fleet file."),
    as_json: bool = typer.Option(False, "--json", help="Print the problems as JSON."),
    strict: bool = typer.Option(False, "--strict", help="Let warnings fail, too."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Leave out notes."),
    measured: Path | None = typer.Option(
        None, "--measured", metavar="FILE", help="Also say what this measurement says otherwise."
    ),
) -> None:
    """Find every problem in the fleet file and its compose files."""
    from quorate.entry.cli.output import print_json
    from quorate.fleet.check import check as check_fleet
    from quorate.fleet.report import check_report

    found = check_fleet(fleet)
    if measured is not None and found.fleet is not None:
        found = _with_measurement(found, found.fleet, measured)
    made = check_report(found)
    if as_json:
        print_json(made)
    else:
        _show(made, fleet, notes=not quiet)
    if made.errors or (strict and made.warnings):
        raise typer.Exit(PROBLEMS_EXIT_CODE)


def _with_measurement(report: Report, fleet: Fleet, path: Path) -> Report:
    from quorate.measured.lint import lint
    from quorate.measured.read import read_measurement
    from quorate.tools import clock

    more = lint(fleet, read_measurement(path, fleet), clock.now())
    return report.model_copy(update={"problems": (*report.problems, *more)})


def _show(made: CheckReport, path: Path, *, notes: bool) -> None:
    from quorate.entry.cli.check_view import show
    from quorate.entry.cli.output import console

    show(made, path, console(), notes=notes)


def schema(
    subject: Subject = typer.Argument(Subject.FLEET, help="Of what."),
) -> None:
    """Print a JSON Schema, for editors and for programs that read `--json`."""
    from quorate.entry.cli.output import print_json
    from quorate.entry.schemas import schema as printed_schema
    from quorate.fleet.schema import fleet_schema, service_schema

    if subject is Subject.FLEET:
        print_json(fleet_schema())
    elif subject is Subject.X_QUORATE:
        print_json(service_schema())
    else:
        print_json(printed_schema(subject.value))
