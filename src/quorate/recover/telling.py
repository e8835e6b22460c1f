"""Jobs of backups, told to whoever watches an operation."""

from __future__ import annotations

from quorate.backup.jobs.model import Progress
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.deploy.progress import Reporter
from quorate.fleet.quantities import show_size


class Telling:
    """Watches jobs (`quorate.backup.jobs.watching.Watcher`) for a reporter."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._steps: dict[str, str] = {}

    def note(self, text: str) -> None:
        self._report.note(text)

    def begun(self, job: Begun, *, found: bool) -> None:
        self._report.note(f"{job.what} on {job.server}: {'goes on' if found else 'started'}")

    def progress(self, job: Begun, progress: Progress) -> None:
        if self._steps.get(job.id) != progress.step:
            self._steps[job.id] = progress.step
            self._report.note(f"{job.what}: {progress.step}")

    def ended(self, outcome: Outcome) -> None:
        answer = outcome.answer
        size = f": {show_size(answer.size)}" if answer and answer.size else ""
        words = f"FAILED: {outcome.error.what}" if outcome.error else f"done{size}"
        self._report.note(f"{outcome.job.what} on {outcome.job.server}: {words}")
