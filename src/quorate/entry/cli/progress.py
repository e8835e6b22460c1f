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
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

MARKS = {
    Outcome.HEALTHY: "[green]✓[/]",
    Outcome.FAILED: "[red]✗[/]",
    Outcome.WAITING: "[yellow]…[/]",
}
SHOWN_SERVICES = 24
RULER = 24


class PlainReporter:
    """One line per step and per change of a service's state; for pipes and logs."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._last: dict[str, tuple[Outcome, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        sys.stderr.flush()

    def pause(self) -> None:
        """Let somebody else write for a while."""

    def phase(self, title: str) -> None:
        self._line(title)

    def note(self, text: str) -> None:
        self._line(f"  {text}")

    def progress(self, done: int, total: int, what: str) -> None:
        # A line at each quarter: a log of every pull tells nobody anything.
        if done == total or done * 4 // total != (done - 1) * 4 // total:
            self._line(f"  {done} of {total} ({what})")

    def services(self, verdicts: Sequence[Verdict]) -> None:
        changed = 0
        for verdict in verdicts:
            now = (verdict.outcome, verdict.phase)
            if self._last.get(verdict.swarm_name) != now:
                changed += 1
                self._last[verdict.swarm_name] = now
                if verdict.outcome is Outcome.FAILED:
                    self._line(f"  {verdict.swarm_name}: FAILED: {verdict.detail}")
        if changed:
            healthy = sum(v.outcome is Outcome.HEALTHY for v in verdicts)
            self._line(f"  {healthy} of {len(verdicts)} services healthy")

    def _line(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        sys.stderr.write(f"[{seconds:6.1f}s] {text}\n")


class LiveReporter:
    """Steps done, the present step, and the services that are not healthy yet."""

    def __init__(self) -> None:
        from rich.live import Live

        self._console = console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=5, transient=True, get_renderable=self._draw
        )
        self._title = ""
        self._since = time.monotonic()
        self._verdicts: tuple[Verdict, ...] = ()
        self._progress = (0, 0, "")

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
        self._live.console.print(f"    [dim]{text}[/]")

    def progress(self, done: int, total: int, what: str) -> None:
        self._progress = (done, total, what)

    def services(self, verdicts: Sequence[Verdict]) -> None:
        self._verdicts = tuple(verdicts)

    def _finish(self, *, failed: bool = False) -> None:
        if not self._title:
            return
        seconds = time.monotonic() - self._since
        bad = failed or any(v.outcome is Outcome.FAILED for v in self._verdicts)
        mark = "[red]✗[/]" if bad else "[green]✓[/]"
        self._live.console.print(f"{mark} {self._title} [dim]{seconds:.1f} s[/]")
        self._title, self._verdicts = "", ()

    def _draw(self) -> Group:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        if not self._title:
            return Group()
        seconds = time.monotonic() - self._since
        line = Text.from_markup(f"{self._title} [dim]{seconds:.0f} s[/]")
        parts: list[Spinner | Text | Table] = [Spinner("dots", line)]
        if self._verdicts:
            healthy = sum(v.outcome is Outcome.HEALTHY for v in self._verdicts)
            parts += [_ruler(healthy, len(self._verdicts), "services healthy"), self._table()]
        elif self._progress[1]:
            done, total, what = self._progress
            parts.append(_ruler(done, total, f"[dim]{what}[/]"))
        return Group(*parts)

    def _table(self) -> Table:
        from rich.table import Table

        order = {Outcome.FAILED: 0, Outcome.WAITING: 1, Outcome.HEALTHY: 2}
        rows = sorted(self._verdicts, key=lambda v: (order[v.outcome], v.swarm_name))
        table = Table(box=None, padding=(0, 1), show_header=False)
        room = max(4, min(SHOWN_SERVICES, self._console.height - 6))
        for verdict in rows[:room]:
            table.add_row(
                " ",
                MARKS[verdict.outcome],
                verdict.swarm_name,
                f"{verdict.running}/{verdict.desired}",
                ", ".join(sorted(set(verdict.where))),
                verdict.phase,
                verdict.detail[:60],
            )
        if len(rows) > room:
            table.add_row("", "", f"[dim]and {len(rows) - room} more[/]")
        return table


def _ruler(done: int, total: int, words: str) -> Text:
    from rich.text import Text

    filled = round(RULER * done / max(1, total))
    bar = f"[green]{'━' * filled}[/][dim]{'━' * (RULER - filled)}[/]"
    return Text.from_markup(f"  {bar} {done} of {total} {words}")


def reporter() -> PlainReporter | LiveReporter:
    """The reporter for this standard error: live on a terminal, else plain."""
    return LiveReporter() if sys.stderr.isatty() else PlainReporter()
