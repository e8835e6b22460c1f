"""What a long run tells whoever watches; entry/ draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quorate.deploy.settle import Verdict


class Reporter(Protocol):
    """Receives progress; must not raise."""

    def phase(self, title: str) -> None:
        """A new step begins."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def progress(self, done: int, total: int, what: str) -> None:
        """How far the present step is; `what` was done last."""

    def services(self, verdicts: Sequence[Verdict]) -> None:
        """The present state of every service being waited for."""


class Silent:
    """A reporter that says nothing (for `--json` and tests)."""

    def phase(self, title: str) -> None:
        del title

    def note(self, text: str) -> None:
        del text

    def progress(self, done: int, total: int, what: str) -> None:
        del done, total, what

    def services(self, verdicts: Sequence[Verdict]) -> None:
        del verdicts
