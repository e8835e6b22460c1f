"""Looking into a mapping that people wrote: never raises, reports what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from quorate.fleet.positions import Map, Mark, Reset, Seq, find
from quorate.fleet.problems import Problems

T = TypeVar("T")


class View:
    """A service (or another mapping) with helpers that follow a path of keys."""

    def __init__(self, mapping: Map, mark: Mark, problems: Problems) -> None:
        self.mapping_root = mapping
        self.root_mark = mark
        self.problems = problems

    def mark(self, *path: str | int) -> Mark:
        """The place nearest to the path."""
        if not path or path[0] not in self.mapping_root:
            return self.root_mark
        return find(self.mapping_root, path) or self.root_mark

    def value(self, *path: str) -> Any:
        """The value at a path; None when a step is missing or no mapping."""
        value: Any = self.mapping_root
        for step in path:
            value = value.get(step) if isinstance(value, Map) else None
        return None if isinstance(value, Reset) else value

    def mapping(self, *path: str) -> Map:
        """The mapping at a path; empty (reported, unless it is null) when it is none."""
        value = self.value(*path)
        if isinstance(value, Map):
            return value
        if value is not None:
            self.bad(path, f"`{'.'.join(path)}` must be a mapping")
        return Map(self.mark(*path))

    def items(self, *path: str) -> list[tuple[Any, Mark]]:
        """The items of a list at a path, with their places; a single value is one item."""
        value = self.value(*path)
        if isinstance(value, Seq):
            return value.entries()
        if isinstance(value, Map):
            self.bad(path, f"`{'.'.join(path)}` must be a list")
            return []
        return [] if value is None else [(value, self.mark(*path))]

    def text(self, *path: str) -> str | None:
        """The text at a path; None when there is none or it is a list or mapping."""
        value = self.value(*path)
        if isinstance(value, Map | Seq):
            self.bad(path, f"`{'.'.join(path)}` must be a single value")
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        return None if value is None else str(value)

    def parsed(self, parse: Callable[[Any], T], *path: str) -> T | None:
        """The value at a path, parsed; None when absent or (reported) not readable."""
        value = self.value(*path)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.bad(path, f"`{'.'.join(path)}`: {error}")
            return None

    def bad(self, path: tuple[str | int, ...], what: str) -> None:
        """Report a value that cannot be read."""
        self.problems.add("Q208", self.mark(*path), what)


def whole(value: Any) -> int:
    """A whole number, also written as text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        raise ValueError(f"`{value}` is not a whole number")
    try:
        number = int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"`{value}` is not a whole number") from None
    if isinstance(value, float) and value != number:
        raise ValueError(f"`{value}` is not a whole number")
    return number


def count(value: Any) -> int:
    """A whole number of 0 or more; raises ValueError."""
    number = whole(value)
    if number < 0:
        raise ValueError(f"`{value}` is less than 0")
    return number


def truth(value: Any) -> bool:
    """A boolean, also written as text; raises ValueError."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"`{value}` is neither true nor false")
