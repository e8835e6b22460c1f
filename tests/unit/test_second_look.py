"""A file of tests of a lab that failed is run once more, alone, and both are said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from scripts import second_look

ARGV = [
    "tests/integration",
    "-m",
    "lab and not drill",
    "--numprocesses",
    "2",
    "--dist",
    "loadgroup",
]


class Runs:
    """A pytest in name only: one exit code and report a run, and what it was asked."""

    def __init__(self, *codes: int, failed: Sequence[str] = ()) -> None:
        self.codes, self.failed = list(codes), failed
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str]) -> int:
        self.asked.append(list(argv))
        for argument in argv:
            if argument.startswith("--junitxml="):
                Path(argument.partition("=")[2]).write_text(self.report(), "utf-8")
        return self.codes.pop(0)

    def report(self) -> str:
        cases = [
            f"<testcase file={quoteattr(test.partition('::')[0])} "
            f"name={quoteattr(test.partition('::')[2])}><failure/></testcase>"
            for test in self.failed
        ]
        good = "<testcase file='tests/ok.py' name='ok'/>"
        return f"<testsuites><testsuite>{good}{''.join(cases)}</testsuite></testsuites>"


@pytest.mark.parametrize("code", [0, 2, 5])
def test_only_a_failed_test_is_looked_at_again(code: int) -> None:
    runs = Runs(code)
    assert second_look.look(ARGV, runs) == (code, [])
    assert len(runs.asked) == 1


def test_the_whole_file_runs_alone_and_what_passes_then_is_said() -> None:
    runs = Runs(1, 0, failed=["tests/a.py::one[x]", "tests/a.py::two"])
    code, told = second_look.look(ARGV, runs)
    assert code == 0
    assert runs.asked[1] == ["-m", "lab and not drill", "tests/a.py"]
    assert told == [
        "second look: passed the second time: tests/a.py::one[x]",
        "second look: passed the second time: tests/a.py::two",
    ]


def test_what_fails_twice_has_failed() -> None:
    code, told = second_look.look(ARGV, Runs(1, 1, failed=["tests/a.py::one"]))
    assert code == 1
    assert told == ["second look: failed again: tests/a.py::one"]


def test_more_than_chance_is_not_looked_at_again() -> None:
    runs = Runs(1, failed=["tests/a.py::one", "tests/b.py::one", "tests/c.py::one"])
    assert second_look.look(ARGV, runs) == (1, ["second look: none, as 3 files failed"])
    assert len(runs.asked) == 1


def test_a_file_that_cannot_be_read_is_not_taken_for_every_file() -> None:
    runs = Runs(1, failed=["::broken"])
    assert second_look.look(ARGV, runs) == (1, [])
