"""What starting and following jobs tells whoever watches; entry/ draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quorate.backup.jobs.model import Answer, Progress
from quorate.backup.jobs.standing import Begun
from quorate.errors import QuorateError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended: with an answer, or with an error (which may be the answer's own)."""

    job: Begun
    answer: Answer | None = None
    error: QuorateError | None = None


class Watcher(Protocol):
    """Receives what happens; must not raise."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def begun(self, job: Begun, *, found: bool) -> None:
        """A job was started, or one that somebody else had started was `found`."""

    def progress(self, job: Begun, progress: Progress) -> None:
        """How far it is."""

    def ended(self, outcome: Outcome) -> None:
        """It is over."""


class Silent:
    """Watches, and says nothing."""

    def note(self, text: str) -> None:
        del text

    def begun(self, job: Begun, *, found: bool) -> None:
        del job, found

    def progress(self, job: Begun, progress: Progress) -> None:
        del job, progress

    def ended(self, outcome: Outcome) -> None:
        del outcome


@dataclass(frozen=True)
class Followed:
    """Watches for another, and tells `over` of each end after it."""

    inner: Watcher
    over: Callable[[Outcome], None]

    def note(self, text: str) -> None:
        self.inner.note(text)

    def begun(self, job: Begun, *, found: bool) -> None:
        self.inner.begun(job, found=found)

    def progress(self, job: Begun, progress: Progress) -> None:
        self.inner.progress(job, progress)

    def ended(self, outcome: Outcome) -> None:
        self.inner.ended(outcome)
        self.over(outcome)
