"""Secrets and configs: used ones are defined, defined ones have a source that is there."""

from __future__ import annotations

from typing import Any

from quorate.fleet.compose import Project
from quorate.fleet.lints.context import Context
from quorate.fleet.model import Service
from quorate.fleet.positions import Map, Mark
from quorate.fleet.problems import did_you_mean

_CODES = {"secrets": "Q211", "configs": "Q212"}


def lint(context: Context) -> None:
    """Report what is used but not defined, and what is defined but cannot be made."""
    used: dict[tuple[str, str], set[str]] = {}
    for service in context.fleet.services:
        for section in _CODES:
            names = _used(context, service, section)
            used.setdefault((service.stack, section), set()).update(names)
    for project in context.projects:
        for section in _CODES:
            for name in used.get((project.stack.name, section), ()):
                _source(context, project, section, name)
    for name, source in context.fleet.secrets.items():
        if source.file is not None and not source.file.is_file():
            context.problems.add(
                "Q215",
                context.parts.mark("secrets", name, "file"),
                f"the file {source.file} of the secret `{name}` is missing",
            )


def _used(context: Context, service: Service, section: str) -> list[str]:
    view = context.view(service)
    known = context.project(service).section(section)
    kind = section.removesuffix("s")
    found = []
    for item, mark in view.items(section):
        name = item.get("source") if isinstance(item, Map) else item
        if not isinstance(name, str):
            context.problems.add("Q208", mark, f"a {kind} is a name, or `source` and `target`")
        elif name not in known:
            what = f"the {kind} `{name}` is not defined{did_you_mean(name, known)}"
            context.problems.add(_CODES[section], mark, what)
        else:
            found.append(name)
    return found


def _source(context: Context, project: Project, section: str, name: str) -> None:
    definitions = project.section(section)
    definition, mark = definitions[name], definitions.at(name)
    kind = section.removesuffix("s")
    entry: Map = definition if isinstance(definition, Map) else Map(mark)
    if _external(entry, name) in context.fleet.secrets and section == "secrets":
        return
    file = entry.get("file")
    if isinstance(file, str):
        path = project.directory / file
        if not path.is_file():
            what = f"the file {path} of the {kind} `{name}` is missing"
            context.problems.add("Q215", _inside(entry, "file"), what)
        return
    if isinstance(entry.get("environment"), str):
        if entry["environment"] not in project.environment:
            context.problems.add(
                "Q201",
                _inside(entry, "environment"),
                f"the variable `{entry['environment']}` of the {kind} `{name}` is not set",
                todo="set it in the environment or in .env",
            )
        return
    if entry.get("external") in (None, False) and "content" not in entry:
        context.problems.add("Q218", mark, f"the {kind} `{name}` has no source")


def _inside(entry: Map, key: str) -> Mark:
    return entry.at(key)


def _external(entry: Map, name: str) -> Any:
    external = entry.get("external")
    inner = external.get("name") if isinstance(external, Map) else None
    return str(inner or (entry.get("name") if external else None) or name)
