"""Problems: what is wrong where, why it matters and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from quorate.fleet.code import Severity
from quorate.fleet.codes import CODES
from quorate.fleet.model import Location, Model

if TYPE_CHECKING:
    from quorate.fleet.positions import Mark

__all__ = ["Problem", "Problems", "Severity", "did_you_mean"]


class Problem(Model):
    """One problem, printable as `file:line:column: what; why; what to do`."""

    location: Location
    severity: Severity
    code: str
    what: str
    why: str
    todo: str

    def __str__(self) -> str:
        return (
            f"{self.location}: {self.severity.value} {self.code}: {self.what}; {self.why}; "
            f"what to do: {self.todo}"
        )


class Problems:
    """Collects problems while reading goes on; the same one twice counts once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, int, str], Problem] = {}

    def add(
        self, code: str, mark: Mark, what: str, *, why: str | None = None, todo: str | None = None
    ) -> None:
        """Report a problem; severity, and `why` and `todo` unless given, come from its code."""
        entry = CODES[code]
        key = (code, mark.file, mark.line, mark.column, what)
        if key not in self._found:
            self._found[key] = Problem(
                location=Location(file=mark.file, line=mark.line, column=mark.column),
                severity=entry.severity,
                code=code,
                what=what,
                why=why or entry.why,
                todo=todo or entry.todo,
            )

    def sorted(self) -> tuple[Problem, ...]:
        """Every problem, by file and line; files in the order they were first met."""
        order: dict[str, int] = {}
        for problem in self._found.values():
            order.setdefault(problem.location.file, len(order))
        return tuple(
            sorted(
                self._found.values(),
                key=lambda p: (order[p.location.file], p.location.line, p.location.column, p.code),
            )
        )

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self._found.values())


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean `x`?)` for the known word closest to this one, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    if not close:
        lowered = {name.lower().replace("-", "_"): name for name in known}
        same = lowered.get(word.lower().replace("-", "_"))
        close = [same] if same else []
    return f" (did you mean `{close[0]}`?)" if close else ""
