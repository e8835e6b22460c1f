"""The live display on a terminal: drawn for real, on a console that keeps what it is given."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from quorate.deploy.settle import Outcome, Verdict
from quorate.entry.cli.progress import LiveReporter, PlainReporter


class Terminal:
    """A terminal of 80 × 24 that keeps its text; `seen` is all that was ever on it."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.console = Console(
            file=self._file, force_terminal=True, width=80, height=24, highlight=False
        )

    @property
    def seen(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._file.getvalue())


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def waiting(name: str, detail: str = "") -> Verdict:
    return Verdict(
        swarm_name=name,
        outcome=Outcome.WAITING,
        running=1,
        desired=2,
        where=("alpha",),
        phase="starting",
        detail=detail,
    )


def test_a_whole_run_on_a_terminal(terminal: Terminal) -> None:
    with LiveReporter(terminal.console) as report:
        report.phase("pulling images")
        report.progress(3, 12, "alpha: redis:7")
        report._live.refresh()
        report.note("one image was there")
        report.phase("deploying")
        report.services([waiting("app_web")])
        report._live.refresh()
    for words in (
        "3 of 12 alpha: redis:7",
        "one image was there",
        "pulling images",
        "0 of 1 services healthy",
        "app_web",
        "1/2",
        "starting",
        "deploying",
    ):
        assert words in terminal.seen


def test_nothing_is_drawn_before_the_first_step(terminal: Terminal) -> None:
    with LiveReporter(terminal.console) as report:
        report._live.refresh()
    assert "✓" not in terminal.seen


def test_a_step_that_raised_ends_with_a_cross(terminal: Terminal) -> None:
    with pytest.raises(OSError), LiveReporter(terminal.console) as report:
        report.phase("deploying")
        raise OSError
    assert "✗" in terminal.seen


def test_more_services_than_the_terminal_is_high_are_counted(terminal: Terminal) -> None:
    with LiveReporter(terminal.console) as report:
        report.phase("deploying")
        report.services([waiting(f"app_{number:02}") for number in range(60)])
        report._live.refresh()
    assert "and 42 more" in terminal.seen


def test_a_question_can_be_asked_in_between(terminal: Terminal) -> None:
    with LiveReporter(terminal.console) as report:
        report.phase("comparing")
        report.pause()
        assert not report._live.is_started
        report.phase("deploying")
        assert report._live.is_started


@settings(max_examples=40, deadline=None)
@given(words=st.text(alphabet="ab[]/\\ =\n", max_size=30))
def test_brackets_are_text_and_never_markup(words: str) -> None:
    terminal = Terminal()
    with LiveReporter(terminal.console) as report:
        report.phase(f"step {words}")
        report.note(words)
        report.progress(1, 2, words)
        report._live.refresh()
        report.services([waiting(f"x{words}", detail=words)])
        report._live.refresh()


@pytest.mark.parametrize("make", [PlainReporter, lambda: LiveReporter(Terminal().console)])
def test_progress_of_nothing_is_no_error(make: Callable[[], PlainReporter | LiveReporter]) -> None:
    with make() as report:
        report.phase("pulling")
        report.progress(0, 0, "")
        report.services([])


def test_plain_lines_say_how_many_now_and_then_and_who_is_late(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("quorate.entry.cli.progress.time.monotonic", lambda: now)
    names = [f"app_{letter}" for letter in "abcdef"]
    healthy = [Verdict(swarm_name=name, outcome=Outcome.HEALTHY) for name in names]
    waits = [waiting(name) for name in names]
    report = PlainReporter()
    report.phase("deploying 6 services")
    for seconds, count in ((1, 0), (2, 1), (3, 2), (7, 3), (8, 3), (20, 3), (38, 3), (39, 6)):
        now = 100.0 + seconds
        report.services([*healthy[:count], *waits[count:]])
    lines = [line.partition("] ")[2].strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "deploying 6 services",
        "0 of 6 services healthy",
        "3 of 6 services healthy",
        "3 of 6 services healthy; waiting for app_d (starting), app_e (starting), app_f (starting)",
        "6 of 6 services healthy",
    ]


def test_a_failure_is_a_plain_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Verdict(swarm_name="app_web", outcome=Outcome.FAILED, detail="no such image")
    report = PlainReporter()
    for _ in range(2):
        report.services([failed, waiting("app_db")])
    assert capsys.readouterr().err.count("app_web: FAILED: no such image") == 1
