"""Variables in compose files, as the Compose Specification has them.

`$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?error}`,
`${VAR?error}`, `${VAR:+replacement}`, `${VAR+replacement}`, defaults nested to
any depth, `$$` for a dollar sign.

Compose replaces an unset variable by nothing and warns. Here it is an error:
a blank password or image tag deployed at night costs more than writing
`${VAR:-}` where blank is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from quorate.fleet.positions import Map, Mark, Seq
from quorate.fleet.problems import Problems

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", "-", ":?", "?", ":+", "+")
MAX_DEPTH = 50
GIVEN = "\0"
"""Stands for the value of a variable where the text is looked at as it was written."""


class TemplateError(ValueError):
    """A `${…}` that cannot be read."""


class Interpolator:
    """Replaces variables; remembers which were used, and which were unset (name → required).

    `written`: the place of a value with variables → its text, `GIVEN` for what variables gave.

    Args:
        environment: the values.
        problems: where unset variables and unreadable templates are reported.
        lenient: an unset variable is blank and no problem (environment files).
    """

    def __init__(
        self, environment: Mapping[str, str], problems: Problems, *, lenient: bool = False
    ) -> None:
        self.environment = environment
        self.problems = problems
        self.lenient = lenient
        self.used: dict[str, str | None] = {}
        self.unset: dict[str, bool] = {}
        self.written: dict[Mark, str] = {}
        self._seen: set[int] = set()

    def tree(self, value: Any) -> None:
        """Replace the variables in every value of a tree, in place; keys are left alone."""
        if not isinstance(value, Map | Seq) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        entries: list[tuple[Any, Any]] = list(
            value.items() if isinstance(value, Map) else enumerate(value)
        )
        for key, item in entries:
            if isinstance(item, str):
                if "$" in item:
                    mark = value.at(key)
                    value[key] = self.text(item, mark)
                    self.written[mark] = self._blank.text(item, mark)
            else:
                self.tree(item)

    @cached_property
    def _blank(self) -> Interpolator:
        given = {name: GIVEN for name, value in self.environment.items() if value}
        return Interpolator(given, Problems(), lenient=True)

    def text(self, text: str, mark: Mark) -> str:
        """The text with its variables replaced; left as it is when it cannot be read."""
        try:
            return self._expand(text, mark, 0)
        except TemplateError as error:
            self.problems.add("Q203", mark, str(error))
            return text

    def _expand(self, text: str, mark: Mark, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise TemplateError("variables are nested too deeply")
        out: list[str] = []
        index = 0
        while (dollar := text.find("$", index)) >= 0:
            out.append(text[index:dollar])
            follows = text[dollar + 1 : dollar + 2]
            if follows == "$":
                out.append("$")
                index = dollar + 2
            elif follows == "{":
                end = _closing_brace(text, dollar + 2)
                out.append(self._braced(text[dollar + 2 : end], mark, depth))
                index = end + 1
            elif match := _NAME.match(text, dollar + 1):
                out.append(self._value(match[0], mark))
                index = match.end()
            else:
                raise TemplateError(f"`${follows}` is no variable; write `$$` for a dollar sign")
        return "".join(out) + text[index:]

    def _braced(self, inside: str, mark: Mark, depth: int) -> str:
        match = _NAME.match(inside)
        if match is None:
            raise TemplateError(f"`${{{inside}}}` names no variable")
        name, rest = match[0], inside[match.end() :]
        if not rest:
            return self._value(name, mark)
        operator = next((op for op in _OPERATORS if rest.startswith(op)), None)
        if operator is None:
            raise TemplateError(f"`${{{inside}}}` cannot be read after `{name}`")
        argument = rest[len(operator) :]
        value = self._look_up(name)
        present = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return self._expand(argument, mark, depth + 1) if present else ""
        if present:
            return value or ""
        if operator.endswith("-"):
            return self._expand(argument, mark, depth + 1)
        self.unset[name] = True
        message = self._expand(argument, mark, depth + 1)
        self.problems.add(
            "Q202", mark, f"the variable `{name}` must be set" + (f": {message}" if message else "")
        )
        return ""

    def _look_up(self, name: str) -> str | None:
        value = self.environment.get(name)
        self.used[name] = value
        return value

    def _value(self, name: str, mark: Mark) -> str:
        value = self._look_up(name)
        if value is None and not self.lenient:
            self.unset.setdefault(name, False)
            self.problems.add("Q201", mark, f"the variable `{name}` is not set")
        return value or ""


def _closing_brace(text: str, start: int) -> int:
    """The index of the brace that closes a `${` whose content starts at `start`."""
    depth = 1
    index = start
    while index < len(text):
        if text.startswith("$$", index):
            index += 2
            continue
        if text.startswith("${", index):
            depth += 1
            index += 2
            continue
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    raise TemplateError("a `${` is never closed by `}`")
