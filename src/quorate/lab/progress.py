"""How long-running lab work tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives progress; must not raise."""

    def phase(self, title: str) -> None:
        """A new step begins; the former one is done."""

    def note(self, text: str) -> None:
        """Something worth a line."""


class Silent:
    """A listener that says nothing."""

    def phase(self, title: str) -> None:
        del title

    def note(self, text: str) -> None:
        del text


class Aside:
    """Work beside the main work: its steps are notes of whoever listens."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener

    def phase(self, title: str) -> None:
        self._listener.note(title)

    def note(self, text: str) -> None:
        self._listener.note(text)


@contextmanager
def step(progress: Progress, title: str) -> Iterator[list[str]]:
    """Announce a step around the block; what is appended to the list is noted at its end."""
    details: list[str] = []
    progress.phase(title)
    yield details
    if details:
        progress.note("; ".join(details))
