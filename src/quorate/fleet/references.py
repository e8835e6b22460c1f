"""Names of services in `near`, `apart` and `needs`, resolved to service ids."""

from __future__ import annotations

from quorate.fleet.compose import EXTENSION, Project
from quorate.fleet.model import Service
from quorate.fleet.positions import Map, Mark, find
from quorate.fleet.problems import Problems, did_you_mean

RELATIONS = ("near", "apart", "needs")


def resolve_names(
    services: list[Service], projects: list[Project], problems: Problems
) -> tuple[Service, ...]:
    """The services with ids in their relations; unknown and ambiguous names are reported."""
    by_stack = {(service.stack, service.name): service.id for service in services}
    by_name: dict[str, list[Service]] = {}
    for service in services:
        by_name.setdefault(service.name, []).append(service)
    directory = {project.stack.name: project for project in projects}
    result = []
    for service in services:
        project = directory[service.stack]
        changed: dict[str, tuple[str, ...]] = {}
        for relation in RELATIONS:
            names: tuple[str, ...] = getattr(service, relation)
            if not names:
                continue
            mark = _mark(project, service, relation)
            found = [_one(name, service, by_stack, by_name, relation, mark, problems)
                     for name in names]  # fmt: skip
            changed[relation] = tuple(dict.fromkeys(name for name in found if name is not None))
        result.append(service.model_copy(update=changed) if changed else service)
    return tuple(result)


def _one(
    name: str,
    service: Service,
    by_stack: dict[tuple[str, str], str],
    by_name: dict[str, list[Service]],
    relation: str,
    mark: Mark,
    problems: Problems,
) -> str | None:
    stack, slash, short = name.partition("/")
    if slash:
        found = by_stack.get((stack, short))
    else:
        found = by_stack.get((service.stack, name))
        others = by_name.get(name, [])
        if found is None and len(others) == 1:
            found = others[0].id
        elif found is None and others:
            stacks = ", ".join(f"`{other.stack}/{name}`" for other in others)
            problems.add("Q305", mark, f"`{relation}` names `{name}`, which could be {stacks}")
            return None
    if found is None:
        known = [*by_name, *(f"{one}/{other}" for one, other in by_stack)]
        problems.add(
            "Q303",
            mark,
            f"`{relation}` of `{service.name}` names the unknown service `{name}`"
            + did_you_mean(name, known),
        )
    return found


def _mark(project: Project, service: Service, relation: str) -> Mark:
    mapping = project.section("services").get(service.name)
    fallback = Mark(service.location.file, service.location.line, service.location.column)
    if not isinstance(mapping, Map):
        return fallback
    return find(mapping, (EXTENSION, relation)) or fallback
