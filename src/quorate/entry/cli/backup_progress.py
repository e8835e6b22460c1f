"""How jobs look while they run: a line with a bar each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quorate.backup.jobs.copies import none_there
from quorate.backup.jobs.model import Progress
from quorate.backup.jobs.standing import Begun
from quorate.backup.jobs.watching import Outcome
from quorate.entry.cli.output import console
from quorate.fleet.quantities import show_size

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.text import Text

RULER = 20
SAID_SECONDS = 15.0
"""A plain line about a job's progress at most this often: a log of every second tells nobody."""


def how_far(progress: Progress) -> str:
    """`dumping, 1.2 GiB of 3 GiB, 85 MiB/s`."""
    parts = [progress.step]
    if progress.done or progress.total:
        of = f" of {show_size(progress.total)}" if progress.total else ""
        parts.append(show_size(progress.done) + of)
    if progress.rate:
        parts.append(f"{show_size(progress.rate)}/s")
    return ", ".join(parts)


def how_ended(outcome: Outcome) -> str:
    """In a few words, for the line of a job."""
    answer = outcome.answer
    if none_there(outcome):
        # Before the first copy that is as it should be; one that was made and is gone is an
        # error of what asked for the list.
        return "no repository there"
    if outcome.error is not None:
        return f"FAILED: {outcome.error.what}"
    if answer is None or not answer.size:
        return "done"
    return f"done: {show_size(answer.size)}, {show_size(answer.added)} of it new"


class PlainWatcher:
    """One line when a job begins and ends, and now and then between; for pipes and logs."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._said: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        sys.stderr.flush()

    def pause(self) -> None:
        """Let somebody be asked something."""
        sys.stderr.flush()

    def note(self, text: str) -> None:
        self._line(text)

    def begun(self, job: Begun, *, found: bool) -> None:
        self._line(f"{job.what} on {job.server}: {'goes on' if found else 'started'}")

    def progress(self, job: Begun, progress: Progress) -> None:
        now = time.monotonic()
        at, step = self._said.get(job.id, (float("-inf"), ""))
        if step != progress.step or now - at >= SAID_SECONDS:
            self._said[job.id] = (now, progress.step)
            self._line(f"{job.what}: {how_far(progress)}")

    def ended(self, outcome: Outcome) -> None:
        self._line(f"{outcome.job.what} on {outcome.job.server}: {how_ended(outcome)}")

    def _line(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        sys.stderr.write(f"[{seconds:6.1f}s] {text}\n")


class LiveWatcher:
    """A line for each job that runs; above them those that have ended."""

    def __init__(self, out: Console | None = None) -> None:
        from rich.live import Live

        self._console = out or console(stderr=True)
        self._jobs: dict[str, tuple[Begun, float, Progress | None]] = {}
        self._live = Live(
            console=self._console, refresh_per_second=5, transient=True, get_renderable=self._draw
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        going = [job.what for job, _, _ in self._jobs.values()]
        self._jobs = {}
        self._live.stop()
        if going:
            self.note(f"{', '.join(going)}: goes on without being watched")

    def pause(self) -> None:
        """Let somebody be asked something: until the next job begins nothing is drawn."""
        self._live.stop()

    def note(self, text: str) -> None:
        self._console.print(_text((text, "dim")))

    def begun(self, job: Begun, *, found: bool) -> None:
        self._jobs[job.id] = (job, time.monotonic(), None)
        self._live.start()
        if found:
            self.note(f"{job.what} on {job.server} had been started already")

    def progress(self, job: Begun, progress: Progress) -> None:
        if job.id in self._jobs:
            self._jobs[job.id] = (job, self._jobs[job.id][1], progress)

    def ended(self, outcome: Outcome) -> None:
        job = outcome.job
        since = self._jobs.pop(job.id, (job, time.monotonic(), None))[1]
        mark = ("✗ ", "red") if outcome.error else ("✓ ", "green")
        if none_there(outcome):
            mark = ("– ", "dim")
        seconds = f" {time.monotonic() - since:.1f} s"
        words = f"{job.what} on {job.server}: {how_ended(outcome)}"
        self._console.print(_text(mark, (words, ""), (seconds, "dim")))

    def _draw(self) -> Group:
        from rich.console import Group

        # The display's own thread draws while the work goes on.
        return Group(*(self._job(*one) for one in list(self._jobs.values())))

    def _job(self, job: Begun, since: float, progress: Progress | None) -> Text:
        seconds = f" {time.monotonic() - since:.0f} s"
        if progress is None:
            return _text(("  ", ""), (f"{job.what} on {job.server}: starting", ""),
                         (seconds, "dim"))  # fmt: skip
        filled = round(RULER * min(1.0, progress.done / progress.total)) if progress.total else 0
        return _text(
            ("  ", ""),
            ("━" * filled, "green"),
            ("─" * (RULER - filled), "dim"),
            (f" {job.what} on {job.server}: {how_far(progress)}", ""),
            (seconds, "dim"),
        )


def _text(*parts: tuple[str, str]) -> Text:
    """A line of pieces with their styles, cut at the terminal's edge."""
    from rich.text import Text

    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def watching() -> PlainWatcher | LiveWatcher:
    """The watcher for this standard error: live on a terminal, else plain."""
    return LiveWatcher() if sys.stderr.isatty() else PlainWatcher()
