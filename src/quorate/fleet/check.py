"""Check a fleet: read everything, report every problem at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from quorate.fleet.compose import Project, read_project
from quorate.fleet.fleet_file import FleetParts, read_parts
from quorate.fleet.lints.run import run_lints
from quorate.fleet.merge import deep_merge
from quorate.fleet.model import Fleet, Service
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import Problems
from quorate.fleet.references import resolve_names
from quorate.fleet.report import Report
from quorate.fleet.resolve import resolve_files, resolve_service
from quorate.fleet.sources import Sources, tidy

__all__ = ["Report", "check"]


def check(
    path: Path,
    *,
    override: Path | None = None,
    environment: Mapping[str, str] | None = None,
    drafts: Mapping[Path, str] | None = None,
) -> Report:
    """Read and check a fleet file and every compose file it names.

    Args:
        path: the fleet file.
        override: a YAML file deep-merged over the fleet file's mapping before validation.
        environment: variables for compose files; the process environment by default.
        drafts: texts of files that are not written yet, by path.

    Returns:
        Every problem found, and the fleet unless one of them is an error.
        Nothing is raised for what people wrote.
    """
    problems = Problems()
    sources = Sources(problems, drafts)
    known = dict(os.environ if environment is None else environment)
    mapping = _fleet_mapping(path, override, sources)
    parts = read_parts(mapping, path.parent, problems) if mapping is not None else None
    if parts is None:
        return Report(problems=problems.sorted(), fleet=None)
    projects = [
        read_project(stack, parts.mark("stacks", stack.name, "files"), known, sources)
        for stack in parts.stacks
    ]
    fleet = _fleet(path, parts, projects, sources)
    run_lints(fleet, parts, projects, problems)
    seen = {
        "digest": sources.digest(tidy(path).parent),
        "read": sources.files,
        "variables": sources.variables,
    }
    return Report(
        problems=problems.sorted(),
        fleet=None if problems.has_errors else fleet.model_copy(update=seen),
    )


def _fleet_mapping(path: Path, override: Path | None, sources: Sources) -> Map | None:
    mapping = sources.mapping(path, Mark(str(path)), what="fleet file")
    if override is not None:
        over = sources.mapping(override, Mark(str(override)), what="override file")
        if mapping is not None and over is not None:
            return deep_merge(mapping, over)
    return mapping


def _fleet(path: Path, parts: FleetParts, projects: list[Project], sources: Sources) -> Fleet:
    services = [service for project in projects for service in _services(project, sources)]
    names = Counter(service.name for service in services)
    named = [
        service
        if names[service.name] == 1
        else service.model_copy(update={"id": f"{service.stack}/{service.name}"})
        for service in services
    ]
    return Fleet(
        name=parts.name,
        path=path,
        servers=parts.servers,
        stacks=parts.stacks,
        services=resolve_names(named, projects, sources.problems),
        files=tuple(resolve_files(project) for project in projects),
        policy=parts.policy,
        swarm=parts.swarm,
        secrets=parts.secrets,
        registries=parts.registries,
        measure=parts.measure,
        backup=parts.backup,
        drills=parts.file.drills,
    )


def _services(project: Project, sources: Sources) -> list[Service]:
    found = []
    services = project.section("services")
    for name, mapping in services.items():
        if isinstance(mapping, Map) and name not in project.inactive:
            found.append(resolve_service(project, name, mapping, services.at(name), sources))
    return found
