"""How a long run looks: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quorate.deploy.settle import Outcome, Verdict
from quorate.entry.cli.output import console

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

MARKS = {
    Outcome.HEALTHY: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.WAITING: ("…", "yellow"),
}
SHOWN_SERVICES = 24
RULER = 24
COUNT_SECONDS = 5.0
"""At most one line in this time says how many services are healthy: fifty would say no more."""
NAMES_SECONDS = 30.0
"""After this long without a change a line says who is being waited for."""
SHOWN_WAITING = 4


class PlainReporter:
    """One line per step, and how many services are healthy now and then; for pipes and logs."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._failed: set[str] = set()
        self._told = ""
        self._told_at = self._started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        sys.stderr.flush()

    def pause(self) -> None:
        """Let somebody else write for a while."""

    def phase(self, title: str) -> None:
        self._told = ""
        self._line(title)

    def note(self, text: str) -> None:
        self._line(f"  {text}")

    def progress(self, done: int, total: int, what: str) -> None:
        # A line at each quarter: a log of every pull tells nobody anything.
        if done == total or done * 4 // total != (done - 1) * 4 // total:
            self._line(f"  {done} of {total} ({what})")

    def services(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            if verdict.outcome is Outcome.FAILED and verdict.swarm_name not in self._failed:
                self._failed.add(verdict.swarm_name)
                self._line(f"  {verdict.swarm_name}: FAILED: {verdict.detail}")
        healthy = sum(v.outcome is Outcome.HEALTHY for v in verdicts)
        waiting = [v for v in verdicts if v.outcome is Outcome.WAITING]
        quiet = time.monotonic() - self._told_at
        told = f"{healthy} of {len(verdicts)} services healthy"
        if told != self._told and (quiet >= COUNT_SECONDS or not waiting or not self._told):
            self._tell(told)
        elif waiting and quiet >= NAMES_SECONDS:
            names = ", ".join(f"{v.swarm_name} ({v.phase})" for v in waiting[:SHOWN_WAITING])
            more = len(waiting) - SHOWN_WAITING
            self._tell(told, f"; waiting for {names}" + (f" and {more} more" if more > 0 else ""))

    def _tell(self, told: str, more: str = "") -> None:
        self._told, self._told_at = told, time.monotonic()
        self._line(f"  {told}{more}")

    def _line(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        sys.stderr.write(f"[{seconds:6.1f}s] {text}\n")


class LiveReporter:
    """Steps done, the present step, and the services that are not healthy yet.

    What engines and services say is shown as it is, brackets and all: nothing
    of it is read as rich's markup.
    """

    def __init__(self, out: Console | None = None) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self._console = out or console(stderr=True)
        self._title = ""
        self._since = time.monotonic()
        self._verdicts: tuple[Verdict, ...] = ()
        self._progress = (0, 0, "")
        self._spinner = Spinner("dots")
        # Last: it draws at once, from all of the above.
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
        self._finish(failed=kind is not None)
        self._live.stop()

    def pause(self) -> None:
        """Finish the present step, so that a question can be asked."""
        self._finish()
        self._live.stop()

    def phase(self, title: str) -> None:
        self._finish()
        if not self._live.is_started:
            self._live.start()
        self._title, self._since, self._verdicts = title, time.monotonic(), ()
        self._progress = (0, 0, "")

    def note(self, text: str) -> None:
        from rich.padding import Padding
        from rich.text import Text

        self._console.print(Padding(Text(text, "dim"), (0, 0, 0, 4)))

    def progress(self, done: int, total: int, what: str) -> None:
        self._progress = (done, total, what)

    def services(self, verdicts: Sequence[Verdict]) -> None:
        self._verdicts = tuple(verdicts)

    def _finish(self, *, failed: bool = False) -> None:
        if not self._title:
            return
        seconds = time.monotonic() - self._since
        bad = failed or any(v.outcome is Outcome.FAILED for v in self._verdicts)
        mark = ("✗ ", "red") if bad else ("✓ ", "green")
        self._console.print(_text(mark, (self._title, ""), (f" {seconds:.1f} s", "dim")))
        self._title, self._verdicts = "", ()

    def _draw(self) -> Group:
        from rich.console import Group

        # The display's own thread draws while the work goes on: look at each thing once.
        title, verdicts, (done, total, what) = self._title, self._verdicts, self._progress
        if not title:
            return Group()
        seconds = time.monotonic() - self._since
        self._spinner.update(text=_text((title, ""), (f" {seconds:.0f} s", "dim")))
        parts: list[Spinner | Text | Table] = [self._spinner]
        if verdicts:
            healthy = sum(v.outcome is Outcome.HEALTHY for v in verdicts)
            parts += [_ruler(healthy, len(verdicts), "services healthy", ""), self._table(verdicts)]
        elif total:
            parts.append(_ruler(done, total, what, "dim"))
        return Group(*parts)

    def _table(self, verdicts: Sequence[Verdict]) -> Table:
        from rich.table import Table
        from rich.text import Text

        order = {Outcome.FAILED: 0, Outcome.WAITING: 1, Outcome.HEALTHY: 2}
        rows = sorted(verdicts, key=lambda v: (order[v.outcome], v.swarm_name))
        table = Table(box=None, padding=(0, 1), show_header=False)
        for _ in range(6):
            table.add_column(no_wrap=True)
        room = max(4, min(SHOWN_SERVICES, self._console.height - 6))
        for verdict in rows[:room]:
            table.add_row(
                Text(*MARKS[verdict.outcome]),
                Text(verdict.swarm_name),
                Text(f"{verdict.running}/{verdict.desired}"),
                Text(", ".join(sorted(set(verdict.where)))),
                Text(verdict.phase),
                Text(verdict.detail[:60]),
            )
        if len(rows) > room:
            table.add_row("", Text(f"and {len(rows) - room} more", "dim"))
        return table


def _ruler(done: int, total: int, words: str, style: str) -> Text:
    filled = round(RULER * done / max(1, total))
    return _text(
        ("  ", ""),
        ("━" * filled, "green"),
        ("─" * (RULER - filled), "dim"),
        (f" {done} of {total} ", ""),
        (words, style),
    )


def _text(*parts: tuple[str, str]) -> Text:
    """A line of pieces with their styles, cut at the terminal's edge."""
    from rich.text import Text

    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def reporter() -> PlainReporter | LiveReporter:
    """The reporter for this standard error: live on a terminal, else plain."""
    return LiveReporter() if sys.stderr.isatty() else PlainReporter()
