"""Text in Bacula's own grammar, and figures as it and as people read them.

A value in quotes may hold anything but control characters; `\\` and `"` are
escaped by `\\` (src/lib/lex.c of Bacula).
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.fleet.quantities import show_size

HEAD = "# Made by `quorate render --bacula`; a change here is lost at the next one.\n"

Entry = tuple[str, str | int] | str
"""A key with its value, or a line (or a whole inner resource) as it stands."""


def quoted(text: str) -> str:
    """A value in quotes.

    Raises:
        ValueError: it holds a control character, which no value may.
    """
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError(f"{text!r} holds a control character: Bacula cannot read it")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def resource(kind: str, entries: Iterable[Entry]) -> str:
    """`Kind { key = value … }`, one entry a line; inner resources are indented."""
    lines = [f"{kind} {{"]
    for entry in entries:
        text = entry if isinstance(entry, str) else f"{entry[0]} = {entry[1]}"
        lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join([*lines, "}"])


def document(title: str, resources: Iterable[str]) -> str:
    """A whole file."""
    return HEAD + f"# {title}\n\n" + "\n\n".join(resources) + "\n"


def days(count: int) -> str:
    """A span as Bacula reads it."""
    return f"{count} days"


def shown(size: int) -> str:
    """A size for people."""
    return show_size(size)
