"""Relative paths in compose values, kept right when a mapping moves to another directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from quorate.fleet.positions import Map, Seq


def is_path(source: str) -> bool:
    """Whether the source of a short volume is a path, not a volume's name."""
    return source.startswith(("/", ".", "~"))


def rebase_service(service: Map, old: Path, new: Path) -> Map:
    """The service with paths relative to `old` rewritten so that they hold from `new`."""
    result = service.copy()
    volumes = service.get("volumes")
    if isinstance(volumes, Seq):
        result["volumes"] = _each(volumes, lambda item: _volume(item, old, new))
    files = service.get("env_file")
    if isinstance(files, str):
        result["env_file"] = _move(files, old, new)
    elif isinstance(files, Seq):
        result["env_file"] = _each(files, lambda item: _entry(item, "path", old, new))
    return result


def rebase_sections(document: Map, old: Path, new: Path) -> Map:
    """A compose document with the paths in all its sections rewritten likewise."""
    result = document.copy()
    services = document.get("services")
    if isinstance(services, Map):
        moved = services.copy()
        for name, service in services.items():
            if isinstance(service, Map):
                moved[name] = rebase_service(service, old, new)
        result["services"] = moved
    for section in ("secrets", "configs"):
        entries = document.get(section)
        if isinstance(entries, Map):
            copied = entries.copy()
            for name, entry in entries.items():
                copied[name] = _entry(entry, "file", old, new)
            result[section] = copied
    return result


def _each(items: Seq, change: Any) -> Seq:
    result = Seq(items.mark)
    for item, mark in items.entries():
        result.add(change(item), mark)
    return result


def _entry(item: Any, key: str, old: Path, new: Path) -> Any:
    if isinstance(item, str):
        return _move(item, old, new) if key == "path" else item
    if isinstance(item, Map) and isinstance(item.get(key), str):
        result = item.copy()
        result[key] = _move(item[key], old, new)
        return result
    return item


def _volume(item: Any, old: Path, new: Path) -> Any:
    if isinstance(item, str):
        source, colon, rest = item.partition(":")
        return _move(source, old, new) + colon + rest if colon and is_path(source) else item
    if isinstance(item, Map) and item.get("type") == "bind":
        return _entry(item, "source", old, new)
    return item


def _move(path: str, old: Path, new: Path) -> str:
    if path.startswith(("/", "~")):
        return path
    moved = os.path.relpath(old / path, new)
    return moved if moved.startswith(".") else f"./{moved}"
