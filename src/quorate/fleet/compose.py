"""A stack's compose files read into one document: variables, include, extends, merging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quorate.fleet.dotenv import parse_dotenv
from quorate.fleet.extends import Extender
from quorate.fleet.interpolate import Interpolator
from quorate.fleet.merge import clean, merge_sections
from quorate.fleet.model import Stack
from quorate.fleet.paths import rebase_sections
from quorate.fleet.positions import Map, Mark, Reset, Seq
from quorate.fleet.problems import Problems, did_you_mean
from quorate.fleet.sources import Sources, tidy

SECTIONS = ("services", "networks", "volumes", "secrets", "configs")
TOP_LEVEL = (*SECTIONS, "version", "name", "include", "models")
EXTENSION = "x-quorate"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A stack's compose files as one document.

    `defaults` maps a service to the `x-quorate` of the files it is in;
    `inactive` are the services whose profile is not enabled, `broken` those whose
    `extends` leads nowhere. `written` as in `Interpolator`.
    """

    stack: Stack
    directory: Path
    document: Map
    environment: Mapping[str, str]
    defaults: Mapping[str, Map] = field(default_factory=dict)
    inactive: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    written: Mapping[Mark, str] = field(default_factory=dict)

    def section(self, name: str) -> Map:
        """A top-level section; empty when the files have none."""
        found = self.document.get(name)
        return found if isinstance(found, Map) else Map(self.document.mark)


def read_project(
    stack: Stack, mark: Mark, environment: Mapping[str, str], sources: Sources
) -> Project:
    """Read a stack's compose files; everything that is wrong goes to `sources.problems`.

    Args:
        stack: the stack; its paths may be relative to the working directory.
        mark: where the stack's files are named.
        environment: variables that win over `.env` and the stack's `env_files`.
        sources: reads the files.
    """
    directory = tidy(stack.files[0]).parent if stack.files else Path()
    known = _variables(directory, stack.env_files, mark, environment, sources)
    reader = _Reader(sources, directory)
    document = reader.project(stack.files, mark, known, ())
    wanted = set(stack.profiles)
    services = document.get("services")
    inactive = set()
    for name, service in services.items() if isinstance(services, Map) else ():
        profiles = service.get("profiles") if isinstance(service, Map) else None
        if isinstance(profiles, Seq | str) and profiles and "*" not in wanted:
            names = {profiles} if isinstance(profiles, str) else {str(item) for item in profiles}
            if not names & wanted:
                inactive.add(name)
    return Project(
        stack=stack,
        directory=directory,
        document=document,
        environment=known,
        defaults=reader.defaults,
        inactive=frozenset(inactive),
        broken=frozenset(reader.broken),
        written=reader.written,
    )


def _variables(
    directory: Path,
    env_files: tuple[Path, ...],
    mark: Mark,
    environment: Mapping[str, str],
    sources: Sources,
) -> dict[str, str]:
    """The variables of a directory's `.env`, over them `env_files`, over them the environment."""
    found: dict[str, str] = {}
    texts = [(directory / ".env", sources.optional(directory / ".env"))]
    texts += [(path, sources.text(path, mark, code="Q214")) for path in env_files]
    for path, text in texts:
        if text is not None:
            known = {**found, **environment}
            values = parse_dotenv(text, str(tidy(path)), known, sources.problems)
            found.update({key: value for key, value in values.items() if value is not None})
    return {**found, **environment}


