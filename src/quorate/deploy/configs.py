"""Configs made from files and texts of the compose stacks, versioned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quorate.deploy import versioned
from quorate.deploy.versioned import Kind, Value
from quorate.errors import CheckError
from quorate.fleet.model import Fleet
from quorate.fleet.observed import Snapshot
from quorate.stacks.model import ConfigSource, Rendered

if TYPE_CHECKING:
    from quorate.tools.docker import DockerClient


def config_values(
    fleet: Fleet, rendered: Rendered, environment: Mapping[str, str] | None = None
) -> dict[str, Value]:
    """The values of all configs that the stacks use, by plain name.

    Raises:
        CheckError: every config whose source gives none, all at once.
    """
    directory = fleet.path.absolute().parent
    known = os.environ if environment is None else environment
    values: dict[str, Value] = {}
    problems: list[str] = []
    for name, source in rendered.configs.items():
        try:
            data = _read(name, source, directory, known)
            values[name] = Value(data=data, template=source.template_driver)
        except CheckError as error:
            problems.append(f"{error.what}; {error.todo}")
    if problems:
        raise CheckError("configs without a value; nothing was changed", problems=problems)
    return values


def ensure_configs(
    client: DockerClient, values: Mapping[str, Value | bytes], *, fleet: str
) -> dict[str, str]:
    """See that each config is in the swarm; returns plain → deployed name (`name-v2`).

    Raises:
        EngineError: the swarm refuses, or a value is empty or too large.
    """
    return versioned.ensure(client, Kind.CONFIG, _as_values(values), fleet=fleet)


def expected_configs(
    client: DockerClient, values: Mapping[str, Value | bytes], *, fleet: str
) -> dict[str, str]:
    """As `ensure_configs` would answer, changing nothing: for a diff.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.expected(client, Kind.CONFIG, _as_values(values), fleet=fleet)


def prune_configs(
    client: DockerClient, snapshot: Snapshot, *, fleet: str, recorded: Iterable[str] = ()
) -> tuple[str, ...]:
    """Remove versions that no service and no record uses, the last two of each name kept.

    Raises:
        EngineError: the swarm does not answer.
    """
    return versioned.prune(client, Kind.CONFIG, snapshot, fleet=fleet, recorded=recorded)


def _as_values(values: Mapping[str, Value | bytes]) -> dict[str, Value]:
    return {
        name: value if isinstance(value, Value) else Value(data=value)
        for name, value in values.items()
    }


def _read(
    name: str, source: ConfigSource, directory: Path, environment: Mapping[str, str]
) -> bytes:
    if source.file is not None:
        path = directory / source.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CheckError(
                f"config {name}: {path} cannot be read ({error.strerror})",
                todo="create the file, or correct the path in the compose file",
            ) from error
    elif source.environment is not None:
        data = environment.get(source.environment, "").encode()
    else:
        data = (source.content or "").encode()
    if not data:
        raise CheckError(f"config {name} is empty", todo="Swarm takes no empty ones: fill it")
    return data
