"""Which compose files make up which stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from quorate.fleet.imports.model import GUESSES_FILE, Note
from quorate.fleet.positions import Map, Seq
from quorate.fleet.sources import tidy

_BASE = re.compile(r"(docker-)?compose\.ya?ml")
_VARIANT = re.compile(r"(?:docker-)?compose[.\-_](?P<variant>.+)\.ya?ml")
_WORDS = re.compile(r"(^|[.\-_])(docker-compose|docker|compose|stack)(?=$|[.\-_])")
_NOT_NAME = re.compile(r"[^a-z0-9_-]+")
WRITTEN_NAME = "`name:` of its file"
_PRODUCTION = ("prod", "production")


class Head(NamedTuple):
    """A file as it was given, and its whole mapping."""

    path: Path
    document: Map

    @property
    def services(self) -> Map:
        found = self.document.get("services")
        return found if isinstance(found, Map) else Map(self.document.mark)


class Group(NamedTuple):
    """The files of one stack, later ones over earlier."""

    name: str
    files: tuple[Path, ...]
    why: str


def group(heads: list[Head], notes: list[Note]) -> list[Group]:
    """Every stack; what is left out of them is noted."""
    used = _used_by_others(heads)
    bases = {head.path.parent: head for head in heads if _BASE.fullmatch(head.path.name)}
    overlays: dict[Path, list[Head]] = {}
    alone: list[Head] = []
    for head in heads:
        base = bases.get(head.path.parent)
        if head.path.name.endswith(GUESSES_FILE):
            what = "holds the guesses of an earlier import; left out"
            notes.append(Note(subject=str(head.path), what=what))
            continue
        if "services" not in head.document and "include" not in head.document:
            what = "has no `services`, so it is no compose file; left out"
            notes.append(Note(subject=str(head.path), what=what))
        elif head.path in used:
            what = f"is a part of {used[head.path]} (include or extends); no stack of its own"
            notes.append(Note(subject=str(head.path), what=what))
        elif base is not None and head is not base and _lies_over(head, base):
            overlays.setdefault(base.path, []).append(head)
        else:
            alone.append(head)
    taken: set[str] = set()
    return [_group(head, overlays.get(head.path, []), taken, notes) for head in alone]


def _group(head: Head, overlays: list[Head], taken: set[str], notes: list[Note]) -> Group:
    chosen = _chosen(overlays)
    for overlay in overlays:
        if overlay not in chosen:
            what = f"changes {head.path} for another use; left out"
            todo = f"add it under `files:` of the stack instead of {chosen[0].path.name}"
            notes.append(Note(subject=str(overlay.path), what=what, todo=todo if chosen else ""))
    name, why = _stack_name(head)
    if chosen:
        why += f"; {', '.join(item.path.name for item in chosen)} lies over {head.path.name}"
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    taken.add(unique)
    return Group(unique, (head.path, *(item.path for item in chosen)), why)


def _chosen(overlays: list[Head]) -> list[Head]:
    """`override` always; of the other variants the production one, or the only one."""
    always = [head for head in overlays if _variant(head.path) == "override"]
    others = [head for head in overlays if head not in always]
    production = [head for head in others if _variant(head.path) in _PRODUCTION]
    if len(others) > 1:
        others = production[:1]
    return [*always, *others]


def _variant(path: Path) -> str:
    match = _VARIANT.fullmatch(path.name)
    return match["variant"] if match else ""


def _lies_over(head: Head, base: Head) -> bool:
    """Whether a file beside `compose.yaml` changes that one's services."""
    if not _variant(head.path):
        return False
    return _variant(head.path) == "override" or bool(head.services.keys() & base.services.keys())


def _used_by_others(heads: list[Head]) -> dict[Path, Path]:
    found: dict[Path, Path] = {}
    for head in heads:
        for name in (*_included(head.document), *_extended(head.services)):
            path = tidy(head.path.parent / name)
            if path != head.path:
                found.setdefault(path, head.path)
    return found


def _included(document: Map) -> Iterator[str]:
    entries = document.get("include")
    for entry in entries if isinstance(entries, Seq) else ():
        paths = entry.get("path") if isinstance(entry, Map) else entry
        names = paths if isinstance(paths, Seq) else [paths]
        yield from (name for name in names if isinstance(name, str))


def _extended(services: Mapping[str, object]) -> Iterator[str]:
    for service in services.values():
        extends = service.get("extends") if isinstance(service, Map) else None
        file = extends.get("file") if isinstance(extends, Map) else None
        if isinstance(file, str):
            yield file


def _stack_name(head: Head) -> tuple[str, str]:
    """A name, and what it rests on."""
    written = head.document.get("name")
    if isinstance(written, str) and "$" not in written and clean_name(written):
        return clean_name(written), WRITTEN_NAME
    if not _BASE.fullmatch(head.path.name):
        stem = _WORDS.sub("", head.path.name.rsplit(".", 1)[0])
        if clean_name(stem):
            return clean_name(stem), "its file's name"
    directory = clean_name(head.path.absolute().parent.name)
    return directory or "app", "its directory's name" if directory else "no name was found"


def clean_name(text: str) -> str:
    """The text as the name of a stack: lower-case letters, digits, `-` and `_`."""
    return _NOT_NAME.sub("-", text.lower()).strip("-_")[:60].strip("-_")
