"""What `measure` and `suggest` print as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from quorate.fleet.model import Fleet, Model
from quorate.measured.compare import Row, left_alone, remarks, rows
from quorate.measured.model import Measurement
from quorate.measured.suggest import Suggestion, suggest


class Report(Model):
    """What was measured beside what is declared, and what is suggested.

    Services by id. `left` are those that keep their figures, and why; `remarks` are
    about the measurement as a whole.
    """

    fleet: str
    source: str = Field(description="`prometheus` or `engine`.")
    start: datetime
    end: datetime
    interval: float = Field(description="Seconds between samples.")
    interrupted: bool = Field(description="Ended with Ctrl-C before its time.")
    rows: tuple[Row, ...]
    suggestions: dict[str, Suggestion]
    left: dict[str, str]
    remarks: tuple[str, ...]


class MeasureReport(Report):
    """What `quorate measure` prints; `file` holds the measurement itself."""

    file: str


class SuggestReport(Report):
    """What `quorate suggest` prints."""

    files: dict[str, str] = Field(description="File → what `--write` changes, as a unified diff.")
    written: tuple[str, ...] = Field((), description="Files that were written.")


def report(
    fleet: Fleet,
    found: Measurement,
    now: datetime,
    suggestions: Mapping[str, Suggestion] | None = None,
) -> Report:
    """A measurement beside the fleet; `suggestions` of some services only, where given."""
    return Report(
        fleet=fleet.name,
        source=found.source.kind,
        start=found.start,
        end=found.end,
        interval=found.interval,
        interrupted=found.interrupted,
        rows=rows(fleet, found),
        suggestions=suggest(fleet, found) if suggestions is None else dict(suggestions),
        left=left_alone(fleet, found),
        remarks=remarks(fleet, found, now),
    )


def measure_report(made: Report, file: str) -> MeasureReport:
    """The report with the name of the file."""
    return MeasureReport(**dict(made), file=file)


def suggest_report(made: Report, files: Mapping[str, str]) -> SuggestReport:
    """The report with what the files would change."""
    return SuggestReport(**dict(made), files=dict(files))
