"""The fleet's own files, packed for the job that backs them up: they lie where this program runs.

The archive travels as a Docker secret. Files that hold secret values are left out of it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from quorate.backup.sources.configs import packed
from quorate.fleet.base import SecretSource
from quorate.fleet.model import Fleet


def archive(fleet: Fleet) -> bytes:
    """The fleet file, compose files and what they name, as a compressed archive.

    The same files give the same bytes.

    Raises:
        MachineError: one cannot be read.
    """
    made = packed(files_of(fleet), fleet.path.absolute().parent, secret=secret_files(fleet))
    return gzip.compress(made, mtime=0)


def files_of(fleet: Fleet) -> tuple[Path, ...]:
    """The files a fleet is made of, those that are there."""
    found = [fleet.path]
    for stack in fleet.stacks:
        found += [*stack.files, *stack.env_files]
    for files in fleet.files:
        found += [files.directory / name for name in (".env", *_named(files.configs.values()))]
    for service in fleet.services:
        directory = next((f.directory for f in fleet.files if f.stack == service.stack), None)
        if directory is not None:
            found += [directory / name for name in _environment_files(service.raw)]
    return tuple(dict.fromkeys(path for path in found if path.exists()))


def secret_files(fleet: Fleet) -> tuple[Path, ...]:
    """Files that hold values of secrets."""
    directory = fleet.path.absolute().parent
    sources: list[SecretSource] = [*fleet.secrets.values()]
    sources += [registry.password for registry in fleet.registries]
    for repository in fleet.backup.repositories:
        sources += [repository.password, *repository.credentials.values()]
    found = [directory / source.file.expanduser() for source in sources if source.file is not None]
    for files in fleet.files:
        found += [files.directory / name for name in _named(files.secrets.values())]
    return tuple(found)


def _named(sections: Iterable[Mapping[str, Any] | None]) -> Iterator[str]:
    for section in sections:
        if section and section.get("file"):
            yield str(section["file"])


def _environment_files(raw: Mapping[str, Any]) -> Iterator[str]:
    """`env_file`: a path, or a list of paths or of mappings with one."""
    given = raw.get("env_file") or ()
    for one in [given] if isinstance(given, str | Mapping) else given:
        name = one.get("path") if isinstance(one, Mapping) else one
        if name:
            yield str(name)
