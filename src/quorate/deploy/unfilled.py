"""Values that an import could not know and nobody has filled in yet: they are never deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.errors import CheckError
from quorate.fleet.imports.model import FILL_IN, VALUES_FILE
from quorate.stacks.model import Rendered


def refuse_unfilled(rendered: Rendered) -> None:
    """Raise when a stack still has a placeholder for a value in it.

    Raises:
        CheckError: naming every place.
    """
    found = [
        f"{stack.name}/{name}: {'.'.join(path)} is still {FILL_IN}"
        for stack in rendered.stacks
        for name, body in stack.document.get("services", {}).items()
        for path in _places(body, ())
    ]
    if found:
        raise CheckError(
            "there are values that `quorate init` did not know; nothing was changed",
            problems=found,
            todo=f"put them into {VALUES_FILE}, or set the variables in the environment",
        )


def _places(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, str):
        if FILL_IN in value:
            yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _places(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _places(item, (*path, str(index)))
