"""What `quorate check` says with a measurement: where the files and what was seen differ."""

from __future__ import annotations

from datetime import datetime

from quorate.fleet.model import Fleet, Service
from quorate.fleet.positions import Mark
from quorate.fleet.problems import Problem, Problems
from quorate.measured.compare import Flag, remarks, rows
from quorate.measured.model import Measurement

STRIKING = (
    Flag.NOTHING_RESERVED,
    Flag.TOO_LITTLE,
    Flag.TOO_MUCH,
    Flag.BASELINE,
    Flag.PEAK,
    Flag.AT_LIMIT,
)
"""What of a service's figures is worth a warning, given enough samples."""


def lint(fleet: Fleet, found: Measurement, now: datetime) -> tuple[Problem, ...]:
    """Every problem, at the service it is about; what is about the whole, at the fleet file."""
    problems = Problems()
    for text in remarks(fleet, found, now):
        problems.add("Q603", Mark(str(fleet.path)), text)
    services = {service.id: service for service in fleet.services}
    for row in rows(fleet, found):
        mark = _mark(services[row.service])
        if Flag.UNSEEN in row.flags or Flag.FEW in row.flags:
            why = "was not seen" if Flag.UNSEEN in row.flags else "was seen too seldom"
            problems.add("Q602", mark, f"`{row.service}` {why} in the measurement")
            continue
        said = [flag.value for flag in row.flags if flag in STRIKING]
        if said:
            problems.add("Q601", mark, f"`{row.service}` as measured: {', '.join(said)}")
    return problems.sorted()


def _mark(service: Service) -> Mark:
    place = service.location
    return Mark(place.file, place.line, place.column)
