"""A fleet with every mistake: all reported in one run, each at its line, nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quorate.errors import CheckError
from quorate.fleet.check import check
from quorate.fleet.codes import CODES
from quorate.fleet.problems import Severity
from quorate.fleet.read import read_fleet

MISTAKES = Path(__file__).parents[2] / "cases/fleet/mistakes"
Found = tuple[str, int, str]


def expected() -> set[Found]:
    """The table: `# expect CODE why; CODE why` beside each line of the fixture."""
    return {
        (path.name, number, code)
        for path in MISTAKES.glob("*.yaml")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if "# expect" in line
        for code in re.findall(r"Q\d{3}", line.split("# expect", 1)[1])
    }


def found() -> set[Found]:
    report = check(MISTAKES / "fleet.yaml", environment={})
    assert report.fleet is None
    return {
        (Path(problem.location.file).name, problem.location.line, problem.code)
        for problem in report.problems
        if problem.severity is not Severity.NOTE
    }


def test_every_mistake_is_reported_at_its_line_and_nothing_else() -> None:
    assert found() == expected()


def test_there_are_many_different_mistakes() -> None:
    assert len({code for _, _, code in expected()}) >= 40


def test_problems_come_sorted_by_line_within_a_file() -> None:
    places = [
        (problem.location.file, problem.location.line)
        for problem in check(MISTAKES / "fleet.yaml", environment={}).problems
    ]
    files = list(dict.fromkeys(file for file, _ in places))
    assert places == sorted(places, key=lambda place: (files.index(place[0]), place[1]))


def test_reading_raises_with_every_error_and_no_warning() -> None:
    with pytest.raises(CheckError) as caught:
        read_fleet(MISTAKES / "fleet.yaml", environment={})
    errors = {code for _, _, code in expected() if CODES[code].severity is Severity.ERROR}
    shown = {match[1] for text in caught.value.problems if (match := re.search(r" (Q\d+):", text))}
    assert shown == errors
    assert all(
        re.match(r".+\.yaml:\d+:\d+: error Q\d{3}: .+; .+; what to do: .+", text)
        for text in caught.value.problems
    )


def test_a_password_is_never_shown() -> None:
    report = check(MISTAKES / "fleet.yaml", environment={})
    assert not any("correct-horse" in str(problem) for problem in report.problems)
