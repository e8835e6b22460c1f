"""Drills that were run: one directory each, the report and the raw samples in it."""

from __future__ import annotations

from pathlib import Path

from pydantic import RootModel, ValidationError

from quorate.drill.model import Report
from quorate.errors import UsageError
from quorate.lab.state import labs_directory
from quorate.tools import clock

REPORT = "report.json"


class Reports(RootModel[tuple[Report, ...]]):
    """The drills that were run, oldest first."""


def home(fleet: str) -> Path:
    """Where the drills of a fleet are kept: `$XDG_STATE_HOME/quorate/drills/FLEET`."""
    return labs_directory().parent / "drills" / fleet


def new(fleet: str, drill: str) -> Path:
    """A directory for a drill that begins now."""
    made = home(fleet) / drill / clock.now().strftime("%Y%m%dT%H%M%S.%fZ")
    try:
        made.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{made}: cannot be made ({error.strerror})",
            todo="set XDG_STATE_HOME to a directory that is yours, and has room",
        ) from error
    return made


def save(report: Report, directory: Path) -> None:
    """Write a report, in one move."""
    draft = directory / f".{REPORT}"
    draft.write_text(report.model_dump_json(indent=2) + "\n")
    draft.replace(directory / REPORT)


def former(fleet: str, drill: str = "*") -> list[tuple[Path, Report]]:
    """The reports there are, oldest first; what cannot be read is left out."""
    found = []
    for path in home(fleet).glob(f"{drill}/*/{REPORT}"):
        try:
            found.append((path, Report.model_validate_json(path.read_text())))
        except (OSError, ValidationError):
            continue
    return sorted(found, key=lambda item: item[0].parent.name)
