"""The file for values that an import could not, or must not, know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quorate.fleet.imports.model import FILL_IN

HEAD = (
    "# Values that `quorate init` did not find, or did not take because they look secret.",
    f"# `quorate up` refuses to deploy {FILL_IN}. What is set in the environment wins over",
    "# this file, this file over .env. Keep it out of version control.",
)


class Value(NamedTuple):
    """A variable without a value; `why` says what it stood for."""

    name: str
    required: bool
    stack: str
    why: str = ""


def values_text(values: Sequence[Value]) -> str:
    """The file: one variable once, required ones to be filled in, the others blank."""
    merged: dict[str, Value] = {}
    stacks: dict[str, list[str]] = {}
    for value in values:
        stacks.setdefault(value.name, []).append(value.stack)
        before = merged.get(value.name)
        if before is None or (value.required and not before.required):
            merged[value.name] = value
    lines = list(HEAD)
    for name, value in merged.items():
        where = ", ".join(dict.fromkeys(stacks[name]))
        why = value.why or (
            "required, and set nowhere" if value.required else "set nowhere; compose makes it blank"
        )
        lines += ["", f"# {where}: {why}", f"{name}={FILL_IN if value.required else ''}"]
    return "\n".join(lines) + "\n"
