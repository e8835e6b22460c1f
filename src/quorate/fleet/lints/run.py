"""Run every lint over a fleet."""

from __future__ import annotations

from quorate.fleet.compose import Project
from quorate.fleet.fleet_file import FleetParts
from quorate.fleet.lints import (
    backups,
    data,
    definitions,
    images,
    keys,
    passwords,
    placement,
    ports,
    relations,
    running,
    servers,
    stacks,
    twice,
)
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Fleet
from quorate.fleet.problems import Problems

LINTS = (
    servers.lint,
    stacks.lint,
    keys.lint,
    definitions.lint,
    relations.lint,
    placement.lint,
    ports.lint,
    data.lint,
    twice.lint,
    running.lint,
    images.lint,
    passwords.lint,
    backups.lint,
)


def run_lints(fleet: Fleet, parts: FleetParts, projects: list[Project], problems: Problems) -> None:
    """Report everything that would surprise people on Swarm."""
    context = Context(fleet=fleet, parts=parts, projects=projects, problems=problems)
    for lint in LINTS:
        lint(context)
