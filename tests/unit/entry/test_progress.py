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
