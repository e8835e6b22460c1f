"""How long-running lab work tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told when a step starts and ends, and of anything worth saying in between."""

    def started(self, step: str) -> None: ...

    def ended(self, step: str, *, detail: str = "") -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """A listener that says nothing."""

    def started(self, step: str) -> None:
        del step

    def ended(self, step: str, *, detail: str = "") -> None:
        del step, detail

    def note(self, text: str) -> None:
        del text


@contextmanager
def step(progress: Progress, name: str) -> Iterator[list[str]]:
    """Announce a step around the block; what is appended to the list becomes its detail."""
    details: list[str] = []
    progress.started(name)
    yield details
    progress.ended(name, detail=", ".join(details))