class _Reader:
    """Reads the files of one stack."""

    def __init__(self, sources: Sources, directory: Path) -> None:
        self.sources = sources
        self.problems: Problems = sources.problems
        self.directory = directory
        self.defaults: dict[str, Map] = {}
        self.broken: set[str] = set()
        self.written: dict[Mark, str] = {}

    def project(
        self,
        files: tuple[Path, ...],
        mark: Mark,
        environment: Mapping[str, str],
        trail: tuple[str, ...],
    ) -> Map:
        """The files merged, later ones over earlier."""
        result: Map | None = None
        for file in files:
            document = self._file(tidy(file), mark, environment, trail)
            if document is not None:
                result = document if result is None else merge_sections(result, document)
        return result if result is not None else Map(mark)

    def _load(self, path: Path, mark: Mark, environment: Mapping[str, str]) -> Map | None:
        """A compose file with its variables replaced and its shape checked."""
        document = self.sources.mapping(path, mark, what="compose file")
        if document is None:
            return None
        interpolator = Interpolator(environment, self.problems)
        interpolator.tree(document)
        self.sources.used(interpolator.used)
        self.written.update(interpolator.written)
        for name, required in interpolator.unset.items():
            self.sources.unset[name] = required or self.sources.unset.get(name, False)
        self._check_shape(document)
        return document

    def _file(
        self, path: Path, mark: Mark, environment: Mapping[str, str], trail: tuple[str, ...]
    ) -> Map | None:
        document = self._load(path, mark, environment)
        if document is None:
            return None
        extender = Extender(
            lambda target, place: self._load(target, place, environment),
            self.problems,
            self.directory,
        )
        result = document.copy()
        services = document.get("services")
        if isinstance(services, Map):
            complete = services.copy()
            for name in services:
                service = extender.resolve(path, document, name)
                if service is not None:
                    complete[name] = clean(service)
            result["services"] = complete
            self.broken |= extender.broken
            self._remember_defaults(document, services)
        if "include" in result:
            result.drop("include")
            result = self._included(path, document, result, environment, (*trail, str(path)))
        return result

    def _remember_defaults(self, document: Map, services: Map) -> None:
        defaults = document.get(EXTENSION)
        if not isinstance(defaults, Map):
            return
        for name in services:
            before = self.defaults.get(name)
            self.defaults[name] = merge_sections(before, defaults) if before else defaults

    def _included(
        self,
        path: Path,
        document: Map,
        result: Map,
        environment: Mapping[str, str],
        trail: tuple[str, ...],
    ) -> Map:
        """The document with what its `include` names added to it."""
        for entry, mark in _entries(document["include"], document.at("include")):
            paths = entry.get("path") if isinstance(entry, Map) else entry
            names = [str(item) for item, _ in _entries(paths, mark)]
            if not names:
                self.problems.add("Q208", mark, "`include` takes paths of compose files")
                continue
            files = tuple(tidy(path.parent / name) for name in names)
            again = next((str(file) for file in files if str(file) in trail), None)
            if again is not None:
                circle = " → ".join([*trail[trail.index(again) :], again])
                self.problems.add("Q206", mark, f"`include` goes round in a circle: {circle}")
                continue
            options = entry if isinstance(entry, Map) else Map(mark)
            base = options.get("project_directory")
            directory = tidy(path.parent / base) if isinstance(base, str) else files[0].parent
            env_files = tuple(
                path.parent / item
                for item, _ in _entries(options.get("env_file"), mark)
                if isinstance(item, str)
            )
            known = _variables(directory, env_files, mark, environment, self.sources)
            found = self.project(files, mark, known, trail)
            if directory != path.parent:
                found = rebase_sections(found, directory, path.parent)
            self._conflicts(result, found, mark)
            result = merge_sections(found, result)
        return result

    def _conflicts(self, one: Map, other: Map, mark: Mark) -> None:
        for section in SECTIONS:
            mine, theirs = one.get(section), other.get(section)
            if not isinstance(mine, Map) or not isinstance(theirs, Map):
                continue
            for name in mine.keys() & theirs.keys():
                if mine[name] != theirs[name]:
                    place = theirs.at(name)
                    self.problems.add(
                        "Q216",
                        mark,
                        f"`{name}` under `{section}` is in this file and, differently, in "
                        f"{place.file}:{place.line}",
                    )

    def _check_shape(self, document: Map) -> None:
        for key, value in document.items():
            mark = document.at(key)
            if key.startswith("x-"):
                continue
            if key not in TOP_LEVEL:
                meant = did_you_mean(key, TOP_LEVEL)
                self.problems.add("Q207", mark, f"unknown key `{key}`{meant}")
            elif key in SECTIONS:
                self._check_section(key, value, mark)

    def _check_section(self, section: str, value: Any, mark: Mark) -> None:
        if value is None:
            return
        if not isinstance(value, Map):
            self.problems.add("Q004", mark, f"`{section}` must be a mapping of names")
            return
        for name, entry in value.items():
            empty = entry is None and section != "services"
            if not empty and not isinstance(entry, Map | Reset):
                self.problems.add("Q004", value.at(name), f"`{name}` must be a mapping")


def _entries(value: Any, mark: Mark) -> list[tuple[Any, Mark]]:
    """The items of a list with their places; a single value counts as a list of one."""
    if value is None:
        return []
    return value.entries() if isinstance(value, Seq) else [(value, mark)]
