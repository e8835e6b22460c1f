"""What a recovery bundle of a fleet has to hold, and where in it. Pure.

Files come as they lie below the fleet file, so that the directory can be used as it is; what comes
from the environment or a command has no place of its own there, and gets one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quorate.fleet.model import Fleet, SecretSource
from quorate.fleet.sources import tidy
from quorate.stacks.secrets import configs_section, secrets_section

FILES, ELSEWHERE, ENVIRONMENT, VALUES = "fleet", "elsewhere", "environment", "values"
"""Directories of a bundle: files at and below the fleet file; others; variables; commands."""

There = Callable[[Path], bool]
"""Whether a file is there."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A value that belongs into the bundle.

    `path` in the bundle. `uses` in words: `secret db_password`. `optional`: left out where it has
    no value, as a variable that has a default.
    """

    path: str
    source: SecretSource
    uses: tuple[str, ...]
    optional: bool = False


def wanted(fleet: Fleet, there: There) -> tuple[Item, ...]:
    """Everything, in order of the paths. `there` is asked of what commands name.

    The passphrase of the bundle itself is not in it.
    """
    directory = tidy(fleet.path.absolute().parent)
    found: dict[str, Item] = {}
    for use, source, optional in _all(fleet, directory, there):
        path = _path(use, source, directory)
        known = found.get(path)
        uses = tuple(dict.fromkeys((*(known.uses if known else ()), use)))
        optional = optional and (known is None or known.optional)
        found[path] = Item(path=path, source=source, uses=uses, optional=optional)
    return tuple(found[path] for path in sorted(found))


def fleet_file(fleet: Fleet) -> str:
    """The fleet file's own path in its bundle."""
    return path_of(fleet, fleet.path)


def path_of(fleet: Fleet, file: Path) -> str:
    """A file's path in the bundle of its fleet."""
    directory = tidy(fleet.path.absolute().parent)
    return _path("", SecretSource(file=file.absolute()), directory)


def unknown(fleet: Fleet) -> tuple[str, ...]:
    """Secrets that a stack takes from the swarm, and whose value is in no file of the fleet's."""
    names: set[str] = set()
    for files in fleet.files:
        section = secrets_section(files.secrets, files, fleet.secrets)
        plain = {str(spec["name"]) for spec in section.section.values()}
        names |= plain - section.sources.keys()
    return tuple(sorted(names))


def _all(fleet: Fleet, directory: Path, there: There) -> Iterator[tuple[str, SecretSource, bool]]:
    """Each use with its source, and whether it may be lacking."""
    for path in fleet.read or (fleet.path,):
        yield "fleet and compose files", SecretSource(file=path.absolute()), False
    named = list(_secrets(fleet))
    for use, source in named:
        yield use, source, False
        for word in source.command or ():
            script = directory / word
            if there(script):
                yield f"command of {use}", SecretSource(file=script), False
    for use, source in _configs(fleet):
        yield use, source, False
    for name in fleet.variables:
        yield "variable of compose files", SecretSource(environment=name), True


def _secrets(fleet: Fleet) -> Iterator[tuple[str, SecretSource]]:
    for name, source in fleet.secrets.items():
        yield f"secret {name}", source
    for files in fleet.files:
        for name, source in secrets_section(files.secrets, files, fleet.secrets).sources.items():
            yield f"secret {name}", _absolute(source)
    for registry in fleet.registries:
        yield f"password of {registry.user} at {registry.host}", registry.password
    for repository in fleet.backup.repositories:
        yield f"password of repository {repository.name}", repository.password
        for name, source in repository.credentials.items():
            yield f"{name} of repository {repository.name}", source
    for name, source in fleet.backup.notify.to.items():
        yield f"address of notifications {name}", source
    if fleet.backup.heartbeat is not None:
        yield "address of the heartbeat", fleet.backup.heartbeat
    prometheus = fleet.measure.prometheus
    if prometheus and prometheus.authorization:
        yield "authorization of Prometheus", prometheus.authorization


def _configs(fleet: Fleet) -> Iterator[tuple[str, SecretSource]]:
    """Files and variables of compose's `configs`, and ssh configurations of servers."""
    for files in fleet.files:
        for name, source in configs_section(files.configs, files).sources.items():
            if source.file is not None:
                yield f"config {name}", _absolute(SecretSource(file=source.file))
            elif source.environment is not None:
                yield f"config {name}", SecretSource(environment=source.environment)
    for server in fleet.servers:
        if server.ssh.config is not None:
            yield f"ssh configuration of {server.name}", SecretSource(file=server.ssh.config)


def _absolute(source: SecretSource) -> SecretSource:
    """Compose's files start at their stack's directory, not at the fleet file's."""
    if source.file is None or str(source.file).startswith("~"):
        return source
    return SecretSource(file=source.file.absolute())


def _path(use: str, source: SecretSource, directory: Path) -> str:
    if source.environment is not None:
        return f"{ENVIRONMENT}/{source.environment}"
    if source.file is None:
        return f"{VALUES}/{_plain(use)}"
    path = tidy(directory / source.file.expanduser())
    if path.is_relative_to(directory):
        return f"{FILES}/{path.relative_to(directory)}"
    return f"{ELSEWHERE}/{str(path).lstrip('/')}"


def _plain(use: str) -> str:
    """A use as a file's name."""
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", use)
