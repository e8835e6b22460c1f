"""Run every lint over a fleet."""

from __future__ import annotations

from quorate.fleet.compose import Project
from quorate.fleet.fleet_file import FleetParts
from quorate.fleet.model import Fleet
from quorate.fleet.problems import Problems


def run_lints(fleet: Fleet, parts: FleetParts, projects: list[Project], problems: Problems) -> None:
    """Report everything that would surprise people on Swarm."""
