"""What a measurement tells whoever watches; entry/ draws it."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Receives progress; must not raise."""

    def phase(self, title: str) -> None:
        """A new step begins."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def progress(self, done: int, total: int, what: str) -> None:
        """How far the present step is; `what` was done last."""
