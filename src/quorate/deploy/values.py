"""Values of secrets: read at the last moment from a file, the environment or a command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from quorate.errors import CheckError, CommandError
from quorate.fleet.model import SecretSource
from quorate.tools import command

COMMAND_TIMEOUT_SECONDS = 60.0


def read_values(
    sources: Mapping[str, SecretSource],
    *,
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """All values, by name. `directory` is where relative files start (the fleet file's).

    Raises:
        CheckError: with every source that has no value, all at once.
    """
    values: dict[str, bytes] = {}
    problems: list[str] = []
    for name, source in sources.items():
        try:
            values[name] = read_value(name, source, directory=directory, environment=environment)
        except CheckError as error:
            problems.append(f"{error.what}; {error.todo}" if error.todo else error.what)
    if problems:
        raise CheckError("secrets without a value; nothing was changed", problems=problems)
    return values


def read_value(
    name: str,
    source: SecretSource,
    *,
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """The value of one secret, exactly as it is stored.

    One line end at the end of a command's output is dropped; a file is taken
    as it is, as `docker secret create` does.

    Raises:
        CheckError: there is none.
    """
    if source.file is not None:
        return _from_file(name, directory / source.file.expanduser())
    if source.environment is not None:
        value = (environment if environment is not None else os.environ).get(source.environment)
        if not value:
            raise CheckError(
                f"secret {name}: the environment variable {source.environment} is not set",
                todo=f"export {source.environment}, then retry",
            )
        return value.encode()
    if source.command:
        return _from_command(name, source.command, directory)
    raise CheckError(
        f"secret {name} has no source", todo="give it `file`, `environment` or `command`"
    )


def _from_file(name: str, path: Path) -> bytes:
    try:
        value = path.read_bytes()
    except OSError as error:
        raise CheckError(
            f"secret {name}: {path} cannot be read ({error.strerror})",
            todo="create the file, or correct the path in the fleet file",
        ) from error
    if not value:
        raise CheckError(f"secret {name}: {path} is empty", todo="put the value into it")
    return value


def _from_command(name: str, argv: tuple[str, ...], directory: Path) -> bytes:
    shown = shlex.join(argv)
    try:
        done = command.run(argv, cwd=directory, timeout=COMMAND_TIMEOUT_SECONDS, check=False)
    except CommandError as error:
        raise CheckError(f"secret {name}: {error.what}", todo=error.todo) from error
    # Only what it wrote to standard error may be shown: its output is the secret.
    if not done.ok:
        said = command.mask(command.last_lines(done.stderr, 2), [done.stdout.strip()])
        raise CheckError(
            f"secret {name}: `{shown}` ended with exit code {done.code}"
            + (f": {said}" * bool(said)),
            todo="make the command work in a shell, then retry",
        )
    value = done.stdout.removesuffix("\n").encode()
    if not value:
        raise CheckError(f"secret {name}: `{shown}` printed nothing", todo="look at the command")
    return value
